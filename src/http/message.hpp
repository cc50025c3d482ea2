// A request as the server read it, and the response a handler gives back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.hpp"

namespace granary::http {

inline constexpr std::size_t kBodyBytesMax = 1024 * 1024;
inline constexpr std::size_t kHeadBytesMax = 16 * 1024;

// What is wrong with a request's head. The handler still answers; the connection then closes.
enum class Defect { none, malformed, head_too_large };

// Whether a listener keeps the headers whose names are in no standard: each takes many times its bytes.
enum class UnknownHeaders { dropped, kept };

struct Request {
  Defect defect = Defect::none;
  std::string method;
  std::string path;   // without the query; not decoded
  std::string query;  // without the question mark; not decoded
  std::string authorization;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>>
      other_headers;      // whose names are in no standard, where the listener keeps them
  std::string forwarded;  // all values of the header that names clients behind proxies, with commas between them
  std::string peer;       // the client's address, without its port
};

// How the reading of a body ended.
enum class BodyEnd {
  whole,
  malformed,
  too_large,
  no_room,    // in the memory that all bodies share, or in the payer's part of it
  abandoned,  // the connection ended: nobody reads the response, and the request counts as never made
};

// The body of a request, which comes after the head and is read only when its handler asks for it. What a handler leaves
// unread is dropped, and the connection closes.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Whether the head announces one.
  virtual bool has_body() const = 0;
  // Reads it whole, into Request::body. `payer` is whose share of the memory for bodies it takes. Once for each request.
  virtual Task<BodyEnd> read(std::size_t bytes_max, std::string payer) = 0;
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
