// Errors on the wire: application/problem+json, the one place that maps error codes to HTTP (docs/api.md, "Errors").
#pragma once

#include "base/error.hpp"
#include "http/message.hpp"

namespace granary::api {

// Nothing of the caller's but field names stands in it.
http::Response problem(const Error& error, std::string_view path);

}  // namespace granary::api
