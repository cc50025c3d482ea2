// The whole API as one table, and the way of a request through it: route, method, token, body, handler.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "api/call.hpp"
#include "http/server.hpp"

namespace granary {
class Log;
}

namespace granary::api {

std::span<const Route> routes();

// Answers the requests of one thread. The references outlive it.
http::Handler make_handler(Parts& parts, const Catalog& catalog, Log& log, Metrics& metrics);

// The response to a connection over the limits.
http::Response too_many_connections();

}  // namespace granary::api
