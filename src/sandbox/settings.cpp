// Reads what users of the control interface send: settings of accounts, and faults. Every sentence names the member at
// fault and says what it should be.
#include <algorithm>

#include "base/encoding.hpp"
#include "sandbox/control.hpp"

namespace granary::sandbox {

namespace {

using Wrong = std::unexpected<std::string>;

Wrong wrong(std::string sentence) { return Wrong(std::move(sentence)); }

std::expected<std::string, std::string> read_field(const Provider& provider, const RequestField& field, const Json& value) {
  if (!value.string() || value.string()->empty()) return wrong(field.name + " must be a string, and not empty");
  const std::size_t longest = provider.code_points_max(field.name);
  if (count_code_points(*value.string()) > longest)
    return wrong(field.name + " must have at most " + std::to_string(longest) + " characters");
  if (!field.allowed.empty() && std::ranges::find(field.allowed, *value.string()) == field.allowed.end())
    return wrong(field.name + " must be one of those that the descriptor lists");
  return *value.string();
}

std::expected<std::int64_t, std::string> read_whole(const std::string& name, const Json& value, std::int64_t least,
                                                    std::int64_t most) {
  const auto number = value.integer();
  if (number && *number >= least && *number <= most) return *number;
  return wrong(name + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

std::expected<void, std::string> set_lifetime(AccountSettings& settings, const Json& value) {
  const auto number = read_whole("sessionSeconds", value, 1, kLifetimeMax.count());
  if (!number) return wrong(number.error());
  settings.lifetime = seconds(*number);
  return {};
}

std::expected<void, std::string> set_rotation(AccountSettings& settings, const Json& value) {
  const auto rotates = value.boolean();
  if (!rotates) return wrong("rotates must be true or false");
  settings.rotation = *rotates ? Rotation::one_use : Rotation::none;
  return {};
}

std::expected<void, std::string> set_organizations(AccountSettings& settings, const Json& value) {
  const auto sentence = "organizations must be a list of at most " + std::to_string(kOrganizationsMax) + " names";
  if (!value.array() || value.array()->size() > kOrganizationsMax) return wrong(sentence);
  auto& names = settings.organizations.emplace();
  for (const Json& item : *value.array()) {
    if (!item.string() || count_code_points(*item.string()) > kFieldCodePointsMax) return wrong(sentence);
    names.push_back(*item.string());
  }
  return {};
}

std::expected<void, std::string> set_organizations_per_page(AccountSettings& settings, const Json& value) {
  const auto number = read_whole("organizationsPerPage", value, 1, kPageMax);
  if (!number) return wrong(number.error());
  settings.organizations_per_page = *number;
  return {};
}

// The settings beside the provider's own fields, and the flows that have them.
struct Setting {
  std::string_view name;
  std::initializer_list<FlowKind> flows;
  std::expected<void, std::string> (*set)(AccountSettings&, const Json&);
};
constexpr std::initializer_list<FlowKind> kWithSessions = {FlowKind::oauth2_refresh, FlowKind::sentera, FlowKind::agvance};
constexpr std::initializer_list<FlowKind> kOauth = {FlowKind::oauth2_refresh};
constexpr std::initializer_list<FlowKind> kSentera = {FlowKind::sentera};
constexpr Setting kSettings[] = {
    {"sessionSeconds", kWithSessions, set_lifetime},
    {"rotates", kOauth, set_rotation},
    {"organizations", kSentera, set_organizations},
    {"organizationsPerPage", kSentera, set_organizations_per_page},
};

const Setting* find_setting(const Provider& provider, std::string_view name) {
  for (const Setting& setting : kSettings)
    if (setting.name == name && std::ranges::find(setting.flows, provider.flow) != setting.flows.end()) return &setting;
  return nullptr;
}

// The header's value. Text is passed on as it is, so it must be one that can stand in a header.
std::expected<std::string, std::string> read_retry_after(const Json& value) {
  const auto is_plain = [](char c) { return c >= ' ' && c < 0x7f; };
  if (value.string() && !value.string()->empty() && value.string()->size() <= 64 &&
      std::ranges::all_of(*value.string(), is_plain))
    return *value.string();
  if (const auto number = value.integer(); number && *number >= 0) return std::to_string(*number);
  return wrong("retryAfter must be a number of seconds, or the text of the header");
}

using FaultMember = std::expected<void, std::string> (*)(Scene&, Fault&, const Json&);

constexpr std::pair<std::string_view, FaultMember> kFaultMembers[] = {
    {"fault",
     [](Scene&, Fault& fault, const Json& value) -> std::expected<void, std::string> {
       const auto name = value.integer() ? std::to_string(*value.integer()) : value.string() ? *value.string() : std::string();
       fault.kind = find_fault_kind(name);
       if (fault.kind) return {};
       std::string known;
       for (const FaultKind& kind : fault_kinds()) known += (known.empty() ? "" : ", ") + std::string(kind.name);
       return wrong("fault must be one of: " + known);
     }},
    {"provider",
     [](Scene& scene, Fault& fault, const Json& value) -> std::expected<void, std::string> {
       fault.provider = value.string() ? *value.string() : std::string();
       if (!scene.catalog.find_short_name(fault.provider))
         return wrong("provider must be the short name of a provider, as GET /sandbox lists them");
       return {};
     }},
    {"account",
     [](Scene& scene, Fault& fault, const Json& value) -> std::expected<void, std::string> {
       fault.account = value.string() ? *value.string() : std::string();
       if (!scene.accounts.find(fault.account)) return wrong("account must be the id of an account");
       return {};
     }},
    {"path",
     [](Scene&, Fault& fault, const Json& value) -> std::expected<void, std::string> {
       fault.path = value.string() ? *value.string() : std::string();
       if (!fault.path.starts_with('/')) return wrong("path must be a path within the provider, such as /graphql");
       return {};
     }},
    {"at",
     [](Scene&, Fault& fault, const Json& value) -> std::expected<void, std::string> {
       if (value == Json("answer")) fault.at = Moment::answer;
       else if (value != Json("request")) return wrong("at must be request or answer");
       return {};
     }},
    {"retryAfter",
     [](Scene&, Fault& fault, const Json& value) -> std::expected<void, std::string> {
       auto header = read_retry_after(value);
       if (!header) return wrong(header.error());
       fault.retry_after = std::move(*header);
       return {};
     }},
    {"count",
     [](Scene&, Fault& fault, const Json& value) -> std::expected<void, std::string> {
       const auto number = read_whole("count", value, 1, 1'000'000'000);
       if (!number) return wrong(number.error());
       fault.count = *number;
       return {};
     }},
};

}  // namespace

std::expected<AccountSettings, std::string> read_settings(const Provider& provider, const Json& body) {
  AccountSettings settings;
  for (const auto& [name, value] : *body.object()) {
    if (name == "provider") continue;
    if (const RequestField* field = provider.find_request(name)) {
      auto text = read_field(provider, *field, value);
      if (!text) return wrong(text.error());
      settings.fields[name] = std::move(*text);
    } else if (const Setting* setting = find_setting(provider, name)) {
      if (auto done = setting->set(settings, value); !done) return wrong(done.error());
    } else {
      return wrong(name + " is neither a field of " + provider.name + " nor a setting of its accounts");
    }
  }
  return settings;
}

std::expected<Fault, std::string> read_fault(Scene& scene, const Json& body) {
  Fault fault;
  for (const auto& [name, value] : *body.object()) {
    const auto member = std::ranges::find(kFaultMembers, name, &std::pair<std::string_view, FaultMember>::first);
    if (member == std::end(kFaultMembers)) return wrong(name + " is no member of a fault");
    if (auto done = member->second(scene, fault, value); !done) return wrong(done.error());
  }
  if (!fault.kind) return wrong("fault is missing");
  if (!fault.account.empty() && !fault.provider.empty() &&
      scene.accounts.find(fault.account)->provider->short_name() != fault.provider)
    return wrong("account is not one of that provider's");
  if (fault.at == Moment::answer && fault.kind->effect != Effect::replace)
    return wrong("at cannot be answer with this fault: its answer is the provider's own");
  const int status = fault.kind->status;
  if (!fault.retry_after.empty() && status != 429 && status != 503) return wrong("retryAfter goes with 429 and 503 only");
  if (status == 429 && fault.retry_after.empty()) fault.retry_after = "30";
  if (fault.kind->effect == Effect::expire && !fault.count) fault.count = 1;
  return fault;
}

}  // namespace granary::sandbox
