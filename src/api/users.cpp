// /users and /users/{leafUserId}
#include <algorithm>
#include <array>

#include "api/handlers.hpp"
#include "api/input.hpp"
#include "api/views.hpp"
#include "operation/catalog.hpp"
#include "operation/leaf_users.hpp"

namespace granary::api {

namespace {

constexpr std::string_view kObject = "user";

struct UserField {
  std::string_view name;
  FieldChange LeafUserChange::* change;
};
constexpr std::array<UserField, 5> kFields = {{{"name", &LeafUserChange::name},
                                               {"email", &LeafUserChange::email},
                                               {"phone", &LeafUserChange::phone},
                                               {"address", &LeafUserChange::address},
                                               {"externalId", &LeafUserChange::external_id}}};

enum class Absent { cleared, unchanged };

LeafUserChange read_change(const Json& body, Absent absent, FieldErrors& errors) {
  LeafUserChange change;
  for (const auto& [name, member] : kFields) {
    auto value = read_optional(body, name, errors);
    if (absent == Absent::cleared || body.find(name)) change.*member = std::move(value);
  }
  return change;
}

// A credential key is null, or an object with the id of a credential; its other keys are ignored.
LinkChange read_links(const Json& body, const Catalog& catalog, Absent absent, FieldErrors& errors) {
  LinkChange links{.unlink_others = absent == Absent::cleared};
  for (const Provider& provider : catalog.all()) {
    const Json* value = body.find(provider.user_key);
    if (!value) continue;
    const std::string name(provider.short_name());
    if (value->is_null() || *value == Json("")) {
      links.unlink.push_back(name);
      continue;
    }
    const Json* id = value->find("id");
    if (!value->object() || !id || !id->string() || id->string()->empty()) {
      errors.add(provider.user_key, "must be null or an object with the id of a credential");
      continue;
    }
    // Text that is no UUID is nobody's credential: the zero id is linked to nothing either.
    links.link.emplace_back(name, CredentialId::parse(*id->string()).value_or(CredentialId{}));
  }
  return links;
}

void add_missing_name(FieldErrors& errors) { errors.add("name", "name, email or externalId is required"); }

bool has_name(const LeafUserChange& change) {
  const auto is_set = [](const FieldChange& field) { return field && *field; };
  return is_set(change.name) || is_set(change.email) || is_set(change.external_id);
}

Task<Result<http::Response>> respond(Call& call, int status, const LeafUser& user) {
  http::Response response{.status = status, .is_secret = true};
  JsonWriter json(response.body);
  co_await reveal_all(call.parts, call.owner, std::span(&user, 1),
                      [&](const LeafUser& one, const auto& credentials) { write_user(json, one, credentials); });
  co_return response;
}

// The names stand in the order of the keys.
constexpr std::array<std::string_view, 5> kSortKeys = {"id", "name", "email", "externalId", "createdTime"};
constexpr std::array kSortColumns = {UserSortKey::id, UserSortKey::name, UserSortKey::email, UserSortKey::external_id,
                                     UserSortKey::created_time};

std::unexpected<Error> named(Error error) {
  if (error.code != ErrorCode::invalid_field) return std::unexpected(std::move(error));
  FieldErrors errors{std::string(kObject)};
  add_missing_name(errors);
  return std::move(errors).error();
}

}  // namespace

Task<Result<http::Response>> list_users(Call& call) {
  FieldErrors errors("query");
  const auto query = ListQuery::parse(call.request, kSortKeys, errors);
  if (!errors.empty()) co_return std::move(errors).error();
  std::vector<UserSort> sort;
  for (const auto& [key, direction] : query.sort()) sort.push_back({kSortColumns[key], direction});
  const UserFilter filter{
      .email = query.filter("email"), .name = query.filter("name"), .external_id = query.filter("externalId")};
  const auto page = co_await granary::list_users(call.parts, call.owner, filter, sort, query.page());
  http::Response response{.is_secret = true};
  JsonWriter json(response.body);
  json.begin_array();
  co_await reveal_all(call.parts, call.owner, page.items,
                      [&](const LeafUser& user, const auto& credentials) { write_user(json, user, credentials); });
  json.end_array();
  query.add_headers(response, "api/users", page.total);
  co_return response;
}

Task<Result<http::Response>> create_user(Call& call) {
  const auto body = read_body(call.request);
  if (!body) co_return std::unexpected(body.error());
  FieldErrors errors{std::string(kObject)};
  const auto fields = read_change(*body, Absent::cleared, errors);
  const auto links = read_links(*body, providers(call.parts), Absent::cleared, errors);
  if (errors.empty() && !has_name(fields)) add_missing_name(errors);
  if (!errors.empty()) co_return std::move(errors).error();
  const auto user = co_await granary::create_user(call.parts, call.owner, fields, links);
  if (!user) co_return std::unexpected(user.error());
  auto response = co_await respond(call, 201, *user);
  response->headers.emplace_back("Location", std::string(kBase) + "/users/" + user->id.text());
  co_return response;
}

Task<Result<http::Response>> replace_user(Call& call) {
  const auto body = read_body(call.request);
  if (!body) co_return std::unexpected(body.error());
  FieldErrors errors{std::string(kObject)};
  const auto id = read_optional(*body, "id", errors);
  if (!id && errors.empty()) errors.add("id", "is required");
  const auto fields = read_change(*body, Absent::cleared, errors);
  const auto links = read_links(*body, providers(call.parts), Absent::cleared, errors);
  if (!has_name(fields) && !body->find("name") && !body->find("email") && !body->find("externalId")) add_missing_name(errors);
  else if (errors.empty() && !has_name(fields)) add_missing_name(errors);
  if (!errors.empty()) co_return std::move(errors).error();
  const auto user_id = LeafUserId::parse(*id);
  if (!user_id) co_return fail(ErrorCode::not_found);
  const auto user = co_await change_user(call.parts, call.owner, *user_id, fields, links);
  if (!user) co_return named(user.error());
  co_return co_await respond(call, 200, *user);
}

Task<Result<http::Response>> get_user(Call& call) {
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto user = co_await find_user(call.parts, call.owner, *call.user);
  if (!user) co_return std::unexpected(user.error());
  co_return co_await respond(call, 200, *user);
}

Task<Result<http::Response>> patch_user(Call& call) {
  const auto body = read_body(call.request);
  if (!body) co_return std::unexpected(body.error());
  FieldErrors errors{std::string(kObject)};
  const auto change = read_change(*body, Absent::unchanged, errors);
  const auto links = read_links(*body, providers(call.parts), Absent::unchanged, errors);
  if (!errors.empty()) co_return std::move(errors).error();
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto user = co_await change_user(call.parts, call.owner, *call.user, change, links);
  if (!user) co_return named(user.error());
  co_return co_await respond(call, 200, *user);
}

Task<Result<http::Response>> delete_user(Call& call) {
  if (!call.user) co_return fail(ErrorCode::not_found);
  const auto gone = co_await granary::delete_user(call.parts, call.owner, *call.user);
  if (!gone) co_return std::unexpected(gone.error());
  co_return http::Response{.status = 204};
}

}  // namespace granary::api
