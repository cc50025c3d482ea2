// A request as the server read it, and the response a handler gives back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace granary::http {

inline constexpr std::size_t kBodyBytesMax = 1024 * 1024;
inline constexpr std::size_t kHeadBytesMax = 16 * 1024;

// What kept the server from reading the request as a whole. The handler still answers; the connection then closes.
enum class Defect { none, malformed, body_too_large };

struct Request {
  Defect defect = Defect::none;
  std::string method;
  std::string path;   // without the query; not decoded
  std::string query;  // without the question mark; not decoded
  std::string authorization;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> other_headers;  // those whose name is in no standard
  std::string peer;                                                // the client's address, without its port
};

// How a response reaches the client. Everything but `whole` is a fault that the sandbox plays on purpose.
enum class Delivery {
  whole,
  hang,   // never
  drip,   // the body byte by byte
  reset,  // the connection is reset in its place
  cut,    // half of the body, then the connection ends
};

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";
  std::vector<std::pair<std::string_view, std::string>> headers;
  // Lines sent with every response of a handler, each begun by CRLF; a constant.
  std::string_view fixed_headers;
  std::string body;
  bool is_secret = false;  // wiped once it is written
  Delivery delivery = Delivery::whole;
};

// One parameter of a query, decoded (`+` is a blank).
struct Parameter {
  std::string name;
  std::string value;
};
// nullopt on a bad escape. Parameters without a value count as absent.
std::optional<std::vector<Parameter>> parse_query(std::string_view query);

}  // namespace granary::http
