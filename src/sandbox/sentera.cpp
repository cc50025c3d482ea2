// Sentera's FieldAgent: a session for user name and password, then organizations page by page over GraphQL.
#include "sandbox/flow.hpp"
#include "sandbox/graphql.hpp"

namespace granary::sandbox {

namespace {

http::Response refuse_query(const std::string& message) {
  return answer(200, Json::Object{{"data", nullptr}, {"errors", Json::Array{Json::Object{{"message", message}}}}});
}

http::Response refuse_login(const Provider& provider) {
  const Json* status = provider.parameters.at_pointer("/login_refused_statuses/0");
  return answer(status ? static_cast<int>(status->integer().value_or(401)) : 401,
                Json::Object{{"error", "Invalid email or password."}});
}

http::Response begin_session(Accounts& accounts, Account& account) {
  const std::string token = accounts.make_uuid();
  accounts.begin_session(account, token);
  return answer(200, Json::Object{{"auth_token", token},
                                  {"user_sentera_id", "sandbox-user-" + std::to_string(account.number)},
                                  {"user_email", value_of(account.fields, "username")},
                                  {"status", "active"},
                                  {"device_id", nullptr}});
}

Reading read_login(Accounts& accounts, const Call& call, const Json& form) {
  const auto sent = read_request(form, call.provider, call.request, call.path);
  if (!sent) return settled(answer_misfit(sent.error()));
  const Login login = find_login(accounts, call.provider, *sent, [](const Account&, const Values& values) { return values; });
  Reading reading = settled(refuse_login(call.provider));
  reading.account = login.account;
  reading.purpose = Purpose::login;
  if (login.verdict == Login::Verdict::accepted)
    reading.work = [&accounts, account = login.account] { return begin_session(accounts, *account); };
  return reading;
}

// What of the object the selection names, in the selection's order. `missing` gets a name that the object lacks.
Json select(const Json& object, const std::vector<GraphqlField>& selection, std::string& missing) {
  if (const auto* items = object.array()) {
    Json::Array chosen;
    for (const Json& item : *items) chosen.push_back(select(item, selection, missing));
    return chosen;
  }
  Json chosen{Json::Object()};
  for (const GraphqlField& field : selection) {
    const Json* value = object.find(field.name);
    if (!value) missing = field.name;
    else chosen.set(field.alias, field.selection.empty() ? *value : select(*value, field.selection, missing));
  }
  return chosen;
}

Json page_of(const Account& account, std::int64_t page, std::int64_t size) {
  Json::Array results;
  const auto total = static_cast<std::int64_t>(account.organizations.size());
  // Counted down from the total, so that no page number can overflow.
  const std::int64_t first = page - 1 > total / size ? total : (page - 1) * size;
  for (std::int64_t i = first; i < std::min(total, first + size); ++i) {
    const Organization& organization = account.organizations[static_cast<std::size_t>(i)];
    results.push_back(Json::Object{{"sentera_id", organization.id}, {"name", organization.name}});
  }
  return Json::Object{{"total_count", total}, {"page", page}, {"page_size", size}, {"results", std::move(results)}};
}

http::Response answer_query(const Account& account, std::string_view body) {
  const auto sent = Json::parse(body);
  const auto query = sent ? sent->find_string("query") : std::nullopt;
  if (!query) return answer(400, Json::Object{{"message", "the body must be JSON with a query"}});
  const Json* variables = sent->find("variables");
  const auto fields = read_graphql(*query, variables ? *variables : Json());
  if (!fields) return refuse_query(fields.error());
  Json data{Json::Object()};
  for (const GraphqlField& field : *fields) {
    if (field.name != "organizations") return refuse_query("only organizations is simulated, not " + field.name);
    const Json* page = field.arguments.at_pointer("/pagination/page");
    const Json* size = field.arguments.at_pointer("/pagination/page_size");
    const std::int64_t number = page ? page->integer().value_or(0) : 0, wanted = size ? size->integer().value_or(0) : 0;
    if (number < 1 || wanted < 1) return refuse_query("organizations needs a pagination with page and page_size of 1 and above");
    if (field.arguments.object()->size() > 1)
      return refuse_query("of the arguments of organizations only pagination is simulated");
    std::string missing;
    const std::int64_t given = std::min(wanted, account.organizations_per_page);
    data.set(field.alias, select(page_of(account, number, given), field.selection, missing));
    if (!missing.empty()) return refuse_query("organizations has no field " + missing);
  }
  return answer(200, Json::Object{{"data", std::move(data)}});
}

Reading read_query(Accounts& accounts, const Call& call) {
  if (call.request.method != "POST") return settled(refuse_method("POST"));
  const std::string scheme = call.provider.parameters.find_string("token_scheme").value_or("Bearer");
  return read_session(accounts, call.provider, read_token(call.request, scheme),
                      answer(401, Json::Object{{"error", "The token is invalid or has expired."}}),
                      [&call](Account& account) { return answer_query(account, call.request.body); });
}

}  // namespace

Reading read_sentera(Accounts& accounts, const Call& call) {
  if (call.path == call.provider.parameters.find_string("query_path").value_or("/graphql")) return read_query(accounts, call);
  const Json* login = call.provider.parameters.find("login");
  if (is_path_of(login, call.path)) return read_login(accounts, call, *login);
  return settled(answer_misfit({404, "no such route"}));
}

}  // namespace granary::sandbox
