#include "sandbox/account.hpp"

#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"
#include "base/ids.hpp"

namespace granary::sandbox {

namespace {

std::string token_key(const Provider& provider, std::string_view token) {
  return std::string(provider.short_name()) + '\n' + std::string(token);
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

std::string parameter_or(const Provider& provider, std::string_view name, std::string_view fallback) {
  return provider.parameters.find_string(name).value_or(std::string(fallback));
}

}  // namespace

std::string Account::id() const { return std::string(provider->short_name()) + "-" + std::to_string(number); }

Json Account::request() const {
  Json json{Json::Object()};
  for (const RequestField& field : provider->request)
    if (const auto found = fields.find(field.name); found != fields.end()) json.set(field.name, found->second);
  return json;
}

std::string refresh_token_field(const Provider& provider) {
  if (provider.flow != FlowKind::oauth2_refresh) return {};
  return parameter_or(provider, "refresh_token_field", "refreshToken");
}

std::vector<std::string> login_fields(const Provider& provider) {
  if (provider.flow == FlowKind::oauth2_refresh)
    return {refresh_token_field(provider), parameter_or(provider, "client_id_field", "clientId"),
            parameter_or(provider, "client_secret_field", "clientSecret")};
  std::vector<std::string> names;
  const Json* login = provider.parameters.find("login");
  const Json* encrypt = provider.parameters.find("encrypt");
  for (const std::string& name : login ? placeholders(*login) : names) {
    const Json* plain = encrypt ? encrypt->find(name) : nullptr;
    for (const std::string& inner : plain ? placeholders(*plain) : std::vector{name})
      if (provider.find_request(inner)) add_once(names, inner);
  }
  return names;
}

std::vector<std::string> identity_fields(const Provider& provider) {
  std::vector<std::string> names = login_fields(provider);
  std::vector<std::string> open;
  for (const std::string& name : names)
    if (const RequestField* field = provider.find_request(name); field && !field->secret) open.push_back(name);
  return open.empty() ? names : open;
}

Account* Accounts::create(const Provider& provider, AccountSettings settings) {
  if (accounts_.size() >= kAccountsMax) return nullptr;
  const std::uint64_t number = ++last_number_;
  Account& account = accounts_[number];
  account.number = number;
  account.provider = &provider;
  make_up(account, settings);
  apply(account, settings);
  return &account;
}

void Accounts::change(Account& account, AccountSettings settings) {
  if (!settings.fields.empty()) end_sessions(account);
  apply(account, settings);
}

void Accounts::apply(Account& account, AccountSettings& settings) {
  const std::string refresh = refresh_token_field(*account.provider);
  for (auto& [name, value] : settings.fields) {
    if (name == refresh) begin_family(account, std::move(value));
    else account.fields[name] = std::move(value);
  }
  if (settings.lifetime) account.lifetime = *settings.lifetime;
  if (settings.rotation) account.rotation = *settings.rotation;
  if (settings.organizations_per_page) account.organizations_per_page = *settings.organizations_per_page;
  if (!settings.organizations) return;
  account.organizations.clear();
  for (auto& name : *settings.organizations) account.organizations.push_back({.id = make_uuid(), .name = std::move(name)});
}

void Accounts::remove(Account& account) {
  for (const Session& session : account.sessions) forget(account, session.token);
  for (const std::string& token : account.spent) forget(account, token);
  if (const std::string refresh = refresh_token_field(*account.provider); !refresh.empty())
    forget(account, account.fields[refresh]);
  accounts_.erase(account.number);
}

Account* Accounts::find(std::string_view id) {
  const auto dash = id.rfind('-');
  if (dash == std::string_view::npos) return nullptr;
  std::uint64_t number = 0;
  std::from_chars(id.data() + dash + 1, id.data() + id.size(), number);
  const auto found = accounts_.find(number);
  return found != accounts_.end() && found->second.id() == id ? &found->second : nullptr;
}

Account* Accounts::find_twin(const Provider& provider, const Values& fields, const Account* except) {
  if (const std::string refresh = refresh_token_field(provider); !refresh.empty()) {
    Account* holder = find_token(provider, value_of(fields, refresh)).account;
    return holder == except ? nullptr : holder;
  }
  const auto names = identity_fields(provider);
  for (auto& [number, account] : accounts_) {
    if (account.provider != &provider || &account == except) continue;
    if (std::ranges::all_of(names, [&](const auto& name) { return value_of(account.fields, name) == value_of(fields, name); }))
      return &account;
  }
  return nullptr;
}

Found Accounts::find_token(const Provider& provider, std::string_view token) {
  const auto holder = tokens_.find(token_key(provider, token));
  if (token.empty() || holder == tokens_.end()) return {};
  Found found{.account = &accounts_.at(holder->second.number), .state = holder->second.state};
  if (found.state != TokenState::session) return found;
  const auto session = std::ranges::find(found.account->sessions, token, &Session::token);
  if (session->expires <= clock_.now() || !found.account->revoked.empty()) found.state = TokenState::ended_session;
  return found;
}

void Accounts::begin_session(Account& account, const std::string& token) {
  account.sessions.push_back({.token = token, .expires = clock_.now() + account.lifetime});
  remember(account, token, TokenState::session);
  if (account.sessions.size() <= kSessionsMax) return;
  forget(account, account.sessions.front().token);
  account.sessions.pop_front();
}

void Accounts::end_sessions(Account& account) {
  for (Session& session : account.sessions) session.expires = std::min(session.expires, clock_.now());
}

void Accounts::revoke(Account& account, std::string_view why) {
  end_sessions(account);
  if (account.revoked.empty()) account.revoked = why;
}

void Accounts::restore(Account& account) { account.revoked.clear(); }

void Accounts::rotate(Account& account) {
  std::string& current = account.fields[refresh_token_field(*account.provider)];
  account.spent.push_back(current);
  remember(account, current, TokenState::spent);
  current = make_token();
  remember(account, current, TokenState::refresh);
  if (account.spent.size() <= kSpentTokensMax) return;
  forget(account, account.spent.front());
  account.spent.pop_front();
}

void Accounts::begin_family(Account& account, std::string token) {
  for (const std::string& spent : account.spent) forget(account, spent);
  account.spent.clear();
  std::string& current = account.fields[refresh_token_field(*account.provider)];
  forget(account, current);
  current = std::move(token);
  remember(account, current, TokenState::refresh);
}

void Accounts::remember(const Account& account, const std::string& token, TokenState state) {
  tokens_[token_key(*account.provider, token)] = {.number = account.number, .state = state};
}

void Accounts::forget(const Account& account, const std::string& token) { tokens_.erase(token_key(*account.provider, token)); }

std::string Accounts::make_token() { return "sandbox-" + to_base64url(random_.bytes(24)); }

std::string Accounts::make_uuid() { return format_uuid(random_uuid(random_)); }

}  // namespace granary::sandbox
