// How requests leave: one exchange, sent at most once, within a deadline. An interface, because the simulation answers
// in the provider's place.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace granary::http {

inline constexpr std::size_t kAnswerBytesMax = 1024 * 1024;
inline constexpr std::size_t kAnswerHeadBytesMax = 64 * 1024;

struct OutboundRequest {
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Over a connection of its own, so that no layer below can have a reason to send it twice.
  bool fresh_connection = false;
  SteadyTime deadline;
};

enum class ExchangeFailure {
  unresolved,   // the name has no address
  unreachable,  // no connection, or it ended before an answer came
  tls,          // the peer is not who it should be
  blocked,      // the egress guard refused the address
  timeout,
  cut,  // an answer began and did not end
  too_large,
  abandoned,  // by ourselves, since the server stops: nothing is known of it
};

struct Exchange {
  int status = 0;  // as received, also when the answer was cut; 0: none
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<ExchangeFailure> failure;
  bool was_sent = false;  // the peer may have seen the request

  // Empty when absent; names in any case.
  std::string_view header(std::string_view name) const;
};

class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  // Runs on the caller's executor. Throws nothing: every way to fail is in the result.
  virtual Task<Exchange> exchange(OutboundRequest request) = 0;
};

}  // namespace granary::http
