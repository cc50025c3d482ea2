// Status, history, check and report of one credential, the list of all, the providers, and the server's own health.
#include "operation/health.hpp"
#include "api/handlers.hpp"
#include "api/input.hpp"
#include "api/views.hpp"
#include "operation/catalog.hpp"
#include "operation/readiness.hpp"

namespace granary::api {

namespace {

http::Response respond(const HealthReport& health) {
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object();
  write_health(json, health);
  json.end_object();
  return response;
}

constexpr std::array<std::string_view, 9> kListParameters = {
    "status", "provider", "action", "reason", "leafUserId", "externalId", "changedSince", "expiringBefore", "sort"};

// Of a filter that takes several values; what is no value of it is wrong.
template <class Value, class Named>
std::vector<Value> read_any_of(const ListQuery& query, std::string_view name, Named named, std::string_view message,
                               FieldErrors& errors) {
  std::vector<Value> values;
  for (const std::string& text : query.filters(name)) {
    const std::optional<Value> value = named(text);
    if (!value) {
      errors.add(name, message);
      return {};
    }
    values.push_back(*value);
  }
  return values;
}

std::optional<WallTime> read_time(const ListQuery& query, std::string_view name, FieldErrors& errors) {
  const auto text = query.filter(name);
  if (!text) return std::nullopt;
  const auto time = parse_wire_time(*text);
  if (!time) errors.add(name, "must be a time such as 2026-01-15T12:00:00.000000Z");
  return time;
}

CredentialFilter read_filter(const ListQuery& query, const Catalog& catalog, FieldErrors& errors) {
  const auto known_provider = [&](const std::string& name) {
    return catalog.find_short_name(name) ? std::optional(name) : std::nullopt;
  };
  // `sort` is refused where it was read.
  query.refuse_others(kListParameters, errors);
  return {
      .statuses = read_any_of<Status>(query, "status", status_named,
                                      "must be one of OK, UNAUTHENTICATED, MISSING_PERMISSION, TEMPORARILY_UNAVAILABLE", errors),
      .providers = read_any_of<std::string>(query, "provider", known_provider,
                                            "must be the path segment of a provider, without -credentials", errors),
      .actions = read_any_of<Action>(query, "action", action_named,
                                     "must be one of wait, reconnect, fix_application, grant_permission, operator", errors),
      .reasons = read_any_of<Reason>(query, "reason", reason_named, "must be a reason of the status body", errors),
      .leaf_users = read_any_of<LeafUserId>(query, "leafUserId", LeafUserId::parse, "must be the id of a Leaf user", errors),
      .external_id = query.filter("externalId"),
      .changed_since = read_time(query, "changedSince", errors),
      .expiring_before = read_time(query, "expiringBefore", errors)};
}

// The status that a client's own call was answered with; what it says beside it is kept nowhere.
Result<std::int64_t> read_report(const Json& body, const Provider& provider) {
  FieldErrors errors(provider.user_key);
  const Json* given = body.find("statusCode");
  const auto status = given ? given->integer() : std::nullopt;
  if (!given || given->is_null()) errors.add("statusCode", "is required");
  else if (!status || *status < 100 || *status > 599) errors.add("statusCode", "must be a whole number from 100 to 599");
  read_optional(body, "message", errors);
  if (!errors.empty()) return std::move(errors).error();
  return *status;
}

http::Response say(std::string_view word) {
  http::Response response;
  JsonWriter(response.body).begin_object().field("status", word).end_object();
  return response;
}

}  // namespace

Task<Result<http::Response>> get_status(Call& call) {
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto health = co_await find_health(call.parts, call.owner, *call.user, *call.provider);
  if (!health) co_return std::unexpected(health.error());
  co_return respond(*health);
}

Task<Result<http::Response>> check_credentials(Call& call) {
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto health = co_await check_health(call.parts, call.owner, *call.user, *call.provider);
  if (!health) co_return std::unexpected(health.error());
  co_return respond(*health);
}

Task<Result<http::Response>> report_answer(Call& call) {
  const auto body = read_body(call.request);
  if (!body) co_return std::unexpected(body.error());
  const auto status = read_report(*body, *call.provider);
  if (!status) co_return std::unexpected(status.error());
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto health = co_await granary::report_answer(call.parts, call.owner, *call.user, *call.provider, *status);
  if (!health) co_return std::unexpected(health.error());
  co_return respond(*health);
}

Task<Result<http::Response>> list_credentials(Call& call) {
  FieldErrors errors("query");
  const auto query = ListQuery::parse(call.request, {}, errors);
  const auto filter = read_filter(query, providers(call.parts), errors);
  if (!errors.empty()) co_return std::move(errors).error();
  const auto page = co_await list_health(call.parts, call.owner, filter, query.page());
  http::Response response;
  JsonWriter json(response.body);
  json.begin_array();
  for (const HealthReport& health : page.items) {
    json.begin_object();
    json.field("id", health.id.text()).field("leafUserId", health.leaf_user.text()).field("provider", health.provider);
    write_health(json, health);
    json.field("externalId", health.external_id).field("leafUserName", health.leaf_user_name);
    json.end_object();
  }
  json.end_array();
  query.add_headers(response, "api/credentials", page.total);
  co_return response;
}

Task<Result<http::Response>> get_history(Call& call) {
  FieldErrors errors("query");
  const auto query = ListQuery::parse(call.request, {}, errors);
  if (!errors.empty()) co_return std::move(errors).error();
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto page = co_await list_history(call.parts, call.owner, *call.user, *call.provider, query.page());
  if (!page) co_return std::unexpected(page.error());
  http::Response response;
  JsonWriter json(response.body);
  json.begin_array();
  for (const StatusChange& change : page->items) write_change(json, change);
  json.end_array();
  query.add_headers(response, "api/users/" + call.user->text() + "/" + call.provider->slug + "/history", page->total);
  co_return response;
}

Task<Result<http::Response>> list_providers(Call& call) {
  const auto providers = co_await list_own_providers(call.parts, call.owner);
  http::Response response;
  JsonWriter json(response.body);
  json.begin_array();
  for (const OwnProvider& provider : providers) write_provider(json, provider);
  json.end_array();
  co_return response;
}

Task<Result<http::Response>> get_live(Call&) { co_return say("live"); }

Task<Result<http::Response>> get_ready(Call& call) {
  if (!co_await is_ready(call.parts)) co_return fail(ErrorCode::store_unavailable);
  if (asks_providers(call.parts)) co_return say("ready");
  http::Response response;
  JsonWriter(response.body).begin_object().field("status", "ready").field("checks", "off").end_object();
  co_return response;
}

}  // namespace granary::api
