// Runs a Product as a server until it is told to stop.
#pragma once

#include <functional>

#include "http/server.hpp"
#include "product.hpp"

namespace granary {

// What SIGHUP asks for: a service reads its certificate anew, a program in a terminal ends with it (but not after nohup).
enum class Hangup { reads_certificate, ends };

struct Serving {
  http::Endpoint endpoint;
  std::optional<http::Endpoint> metrics_endpoint;
  http::TlsCertificate* tls = nullptr;
  Hangup on_hangup = Hangup::reads_certificate;
};

// Returns after SIGTERM or SIGINT, once what was in flight has ended (at most 10 s). `main` is the context of the calling
// thread, stopped at the end; `when_ready` is told the endpoint that was taken and may start tasks there.
void serve(Product& product, const config::Config& config, const Serving& serving, asio::io_context& main,
           const std::function<void(const http::Endpoint& taken)>& when_ready);

}  // namespace granary
