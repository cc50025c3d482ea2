#include "sandbox/control.hpp"

#include <algorithm>

#include "sandbox/flow.hpp"

namespace granary::sandbox {

namespace {

using http::Request;
using http::Response;

Response problem(int status, const std::string& message) {
  return answer(status, Json::Object{{"status", status}, {"message", message}});
}

std::optional<Json> read_object(const Request& request) {
  auto body = Json::parse(request.body);
  if (!body || !body->object()) return std::nullopt;
  return body;
}

constexpr const char* kNoObject = "the body must be a JSON object in which no name comes twice";
constexpr const char* kTwin = "an account that the provider could not tell from this one exists: ";

// `account` is null where the route names none.
Response show_everything(Scene& scene, const Request&, Account*) { return answer(200, show_scene(scene)); }

Response create_account(Scene& scene, const Request& request, Account*) {
  const auto body = read_object(request);
  if (!body) return problem(400, kNoObject);
  const Provider* provider = scene.catalog.find_short_name(body->find_string("provider").value_or(""));
  if (!provider) return problem(400, "provider must be the short name of a provider, as GET /sandbox lists them");
  auto settings = read_settings(*provider, *body);
  if (!settings) return problem(400, settings.error());
  if (const Account* twin = scene.accounts.find_twin(*provider, settings->fields)) return problem(409, kTwin + twin->id());
  Account* account = scene.accounts.create(*provider, std::move(*settings));
  if (!account)
    return problem(409, "there are " + std::to_string(kAccountsMax) + " accounts, which is the most: delete some first");
  auto response = answer(201, show_account(*account));
  response.headers.emplace_back("Location", "/sandbox/accounts/" + account->id());
  return response;
}

Response show_one(Scene&, const Request&, Account* account) { return answer(200, show_account(*account)); }

Response change_account(Scene& scene, const Request& request, Account* account) {
  const auto body = read_object(request);
  if (!body) return problem(400, kNoObject);
  if (body->find("provider")) return problem(400, "provider cannot be changed");
  auto settings = read_settings(*account->provider, *body);
  if (!settings) return problem(400, settings.error());
  Values fields = account->fields;
  for (const auto& [name, value] : settings->fields) fields[name] = value;
  if (const Account* twin = scene.accounts.find_twin(*account->provider, fields, account))
    return problem(409, kTwin + twin->id());
  scene.accounts.change(*account, std::move(*settings));
  return answer(200, show_account(*account));
}

Response delete_account(Scene& scene, const Request&, Account* account) {
  scene.faults.remove("", account->id());
  scene.accounts.remove(*account);
  Response response;
  response.status = 204;
  return response;
}

Response revoke_account(Scene& scene, const Request&, Account* account) {
  scene.accounts.revoke(*account, "revoked through the control interface");
  return answer(200, show_account(*account));
}

Response restore_account(Scene& scene, const Request&, Account* account) {
  scene.accounts.restore(*account);
  return answer(200, show_account(*account));
}

Response expire_sessions(Scene& scene, const Request&, Account* account) {
  scene.accounts.end_sessions(*account);
  return answer(200, show_account(*account));
}

Response put_fault(Scene& scene, const Request& request, Account*) {
  const auto body = read_object(request);
  if (!body) return problem(400, kNoObject);
  auto fault = read_fault(scene, *body);
  if (!fault) return problem(400, fault.error());
  if (!scene.faults.add(std::move(*fault)))
    return problem(409, "there are " + std::to_string(kFaultsMax) + " faults, which is the most: remove some first");
  return answer(200, show_faults(scene));
}

Response delete_faults(Scene& scene, const Request& request, Account*) {
  const auto query = http::parse_query(request.query);
  std::string provider, account;
  if (!query) return problem(400, "the query is malformed");
  for (const auto& [name, value] : *query) {
    if (name == "provider") provider = value;
    else if (name == "account") account = value;
    else return problem(400, "the query may name provider and account only");
  }
  scene.faults.remove(provider, account);
  return answer(200, show_faults(scene));
}

struct Route {
  std::string_view method;
  std::string_view path;  // `*` stands for an account's id
  Response (*handle)(Scene&, const Request&, Account*);
};
constexpr Route kRoutes[] = {
    {"GET", "/sandbox", show_everything},
    {"POST", "/sandbox/accounts", create_account},
    {"GET", "/sandbox/accounts/*", show_one},
    {"PATCH", "/sandbox/accounts/*", change_account},
    {"DELETE", "/sandbox/accounts/*", delete_account},
    {"POST", "/sandbox/accounts/*/revoke", revoke_account},
    {"POST", "/sandbox/accounts/*/restore", restore_account},
    {"POST", "/sandbox/accounts/*/expire-sessions", expire_sessions},
    {"PUT", "/sandbox/faults", put_fault},
    {"DELETE", "/sandbox/faults", delete_faults},
};

// Whether the path has the route's form; `id` is then what stands in the star's place.
bool is_route(const Route& route, std::string_view path, std::string_view& id) {
  const auto star = route.path.find('*');
  if (star == std::string_view::npos) return path == route.path;
  const std::string_view after = route.path.substr(star + 1);
  if (path.size() <= star + after.size() || !path.starts_with(route.path.substr(0, star)) || !path.ends_with(after)) return false;
  id = path.substr(star, path.size() - star - after.size());
  return !id.contains('/');
}

}  // namespace

Response control(Scene& scene, const Request& request) {
  std::string_view path = request.path;
  if (path.ends_with('/')) path.remove_suffix(1);
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::string allowed;
  for (const Route& route : kRoutes) {
    std::string_view id;
    if (!is_route(route, path, id)) continue;
    if (route.method != method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    Account* account = id.empty() ? nullptr : scene.accounts.find(id);
    if (!id.empty() && !account) return problem(404, "there is no such account");
    return route.handle(scene, request, account);
  }
  if (allowed.empty()) return problem(404, "there is no such route: docs/sandbox.md lists them");
  auto response = problem(405, "this route has only " + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace granary::sandbox
