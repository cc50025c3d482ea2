// What a handler is given, and the table that says which handler answers what.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/metrics.hpp"
#include "base/task.hpp"
#include "domain/descriptor.hpp"
#include "http/message.hpp"

namespace granary {
struct Parts;
}

namespace granary::api {

struct Call {
  Parts& parts;
  http::Request& request;
  OwnerId owner;                       // of the token, where the route needs one
  std::optional<LeafUserId> user;      // {leafUserId}; nullopt for text that is no UUID
  const Provider* provider = nullptr;  // {provider}
};

using Handle = Task<Result<http::Response>> (*)(Call& call);
enum class Access {
  open,
  login,  // open, but not to a network that has failed too often
  owner,
};
// The longest body that a route reads; of `none`, none is.
enum class BodyMax : std::size_t { none = 0, login = 4 * 1024, json = http::kBodyBytesMax };

struct Route {
  std::string_view method;
  std::string_view pattern;
  Access access;
  BodyMax body;
  Handle handle;
};

inline constexpr std::string_view kBase = "/services/usermanagement/api";

}  // namespace granary::api
