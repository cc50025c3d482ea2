// The HTTP client: libcurl's multi interface on one thread's io_context. Owned by the checks' thread.
#pragma once

#include <memory>
#include <string>

#include "http/egress_guard.hpp"
#include "http/transport.hpp"

namespace granary::http {

struct TransportOptions {
  std::string ca_file;  // empty: the system's
  std::string proxy;    // empty: none, whatever the environment says
};

class CurlTransport final : public HttpTransport {
 public:
  CurlTransport(asio::io_context& context, const EgressGuard& guard, TransportOptions options);
  ~CurlTransport() override;

  Task<Exchange> exchange(OutboundRequest request) override;
  // Lets the context run out of work once no exchange runs.
  void close_idle();
  // Ends the exchanges that still run, as `unreachable`; later ones end at once.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace granary::http
