// SSI Agvance: a session for key, database, user name and password. Every answer is an envelope; its Status counts, not
// that of HTTP.
#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"
#include "sandbox/flow.hpp"

namespace granary::sandbox {

namespace {

Json envelope(const char* status, std::string_view message) {
  return Json::Object{
      {"Status", status}, {"Message", message}, {"ErrorList", Json::Array{}}, {"WarningList", Json::Array{}}, {"Count", 0}};
}

// The usual message, unless the descriptor knows none like it.
std::string refusal_message(const Provider& provider) {
  constexpr std::string_view kUsual = "Invalid login: the API key, database, user name or password is not valid.";
  const Json* known = provider.parameters.find("refused_messages");
  if (!known || !known->array() || known->array()->empty()) return std::string(kUsual);
  for (const Json& pattern : *known->array())
    if (pattern.string() && to_lower(kUsual).contains(to_lower(*pattern.string()))) return std::string(kUsual);
  const Json& first = known->array()->front();
  return first.string() ? *first.string() : std::string(kUsual);
}

// Puts a value where a JSON pointer says, making the objects and lists on the way; a number names the place in a list,
// which gets one item.
void set_at(Json& json, std::string_view pointer, const Json& value) {
  if (!pointer.starts_with('/')) {
    json = value;
    return;
  }
  pointer.remove_prefix(1);
  const std::string_view name = pointer.substr(0, pointer.find('/'));
  pointer.remove_prefix(name.size());
  if (name == "0") {
    if (!json.array() || json.array()->empty()) json = Json::Array{Json()};
    set_at(json.array()->front(), pointer, value);
    return;
  }
  const Json* old = json.find(name);
  Json inner = old ? *old : Json();
  set_at(inner, pointer, value);
  if (!json.object()) json = Json::Object();
  json.set(name, std::move(inner));
}

http::Response begin_session(Accounts& accounts, Account& account) {
  const std::string session = accounts.make_uuid();
  accounts.begin_session(account, session);
  Json body = envelope("0", "OK");
  body.set("Count", 1);
  body.set("APIUsers", Json::Array{Json::Object{{"UseriD", value_of(account.fields, "username")},  // as Agvance spells it
                                                {"Application", "Granary sandbox"},
                                                {"SessionLogKey", accounts.make_uuid()}}});
  const Json* place = account.provider->parameters.at_pointer("/session_id_pointers/0");
  set_at(body, place && place->string() ? *place->string() : "/APIUsers/0/SessionID", session);
  return answer(200, body);
}

Reading read_login(Accounts& accounts, const Call& call, const Json& form) {
  const auto sent = read_request(form, call.provider, call.request, call.path);
  if (!sent) return settled(answer(sent.error().status, Json::Object{{"Message", sent.error().message}}));
  const Login login = find_login(accounts, call.provider, *sent, [](const Account&, const Values& values) { return values; });
  Reading reading = settled(answer(200, envelope("1", refusal_message(call.provider))));
  reading.account = login.account;
  reading.purpose = Purpose::login;
  if (login.verdict == Login::Verdict::accepted)
    reading.work = [&accounts, account = login.account] { return begin_session(accounts, *account); };
  return reading;
}

Reading read_probe(Accounts& accounts, const Call& call, const Json& form) {
  const auto fits = read_request(form, call.provider, call.request, call.path);
  if (!fits) return settled(answer(fits.error().status, Json::Object{{"Message", fits.error().message}}));
  const std::string header = call.provider.parameters.find_string("session_header").value_or("SessionID");
  return read_session(accounts, call.provider, std::string(header_of(call.request, header)),
                      answer(401, envelope("1", "The session is not valid.")),
                      [](Account&) { return answer(200, envelope("0", "OK")); });
}

}  // namespace

Reading read_agvance(Accounts& accounts, const Call& call) {
  for (const auto& [parameter, read] : {std::pair("login", &read_login), std::pair("probe", &read_probe)})
    if (const Json* form = call.provider.parameters.find(parameter); is_path_of(form, call.path))
      return read(accounts, call, *form);
  return settled(answer(404, Json::Object{{"Message", "No HTTP resource was found that matches the request URI."}}));
}

}  // namespace granary::sandbox
