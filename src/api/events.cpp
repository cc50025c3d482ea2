// /users/{leafUserId}/{provider}-credentials/events
#include "operation/events.hpp"
#include "api/handlers.hpp"
#include "api/input.hpp"

namespace granary::api {

namespace {

Result<Direction> read_direction(const ListQuery& query) {
  Direction direction = Direction::descending;
  for (const std::string& sort : query.sort()) {
    if (sort == "createdDate" || sort == "createdDate,asc") direction = Direction::ascending;
    else if (sort == "createdDate,desc") direction = Direction::descending;
    else return bad_query("sort", "must be createdDate,asc or createdDate,desc");
  }
  return direction;
}

}  // namespace

Task<Result<http::Response>> get_events(Call& call) {
  const auto query = ListQuery::parse(call.request, {});
  if (!query) co_return std::unexpected(query.error());
  const auto direction = read_direction(*query);
  if (!direction) co_return std::unexpected(direction.error());
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto page = co_await list_events(call.parts, call.owner, *call.user, *call.provider, *direction, query->page());
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
  query->add_headers(response, "api/users/" + call.user->text() + "/" + call.provider->slug + "/events", page->total);
  co_return response;
}

}  // namespace granary::api
