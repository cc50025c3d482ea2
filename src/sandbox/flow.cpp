#include "sandbox/flow.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace granary::sandbox {

namespace {

// Whether each named field has the account's value. A name that is not among the values is passed over.
bool agrees(const Account& account, const Values& values, const std::vector<std::string>& names) {
  return std::ranges::all_of(names, [&](const std::string& name) {
    const auto sent = values.find(name);
    return sent == values.end() || sent->second == value_of(account.fields, name);
  });
}

bool has_all(const Values& values, const std::vector<std::string>& names) {
  return std::ranges::all_of(names, [&](const std::string& name) { return values.contains(name); });
}

}  // namespace

Reading read_call(Accounts& accounts, const Call& call) {
  switch (call.provider.flow) {
    case FlowKind::oauth2_refresh: return read_oauth2_refresh(accounts, call);
    case FlowKind::sentera: return read_sentera(accounts, call);
    case FlowKind::agvance: return read_agvance(accounts, call);
    case FlowKind::encrypted_login: return read_encrypted_login(accounts, call);
  }
  return settled(answer_misfit({404, "no such route"}));
}

http::Response answer(int status, const Json& body) {
  http::Response response;
  response.status = status;
  response.body = body.dump();
  return response;
}

http::Response refuse_method(std::string_view allowed) {
  auto response = answer_misfit({405, "the method of this route is " + std::string(allowed)});
  response.headers.emplace_back("Allow", allowed);
  return response;
}

http::Response answer_misfit(const Misfit& misfit) { return answer(misfit.status, Json::Object{{"message", misfit.message}}); }

Reading settled(http::Response response) {
  Reading reading;
  reading.refusal = response;
  reading.work = [response = std::move(response)] { return response; };
  return reading;
}

std::string read_token(const http::Request& request, std::string_view scheme) {
  std::string_view sent = request.authorization;
  if (scheme.empty()) return std::string(sent);
  if (sent.size() <= scheme.size() || sent[scheme.size()] != ' ' || !equal_ignoring_case(sent.substr(0, scheme.size()), scheme))
    return {};
  return std::string(trim(sent.substr(scheme.size())));
}

Reading read_session(Accounts& accounts, const Provider& provider, const std::string& token, const http::Response& refusal,
                     std::function<http::Response(Account&)> work) {
  Reading reading;
  reading.account = accounts.find_token(provider, token).account;
  reading.purpose = Purpose::session;
  reading.refusal = refusal;
  reading.work = [&accounts, &provider, token, refusal, work = std::move(work)] {
    const Found found = accounts.find_token(provider, token);
    return found.state == TokenState::session ? work(*found.account) : refusal;
  };
  return reading;
}

Login find_login(Accounts& accounts, const Provider& provider, const Values& sent, const Opener& open) {
  const auto identity = identity_fields(provider), all = login_fields(provider);
  Login login;
  for (auto& [number, account] : accounts.all()) {
    if (account.provider != &provider || !agrees(account, sent, identity)) continue;
    const Values opened = open(account, sent);
    if (!agrees(account, opened, identity)) continue;
    if (has_all(opened, all) && agrees(account, opened, all)) {
      const auto verdict = account.revoked.empty() ? Login::Verdict::accepted : Login::Verdict::refused;
      return {.account = &account, .verdict = verdict};
    }
    if (!login.account) login.account = &account;
  }
  return login;
}

}  // namespace granary::sandbox
