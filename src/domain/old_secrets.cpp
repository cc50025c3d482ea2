#include "domain/old_secrets.hpp"

#include <charconv>

namespace granary {

namespace {

constexpr std::string_view kFirst = "_firstRefreshToken", kBrought = "_broughtRefreshToken", kPrevious = "_previousRefreshToken",
                           kSpent = "_spentRefreshTokens", kRefreshAt = "_accessTokenRefreshAt", kOrigin = "_origin",
                           kOfStoredGrant = "_ofStoredGrant";

std::string parameter(const Provider& provider, std::string_view name, std::string_view fallback) {
  return provider.parameters.find_string(name).value_or(std::string(fallback));
}

Secrets read_old(const Fields& old, const Provider& provider) {
  const std::string access = parameter(provider, "access_token_field", "accessToken");
  const std::string refresh = parameter(provider, "refresh_token_field", "refreshToken");
  Secrets secrets;
  for (const auto& [name, value] : old.all()) {
    if (name.starts_with('_')) continue;
    const bool is_given =
        !provider.find_request(name) || (name == access && old.find(kRefreshAt)) || (name == refresh && old.find(kFirst));
    (is_given ? secrets.grant.given : secrets.login).set(name, value.clone());
  }
  if (const Plaintext* first = old.find(kFirst)) {
    const Plaintext* brought = old.find(kBrought);
    secrets.login.set(refresh, (brought ? brought : first)->clone());
  }
  if (const Plaintext* previous = old.find(kPrevious)) secrets.grant.previous_token = previous->clone();
  const std::string_view refresh_at = old.value(kRefreshAt);
  std::int64_t micros = 0;
  if (std::from_chars(refresh_at.data(), refresh_at.data() + refresh_at.size(), micros).ec == std::errc())
    secrets.grant.refresh_at = from_micros(micros);
  secrets.grant.spent_digests = old.value(kSpent);
  secrets.origin = old.value(kOrigin);
  secrets.of_stored_grant = old.find(kOfStoredGrant) != nullptr;
  return secrets;
}

}  // namespace

std::optional<Secrets> unpack_secrets(std::string_view packed, const Provider& provider) {
  if (auto secrets = Secrets::unpack(packed)) return secrets;
  const auto old = Fields::unpack(packed);
  if (!old || old->find("_login")) return std::nullopt;
  return read_old(*old, provider);
}

bool is_in_old_digests(std::string_view digests, std::string_view token_sha256) {
  constexpr std::size_t kSize = 8;
  for (std::size_t at = 0; at + kSize <= digests.size(); at += kSize)
    if (digests.substr(at, kSize) == token_sha256.substr(0, kSize)) return true;
  return false;
}

}  // namespace granary
