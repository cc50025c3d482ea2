#include "check/secrets.hpp"

#include <algorithm>
#include <span>

#include "domain/old_secrets.hpp"
#include "provider/redaction.hpp"

namespace granary {

namespace {

std::string digest(const CheckContext& context, std::span<const std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) {
    text += part;
    text += '\0';
  }
  const auto full = crypto::hmac_sha256(context.digest_key.reveal(), text);
  wipe(text);
  return std::string(crypto::view(full).substr(0, kDigestBytes));
}

std::string digest(const CheckContext& context, std::initializer_list<std::string_view> parts) {
  return digest(context, std::span(parts.begin(), parts.size()));
}

// Those values of `before` that `after` does not have any more.
void collect_replaced(const CheckContext& context, const StoredCredential& row, const Provider& provider, const Fields& before,
                      const Fields& after, std::vector<std::string>& out) {
  for (const auto& [name, value] : before.all())
    if (!value.empty() && after.value(name) != value.reveal() && is_secret_field(provider, name))
      out.push_back(token_digest(context, row, value.reveal()));
}

}  // namespace

SealScope scope_of(const StoredCredential& row) {
  return {.owner = row.key.owner, .provider = row.provider, .credential = row.key.id};
}

bool is_secret_field(const Provider& provider, std::string_view name) {
  const RequestField* known = provider.find_request(name);
  return (known && known->secret) || is_sensitive_name(name);
}

std::optional<Secrets> open_secrets(const Sealer& sealer, const Catalog& catalog, const StoredCredential& row) {
  const Provider* provider = catalog.find_short_name(row.provider);
  const auto packed = sealer.open_fields(scope_of(row), row.secrets_key, row.secrets_version, row.secrets);
  return packed && provider ? unpack_secrets(packed->reveal(), *provider) : std::nullopt;
}

std::optional<Secrets> open_candidate(const CheckContext& context, const StoredCredential& row) {
  const Provider* provider = context.catalog.find_short_name(row.provider);
  const auto packed = context.sealer.open_candidate(scope_of(row), row.secrets_key, row.candidate->secrets);
  return packed && provider ? unpack_secrets(packed->reveal(), *provider) : std::nullopt;
}

Sealed seal_next(const CheckContext& context, const StoredCredential& row, const Secrets& secrets) {
  return context.sealer.seal_fields(scope_of(row), row.secrets_key, row.secrets_version + 1, secrets.pack(), context.random);
}

void seal_into(const CheckContext& context, const StoredCredential& row, const Secrets& secrets, CredentialWrite& write) {
  if (context.sealer.opens_fields_key(scope_of(row), row.secrets_key)) {
    write.secrets = seal_next(context, row, secrets);
    return;
  }
  StoredCredential mended{.key = row.key, .provider = row.provider, .secrets_version = row.secrets_version};
  mended.secrets_key = context.sealer.new_fields_key(scope_of(row), context.random);
  write.secrets_key = mended.secrets_key;
  write.secrets = seal_next(context, mended, secrets);
}

Sealed seal_candidate(const CheckContext& context, const StoredCredential& row, const Secrets& secrets) {
  return context.sealer.seal_candidate(scope_of(row), row.secrets_key, secrets.pack(), context.random);
}

std::string token_digest(const CheckContext& context, const StoredCredential& row, std::string_view token) {
  return token.empty() ? std::string() : digest(context, {"token", row.key.owner.raw(), row.provider, token});
}

LoginDigests login_digests(const CheckContext& context, OwnerId owner, const LaneState& lane, const Fields& login) {
  if (lane.provider->login_kind() != LoginKind::password) return {};
  const std::string_view username = login.value("username"), password = login.value("password");
  if (username.empty() || password.empty()) return {};
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  for (const auto& [name, value] : login.all()) fields.emplace_back(name, value.reveal());
  std::ranges::sort(fields);
  std::vector<std::string_view> sent = {"sent", owner.raw(), lane.lane.provider, lane.lane.environment};
  for (const auto& [name, value] : fields) sent.insert(sent.end(), {name, value});
  return {.login = digest(context, {"login", owner.raw(), lane.lane.provider, lane.lane.environment, username, password}),
          .sent = digest(context, sent)};
}

Task<PastSecrets> past_secrets_of(CheckContext& context, const StoredCredential& row) {
  std::vector<std::string> stored;
  try {
    stored = co_await context.store.list_past_secrets(row.key);
  } catch (const StoreUnavailable&) {
    co_return PastSecrets();
  }
  if (stored.empty()) co_return PastSecrets();
  std::vector<SecretDigest> digests(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i)
    std::copy_n(stored[i].begin(), std::min(stored[i].size(), digests[i].size()), digests[i].begin());
  co_return PastSecrets(std::move(digests), [&context, &row](std::string_view run) {
    const std::string digest = token_digest(context, row, run);
    SecretDigest out{};
    std::copy_n(digest.begin(), std::min(digest.size(), out.size()), out.begin());
    return out;
  });
}

TokenDigests digests_of_change(const CheckContext& context, const StoredCredential& row, const Provider& provider,
                               const Secrets* before, const Secrets& after) {
  TokenDigests digests{.held = {}, .spent = {}, .secrets = {}, .now = context.clock.now()};
  const std::string_view one_use = one_use_field(context, provider);
  if (!one_use.empty()) digests.held = token_digest(context, row, after.value(one_use));
  if (!before) return digests;
  // Only what its provider has replaced is spent: one that a client takes back may be shown again.
  const std::string_view newest = before->value(one_use),
                         previous = after.grant.previous_token ? after.grant.previous_token->reveal() : "";
  if (!one_use.empty() && !newest.empty() && newest == previous && newest != after.value(one_use))
    digests.spent.push_back(token_digest(context, row, newest));
  collect_replaced(context, row, provider, before->login, after.login, digests.secrets);
  collect_replaced(context, row, provider, before->grant.given, after.grant.given, digests.secrets);
  // Redaction knows the spent ones, too: once is enough.
  for (const std::string& spent : digests.spent) std::erase(digests.secrets, spent);
  return digests;
}

}  // namespace granary
