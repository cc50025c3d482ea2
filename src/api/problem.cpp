#include "api/problem.hpp"

#include "base/json.hpp"

namespace granary::api {

namespace {

struct Kind {
  int status;
  std::string_view key;
  std::string_view title;
  std::string_view detail;
};

Kind kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed_request: return {400, "invalidBody", "Bad Request", "The request is not well-formed HTTP."};
    case ErrorCode::head_too_large:
      return {431, "headTooLarge", "Request Header Fields Too Large", "Request line and headers have at most 16 KiB."};
    case ErrorCode::invalid_body:
      return {400, "invalidBody", "Bad Request", "The body is not a JSON object that can be accepted."};
    case ErrorCode::invalid_field:
      return {400, "invalidField", "Bad Request", "The fields listed in fieldErrors cannot be accepted."};
    case ErrorCode::not_linkable:
      return {400, "credentialsNotLinkable", "Bad Request", "A credential that was named cannot be linked to this user."};
    case ErrorCode::unauthorized:
      return {401, "unauthorized", "Unauthorized",
              "A valid login token is needed; of a login, the user name or the password is wrong."};
    case ErrorCode::not_found: return {404, "notFound", "Not Found", "There is nothing here."};
    case ErrorCode::method_not_allowed:
      return {405, "methodNotAllowed", "Method Not Allowed", "This method is not allowed here."};
    case ErrorCode::already_exists:
      return {409, "credentialsExist", "Conflict",
              "The user has credentials of this provider; PUT replaces them, DELETE removes them."};
    case ErrorCode::grant_in_use:
      return {409, "grantInUse", "Conflict", "Another credential holds this refresh token, or has spent it; nothing was sent."};
    case ErrorCode::another_account:
      return {409, "anotherAccount", "Conflict", "This is the login of another account; nothing was changed."};
    case ErrorCode::body_too_large:
      return {413, "bodyTooLarge", "Content Too Large", "A body has at most 1 MiB, that of a login 4 KiB."};
    case ErrorCode::unsupported_media_type:
      return {415, "unsupportedMediaType", "Unsupported Media Type", "The body must be application/json."};
    case ErrorCode::refused:
      return {422, "credentialsRefused", "Unprocessable Content", "The provider refuses these credentials; nothing has changed."};
    case ErrorCode::too_many_requests:
      return {429, "tooManyRequests", "Too Many Requests", "Try again after the time in Retry-After."};
    case ErrorCode::provider_unavailable:
      return {503, "providerUnavailable", "Service Unavailable", "The provider could not be asked; nothing has changed."};
    case ErrorCode::store_unavailable:
      return {503, "storeUnavailable", "Service Unavailable", "The store cannot be used now; try again."};
    case ErrorCode::busy:
      return {503, "busy", "Service Unavailable", "Too much is being sent at once; try again after the time in Retry-After."};
    case ErrorCode::seal_broken:
      return {500, "sealBroken", "Internal Server Error", "The sealed fields of this credential do not open."};
    case ErrorCode::internal: break;
  }
  return {500, "internal", "Internal Server Error", "Something went wrong here."};
}

}  // namespace

http::Response problem(const Error& error, std::string_view path) {
  const Kind kind = kind_of(error.code);
  http::Response response{.status = kind.status, .content_type = "application/problem+json"};
  JsonWriter json(response.body);
  json.begin_object();
  json.field("type", "about:blank").field("title", kind.title);
  json.key("status").number(kind.status);
  // Whose the token is, the client is to know: it is the same owner's.
  const std::string_view detail = error.code == ErrorCode::grant_in_use ? std::string_view(error.detail) : kind.detail;
  json.field("detail", detail).field("path", path);
  json.field("message", error.message.empty() ? kind.detail : std::string_view(error.message)).field("errorKey", kind.key);
  if (!error.reason.empty()) json.field("reason", error.reason);
  if (!error.fields.empty()) {
    json.key("fieldErrors").begin_array();
    for (const auto& [object, field, message] : error.fields)
      json.begin_object().field("objectName", object).field("field", field).field("message", message).end_object();
    json.end_array();
  }
  json.end_object();
  if (kind.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (kind.status == 429 || error.code == ErrorCode::busy)
    response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(error.retry_after.count(), 1)));
  return response;
}

}  // namespace granary::api
