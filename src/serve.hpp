// Runs a Product as a server until it is told to stop.
#pragma once

#include <functional>

#include "http/server.hpp"
#include "product.hpp"

namespace granary {

struct Serving {
  http::Endpoint endpoint;
  std::optional<http::Endpoint> metrics_endpoint;
  asio::ssl::context* tls = nullptr;
};

// Returns after SIGTERM or SIGINT, once what was in flight has ended (at most 10 s). `main` is the context of the calling
// thread, stopped at the end; `when_ready` is told the endpoint that was taken and may start tasks there.
void serve(Product& product, const config::Config& config, const Serving& serving, asio::io_context& main,
           const std::function<void(const http::Endpoint& taken)>& when_ready);

}  // namespace granary
