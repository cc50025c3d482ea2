// /users/{leafUserId}/{provider}-credentials
#include "operation/credentials.hpp"
#include "api/handlers.hpp"
#include "api/input.hpp"
#include "api/views.hpp"
#include "base/encoding.hpp"

namespace granary::api {

namespace {

// By the descriptor: required, type, length, enum; unknown properties are ignored.
Result<Fields> read_fields(const Json& body, const Provider& provider) {
  FieldErrors errors(provider.user_key);
  Fields fields;
  for (const RequestField& field : provider.request) {
    const Json* given = body.find(field.name);
    const bool is_empty = given && given->string() && given->string()->empty();
    auto value = read_optional(body, field.name, errors, provider.code_points_max(field.name));
    const bool was_faulty = given && !given->is_null() && !is_empty && !value;
    if (was_faulty) continue;
    if (value && field.trim) {
      value = std::string(trim(*value));
      if (value->find_first_of("\r\n") != std::string::npos) {
        errors.add(field.name, "must be one line");
        continue;
      }
      if (value->empty()) value.reset();
    }
    if (!value && field.required) {
      errors.add(field.name, "is required");
    } else if (!field.allowed.empty() &&
               (is_empty || (value && std::ranges::find(field.allowed, *value) == field.allowed.end()))) {
      std::string message = "must be one of";
      for (const auto& allowed : field.allowed) message += (&allowed == field.allowed.data() ? " " : ", ") + allowed;
      errors.add(field.name, message);
    } else if (value) {
      fields.set(field.name, Plaintext(std::move(*value)));
    }
  }
  if (!errors.empty()) return std::move(errors).error();
  return fields;
}

http::Response respond(int status, const Revealed& credentials) {
  http::Response response{.status = status, .is_secret = true};
  response.body.reserve(512);
  JsonWriter json(response.body);
  write_credentials(json, credentials);
  return response;
}

// The body as a tree is gone before a provider is asked: it may be large, and that may take long.
Result<Fields> read_fields_of(Call& call) {
  const auto body = read_body(call.request);
  if (!body) return std::unexpected(body.error());
  return read_fields(*body, *call.provider);
}

// Whether the login may be of another account than the stored one.
Result<Account> read_account(const Call& call) {
  FieldErrors errors("query");
  Account account = Account::any;
  const auto parameters = http::parse_query(call.request.query);
  if (!parameters) errors.add("query", "must be percent-encoded UTF-8");
  else
    for (const auto& [name, value] : *parameters) {
      if (name != "sameAccount") continue;
      if (value != "true" && value != "false") errors.add(name, "must be true or false");
      account = value == "true" ? Account::same : Account::any;
    }
  if (!errors.empty()) return std::move(errors).error();
  return account;
}

}  // namespace

Task<Result<http::Response>> get_credentials(Call& call) {
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto revealed = co_await reveal(call.parts, call.owner, *call.user, *call.provider);
  if (!revealed) co_return std::unexpected(revealed.error());
  co_return respond(200, *revealed);
}

Task<Result<http::Response>> create_credentials(Call& call) {
  auto fields = read_fields_of(call);
  if (!fields) co_return std::unexpected(fields.error());
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto made = co_await connect(call.parts, call.owner, *call.user, *call.provider, std::move(*fields));
  if (!made) co_return std::unexpected(made.error());
  co_return respond(201, *made);
}

Task<Result<http::Response>> replace_credentials(Call& call) {
  const auto account = read_account(call);
  if (!account) co_return std::unexpected(account.error());
  auto fields = read_fields_of(call);
  if (!fields) co_return std::unexpected(fields.error());
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto changed = co_await reconnect(call.parts, call.owner, *call.user, *call.provider, std::move(*fields), *account);
  if (!changed) co_return std::unexpected(changed.error());
  co_return respond(200, *changed);
}

Task<Result<http::Response>> delete_credentials(Call& call) {
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto gone = co_await disconnect(call.parts, call.owner, *call.user, *call.provider);
  if (!gone) co_return std::unexpected(gone.error());
  co_return http::Response{.status = 204};
}

}  // namespace granary::api
