// /users/{leafUserId}/{provider}-credentials/events
#include "operation/events.hpp"
#include "api/handlers.hpp"
#include "api/input.hpp"

namespace granary::api {

namespace {

constexpr std::array<std::string_view, 1> kSortKeys = {"createdDate"};

}  // namespace

Task<Result<http::Response>> get_events(Call& call) {
  FieldErrors errors("query");
  const auto query = ListQuery::parse(call.request, kSortKeys, errors);
  if (!errors.empty()) co_return std::move(errors).error();
  const Direction direction = query.sort().empty() ? Direction::descending : query.sort().front().direction;
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto page = co_await list_events(call.parts, call.owner, *call.user, *call.provider, direction, query.page());
  if (!page) co_return std::unexpected(page.error());
  http::Response response;
  JsonWriter json(response.body);
  json.begin_array();
  for (const auto& [id, event] : page->items) {
    json.begin_object();
    json.field("body", event.body);
    json.field("createdDate", format_wire_time(event.created));
    json.field("headers", event.headers);
    json.field("id", id);
    json.key("statusCode").number(event.status_code);
    json.end_object();
  }
  json.end_array();
  query.add_headers(response, "api/users/" + call.user->text() + "/" + call.provider->slug + "/events", page->total);
  co_return response;
}

}  // namespace granary::api
