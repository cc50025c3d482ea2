// What an account gets where its creator said nothing: values that look like a provider's and are recognizably made up.
#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "sandbox/account.hpp"

namespace granary::sandbox {

namespace {

constexpr std::array<std::string_view, 4> kFarms = {"Rolling Hills Farms", "River Bend Growers", "Prairie View Ranch",
                                                    "Stony Creek Co-op"};

struct Lifetime {
  FlowKind flow;
  seconds lifetime;
};
constexpr std::array<Lifetime, 4> kLifetimes = {{
    {FlowKind::oauth2_refresh, std::chrono::hours(1)},
    {FlowKind::sentera, std::chrono::days(90)},  // "three months"
    {FlowKind::agvance, std::chrono::hours(8)},
    {FlowKind::encrypted_login, std::chrono::hours(1)},
}};

// `bytes` random bytes, written as the parameter of the descriptor says.
std::string make_up_key(const Provider& provider, std::string_view encoding_parameter, std::size_t bytes, Random& random) {
  const std::string encoding = provider.parameters.find_string(encoding_parameter).value_or("auto");
  if (encoding == "base64") return to_base64(random.bytes(bytes));
  if (encoding == "auto" || encoding == "hex") return to_hex(random.bytes(bytes));
  return to_hex(random.bytes(bytes / 2));  // plain text: as many letters as bytes
}

}  // namespace

std::string Accounts::make_up_field(const Account& account, const RequestField& field) {
  const Provider& provider = *account.provider;
  const std::string number = std::to_string(account.number);
  if (provider.flow == FlowKind::encrypted_login) {
    if (field.name == kKeyField) return make_up_key(provider, "key_encoding", 32, random_);
    if (field.name == kVectorField) return make_up_key(provider, "initialization_vector_encoding", 16, random_);
  }
  if (field.fallback) return *field.fallback;
  if (!field.allowed.empty()) return field.allowed.front();
  if (field.secret) return make_token();
  if (field.name == "username") return "grower-" + number + "@sandbox.example";
  if (field.name == "organizationName") return "Sandbox Farm " + number;
  return field.name + "-" + number;
}

void Accounts::make_up(Account& account, AccountSettings& settings) {
  const Provider& provider = *account.provider;
  account.lifetime = std::ranges::find(kLifetimes, provider.flow, &Lifetime::flow)->lifetime;
  for (const RequestField& field : provider.request)
    if ((field.required || field.fallback) && !settings.fields.contains(field.name))
      settings.fields[field.name] = make_up_field(account, field);
  if (provider.flow != FlowKind::sentera || settings.organizations) return;
  // The one that is asked for comes last, so that all pages have to be read.
  auto& names = settings.organizations.emplace(kFarms.begin(), kFarms.end());
  if (const auto wanted = value_of(settings.fields, "organizationName"); !wanted.empty()) names.emplace_back(wanted);
}

}  // namespace granary::sandbox
