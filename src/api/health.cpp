// Status and check of one credential, the list of all, and the server's own health.
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

CredentialFilter read_filter(const ListQuery& query, const Catalog& catalog, FieldErrors& errors) {
  CredentialFilter filter;
  if (const auto status = query.filter("status")) {
    filter.status = status_named(*status);
    if (!filter.status) errors.add("status", "must be one of OK, UNAUTHENTICATED, MISSING_PERMISSION, TEMPORARILY_UNAVAILABLE");
  }
  filter.provider = query.filter("provider");
  if (filter.provider && !catalog.find_short_name(*filter.provider))
    errors.add("provider", "must be the path segment of a provider, without -credentials");
  if (const auto since = query.filter("changedSince")) {
    filter.changed_since = parse_wire_time(*since);
    if (!filter.changed_since) errors.add("changedSince", "must be a time such as 2026-01-15T12:00:00.000000Z");
  }
  return filter;
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
    json.end_object();
  }
  json.end_array();
  query.add_headers(response, "api/credentials", page.total);
  co_return response;
}

Task<Result<http::Response>> get_live(Call&) { co_return say("live"); }

Task<Result<http::Response>> get_ready(Call& call) {
  if (!co_await is_ready(call.parts)) co_return fail(ErrorCode::store_unavailable);
  co_return say("ready");
}

}  // namespace granary::api
