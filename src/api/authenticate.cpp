// POST /api/authenticate. Any Authorization header is ignored.
#include "api/handlers.hpp"
#include "api/input.hpp"
#include "http/client_address.hpp"
#include "operation/owners.hpp"

namespace granary::api {

namespace {

// A boolean, "true" or "false", or absent.
std::optional<Remember> read_remember(const Json& body, FieldErrors& errors) {
  const Json* value = body.find("rememberMe");
  if (!value || value->is_null() || *value == Json("") || *value == Json("false") || *value == Json(false)) return Remember::day;
  if (*value == Json("true") || *value == Json(true)) return Remember::month;
  errors.add("rememberMe", "must be true or false");
  return std::nullopt;
}

}  // namespace

Task<Result<http::Response>> authenticate_owner(Call& call) {
  auto body = read_body(call.request);
  if (!body) co_return std::unexpected(body.error());
  FieldErrors errors("login");
  auto username = read_required(*body, "username", errors);
  auto password = read_required(*body, "password", errors);
  const auto remember = read_remember(*body, errors);
  if (!errors.empty() || !username || !password) co_return std::move(errors).error();
  const LoginTry attempt{
      .username = std::move(*username), .network = http::network_of(call.request.peer), .address = call.request.peer};
  auto token = co_await log_in(call.parts, attempt, Plaintext(std::move(*password)), *remember);
  if (!token) co_return std::unexpected(token.error());
  http::Response response{.is_secret = true};
  JsonWriter(response.body).begin_object().field("id_token", *token).end_object();
  co_return response;
}

}  // namespace granary::api
