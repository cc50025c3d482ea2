// POST /api/authenticate. Any Authorization header is ignored.
#include "api/handlers.hpp"
#include "api/input.hpp"
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

std::chrono::seconds LoginLimit::try_one(const std::string& address, std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (by_address_.size() >= kAddressesMax) by_address_.clear();
  Window& window = by_address_[address];
  if (window.count == 0 || now - window.begin >= std::chrono::minutes(1)) window = {.begin = now};
  if (window.count >= per_minute_) return std::chrono::ceil<std::chrono::seconds>(window.begin + std::chrono::minutes(1) - now);
  ++window.count;
  return std::chrono::seconds(0);
}

Task<Result<http::Response>> authenticate_owner(Call& call) {
  auto body = read_body(call.request);
  if (!body) co_return std::unexpected(body.error());
  FieldErrors errors("login");
  auto username = read_required(*body, "username", errors);
  auto password = read_required(*body, "password", errors);
  const auto remember = read_remember(*body, errors);
  if (!errors.empty() || !username || !password) co_return std::move(errors).error();
  if (const auto wait = call.logins.try_one(call.request.peer, std::chrono::steady_clock::now()); wait.count() > 0) {
    auto busy = fail(ErrorCode::too_many_requests);
    busy.error().retry_after = wait;
    co_return busy;
  }
  auto token = co_await log_in(call.parts, std::move(*username), Plaintext(std::move(*password)), *remember);
  if (!token) co_return std::unexpected(token.error());
  http::Response response{.is_secret = true};
  JsonWriter(response.body).begin_object().field("id_token", *token).end_object();
  co_return response;
}

}  // namespace granary::api
