// What the control interface shows, as JSON. All secrets in it are made up.
#include "sandbox/control.hpp"

namespace granary::sandbox {

namespace {

Json show_counts(const std::map<std::string, std::int64_t>& counts) {
  Json json{Json::Object()};
  for (const auto& [name, count] : counts) json.set(name, count);
  return json;
}

// Null where there is nothing to say.
Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json show_fault(const Fault& fault) {
  return Json::Object{{"fault", fault.kind->name},
                      {"provider", text_or_null(fault.provider)},
                      {"account", text_or_null(fault.account)},
                      {"path", text_or_null(fault.path)},
                      {"at", fault.at == Moment::answer ? "answer" : "request"},
                      {"retryAfter", text_or_null(fault.retry_after)},
                      {"count", fault.count ? Json(*fault.count) : Json()}};
}

Json show_entry(const JournalEntry& entry) {
  return Json::Object{{"time", format_wire_time(entry.when)},
                      {"provider", entry.provider},
                      {"account", text_or_null(entry.account)},
                      {"method", entry.method},
                      {"path", entry.path},
                      {"answer", entry.answer},
                      {"fault", text_or_null(entry.fault)}};
}

}  // namespace

Json show_account(const Account& account) {
  const Provider& provider = *account.provider;
  Json json = Json::Object{{"id", account.id()},
                           {"provider", provider.short_name()},
                           {"state", account.revoked.empty() ? "working" : "revoked"},
                           {"revokedBecause", text_or_null(account.revoked)},
                           {"post", "/services/usermanagement/api/users/{leafUserId}/" + provider.slug},
                           {"request", account.request()}};
  if (provider.flow != FlowKind::encrypted_login) {
    Json::Array sessions;
    for (const Session& session : account.sessions)
      sessions.push_back(Json::Object{{"token", session.token}, {"expires", format_wire_time(session.expires)}});
    json.set("sessionSeconds", std::int64_t{account.lifetime.count()});
    json.set("sessions", std::move(sessions));
  }
  if (provider.flow == FlowKind::oauth2_refresh) {
    json.set("rotates", account.rotation == Rotation::one_use);
    json.set("spentRefreshTokens", Json::Array(account.spent.begin(), account.spent.end()));
  }
  if (provider.flow == FlowKind::sentera) {
    Json::Array organizations;
    for (const Organization& organization : account.organizations)
      organizations.push_back(Json::Object{{"id", organization.id}, {"name", organization.name}});
    json.set("organizationsPerPage", account.organizations_per_page);
    json.set("organizations", std::move(organizations));
  }
  json.set("answers", show_counts(account.answers));
  return json;
}

Json show_faults(const Scene& scene) {
  Json::Array faults;
  for (const Fault& fault : scene.faults.all()) faults.push_back(show_fault(fault));
  return faults;
}

Json show_scene(const Scene& scene) {
  Json::Array providers, accounts, calls;
  for (const Provider& provider : scene.catalog.all()) {
    const std::string name(provider.short_name());
    const auto count = scene.calls.find(name);
    providers.push_back(Json::Object{{"provider", name},
                                     {"path", "/" + name},
                                     {"flow", name_of(provider.flow)},
                                     {"calls", count == scene.calls.end() ? std::int64_t{0} : count->second}});
  }
  for (const auto& [number, account] : scene.accounts.all()) accounts.push_back(show_account(account));
  for (const JournalEntry& entry : scene.journal) calls.push_back(show_entry(entry));
  return Json::Object{{"providers", std::move(providers)},
                      {"accounts", std::move(accounts)},
                      {"faults", show_faults(scene)},
                      {"latestCalls", std::move(calls)}};
}

}  // namespace granary::sandbox
