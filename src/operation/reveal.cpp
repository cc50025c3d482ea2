#include <algorithm>

#include "domain/old_secrets.hpp"
#include "operation/credentials.hpp"
#include "operation/parts.hpp"

namespace granary {

namespace {

// Opening two seals costs as much as a kilobyte of what is in them.
constexpr std::size_t kBytesOfASeal = 1024;

Revealed open_row(const Parts& parts, const RevealedRow& row, const Provider& provider) {
  Revealed revealed{.id = row.key.id, .provider = &provider, .status = row.status, .created = row.created};
  const auto packed =
      parts.sealer.open_fields({row.key.owner, row.provider, row.key.id}, row.secrets_key, row.secrets_version, row.secrets);
  auto secrets = packed ? unpack_secrets(packed->reveal(), provider) : std::nullopt;
  if (secrets) revealed.fields = std::move(*secrets).take_shown();
  return revealed;
}

}  // namespace

Task<Result<Revealed>> reveal(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider) {
  const auto row = co_await parts.store.find_revealed(owner, user, provider.short_name());
  if (!row) co_return fail(ErrorCode::not_found);
  Revealed revealed = open_row(parts, *row, provider);
  if (revealed.fields) co_return revealed;
  parts.log.error("the sealed fields of a credential do not open; restore it from a backup or connect it again",
                  {{"credential", row->key.id.text()}, {"provider", row->provider}});
  co_return fail(ErrorCode::seal_broken);
}

Task<> reveal_all(Parts& parts, OwnerId owner, std::span<const LeafUser> users, const ShowUser& show) {
  if (users.empty()) co_return;
  std::vector<LeafUserId> ids;
  for (const LeafUser& user : users) ids.push_back(user.id);
  const auto rows = co_await parts.store.list_revealed(owner, ids);
  Slices slices(parts.turns, owner);
  auto row = rows.begin();
  for (const LeafUser& user : users) {
    std::vector<Revealed> credentials;
    std::size_t bytes = 0;
    for (; row != rows.end() && row->leaf_user == user.id; ++row) {
      if (const Provider* provider = parts.catalog.find_short_name(row->provider))
        credentials.push_back(open_row(parts, *row, *provider));
      bytes += kBytesOfASeal + row->secrets.bytes.size();
    }
    std::ranges::sort(credentials, {}, [](const Revealed& revealed) { return revealed.provider->user_position; });
    show(user, credentials);
    co_await slices.done(bytes);
  }
}

Task<Result<void>> disconnect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider) {
  if (co_await parts.store.delete_credential(owner, user, provider.short_name())) co_return Result<void>();
  co_return fail(ErrorCode::not_found);
}

}  // namespace granary
