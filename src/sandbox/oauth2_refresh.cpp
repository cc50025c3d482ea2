// The token endpoint of RFC 6749, section 6, with one-use refresh tokens. A token that comes a second time revokes the
// whole family (RFC 9700, section 4.14.2): that is what makes a lost rotation dear.
#include <algorithm>

#include "base/encoding.hpp"
#include "sandbox/flow.hpp"

namespace granary::sandbox {

namespace {

struct Client {
  std::string id;
  std::string secret;
};

std::string_view first_of(const std::vector<http::Parameter>& form, std::string_view name) {
  for (const auto& parameter : form)
    if (parameter.name == name) return parameter.value;
  return {};
}

std::optional<Client> read_basic(const http::Request& request) {
  const auto pair = from_base64(read_token(request, "Basic"));
  const auto colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return Client{.id = pair->substr(0, colon), .secret = pair->substr(colon + 1)};
}

std::optional<Client> read_client(const Call& call, const std::vector<http::Parameter>& form) {
  if (call.provider.parameters.find_string("client_authentication").value_or("basic") == "basic") return read_basic(call.request);
  return Client{.id = std::string(first_of(form, "client_id")), .secret = std::string(first_of(form, "client_secret"))};
}

// RFC 6749 has the pair form-encoded before base64; many clients leave that out.
bool is_same(std::string_view sent, std::string_view known) { return sent == known || percent_decode(sent) == known; }

bool is_client_of(const Account& account, const Client& client) {
  const auto names = login_fields(*account.provider);
  return is_same(client.id, value_of(account.fields, names[1])) && is_same(client.secret, value_of(account.fields, names[2]));
}

http::Response refuse(int status, const char* error, const char* description) {
  auto response = answer(status, Json::Object{{"error", error}, {"error_description", description}});
  response.headers.emplace_back("Cache-Control", "no-store");
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"sandbox\"");
  return response;
}

http::Response issue(Accounts& accounts, Account& account) {
  const std::string access = accounts.make_token();
  accounts.begin_session(account, access);
  Json body =
      Json::Object{{"access_token", access}, {"token_type", "Bearer"}, {"expires_in", std::int64_t{account.lifetime.count()}}};
  if (account.rotation == Rotation::one_use) {
    accounts.rotate(account);
    body.set("refresh_token", value_of(account.fields, refresh_token_field(*account.provider)));
  }
  auto response = answer(200, body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response refresh(Accounts& accounts, const Call& call, std::string_view token) {
  const Found found = accounts.find_token(call.provider, token);
  const bool is_refresh = found.state == TokenState::refresh || found.state == TokenState::spent;
  if (!is_refresh || !found.account->revoked.empty())
    return refuse(400, "invalid_grant", "the refresh token is unknown or was revoked");
  if (found.state == TokenState::refresh) return issue(accounts, *found.account);
  const Json* tolerant = call.provider.parameters.find("previous_token_valid");
  if (tolerant && tolerant->boolean().value_or(false) && found.account->spent.back() == token)
    return issue(accounts, *found.account);
  accounts.revoke(*found.account, "a spent refresh token came again");
  return refuse(400, "invalid_grant", "the refresh token was used before: the grant is revoked");
}

// The account whose client this is, if any: an unknown token from a known client is `invalid_grant`.
bool is_known_client(const Accounts& accounts, const Provider& provider, const Client& client) {
  for (const auto& [number, account] : accounts.all())
    if (account.provider == &provider && is_client_of(account, client)) return true;
  return false;
}

// What the descriptor adds to each token request, a scope for example.
bool has_fixed_parameters(const Provider& provider, const std::vector<http::Parameter>& form) {
  const Json* fixed = provider.parameters.find("form");
  if (!fixed || !fixed->object()) return true;
  return std::ranges::all_of(*fixed->object(), [&](const auto& member) {
    return member.second.string() && first_of(form, member.first) == *member.second.string();
  });
}

Reading read_token_request(Accounts& accounts, const Call& call) {
  if (call.request.method != "POST") return settled(refuse_method("POST"));
  const auto form = http::parse_query(call.request.body);
  if (!form || !has_media_type(call.request, "application/x-www-form-urlencoded"))
    return settled(refuse(400, "invalid_request", "the body must be application/x-www-form-urlencoded"));
  if (!has_fixed_parameters(call.provider, *form))
    return settled(refuse(400, "invalid_request", "a parameter of the descriptor's form is missing or differs"));
  const std::string token(first_of(*form, "refresh_token"));

  const auto grant = first_of(*form, "grant_type");
  const auto client = read_client(call, *form);
  Account* const account = accounts.find_token(call.provider, token).account;
  const bool is_client =
      client && (account ? is_client_of(*account, *client) : is_known_client(accounts, call.provider, *client));
  Reading reading;
  if (grant.empty() || token.empty()) reading = settled(refuse(400, "invalid_request", "grant_type or refresh_token is missing"));
  else if (grant != "refresh_token") reading = settled(refuse(400, "unsupported_grant_type", "only refresh_token is simulated"));
  else if (!is_client) reading = settled(refuse(401, "invalid_client", "the client or its secret is wrong"));
  else reading.work = [&accounts, &call, token] { return refresh(accounts, call, token); };
  reading.account = account;
  reading.purpose = Purpose::login;
  reading.refusal = refuse(400, "invalid_grant", "refused by the sandbox");
  return reading;
}

Reading read_probe(Accounts& accounts, const Call& call, const Json& probe) {
  const auto fits = read_request(probe, call.provider, call.request, call.path);
  if (!fits) return settled(answer_misfit(fits.error()));
  return read_session(accounts, call.provider, read_token(call.request, "Bearer"),
                      answer(401, Json::Object{{"error", "invalid_token"}}),
                      [](Account&) { return answer(200, Json::Object{}); });
}

}  // namespace

Reading read_oauth2_refresh(Accounts& accounts, const Call& call) {
  if (call.path == call.provider.parameters.find_string("token_path").value_or("/token"))
    return read_token_request(accounts, call);
  const Json* probe = call.provider.parameters.find("probe");
  if (is_path_of(probe, call.path)) return read_probe(accounts, call, *probe);
  return settled(answer_misfit({404, "no such route"}));
}

}  // namespace granary::sandbox
