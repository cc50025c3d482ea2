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

class LoginLimit;

struct Call {
  Parts& parts;
  LoginLimit& logins;
  http::Request& request;
  OwnerId owner;                       // of the token, where the route needs one
  std::optional<LeafUserId> user;      // {leafUserId}; nullopt for text that is no UUID
  const Provider* provider = nullptr;  // {provider}
};

using Handle = Task<Result<http::Response>> (*)(Call& call);
enum class Access { open, owner };

struct Route {
  std::string_view method;
  std::string_view pattern;
  Access access;
  Handle handle;
};

inline constexpr std::string_view kBase = "/services/usermanagement/api";

}  // namespace granary::api
