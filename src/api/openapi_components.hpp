// The components of docs/openapi.json (schemas, parameters, headers, errors), and the pieces of JSON that it is built of. For
// openapi.cpp.
#pragma once

#include <array>
#include <initializer_list>
#include <string>

#include "base/json.hpp"
#include "domain/descriptor.hpp"

namespace granary::api {

using Members = std::initializer_list<std::pair<std::string_view, Json>>;

inline Json object(Members members) {
  Json out{Json::Object()};
  for (const auto& [key, value] : members) out.set(key, value);
  return out;
}
inline Json list(std::initializer_list<Json> items) { return Json(Json::Array(items)); }
inline Json reference(const std::string& to) { return object({{"$ref", "#/components/" + to}}); }
inline Json content(const Json& schema, const char* type = "application/json") {
  return object({{type, object({{"schema", schema}})}});
}

struct Problem {
  const char* status;
  const char* name;
  const char* description;
};
inline constexpr std::array<Problem, 12> kProblems = {
    {{"400", "BadRequest", "The body or a field cannot be accepted"},
     {"401", "Unauthorized", "No valid login token"},
     {"404", "NotFound", "No such route, user or credential; also another owner's"},
     {"409", "Conflict",
      "The user has credentials of this provider, or another credential holds the refresh token or has spent it"},
     {"413", "ContentTooLarge", "The body has more than 1 MiB, that of a login more than 4 KiB"},
     {"415", "UnsupportedMediaType", "The body is not JSON"},
     {"422", "Unprocessable", "The provider refuses the credentials; nothing has changed"},
     {"429", "TooManyRequests", "Over a limit; try again after Retry-After"},
     {"431", "HeadTooLarge", "Request line and headers have more than 16 KiB"},
     {"500", "InternalError", "Something went wrong here, or the credential's seal is broken"},
     {"503", "Unavailable", "The store or the provider cannot be used now, or too much is being sent at once (Retry-After)"},
     {"405", "MethodNotAllowed", "This method is not allowed here"}}};

Json make_components(const Catalog& catalog);

}  // namespace granary::api
