#include "store/sqlite/logins.hpp"

#include "store/sqlite/health.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

struct Holder {
  std::int64_t row = 0;
  CredentialId id;
  std::string sent;
  CredentialHealth health;
};

// After an ok only those that have waited for one: it comes with nearly every check.
std::vector<Holder> read_holders(Connection& db, OwnerId owner, const LoginNews& news, std::int64_t after) {
  const bool is_ok = news.kind == LoginNews::Kind::ok;
  auto found = db.prepare_text(std::string("SELECT row, id, sent_digest, ") + kHealthColumns +
                               " FROM credential INDEXED BY credential_by_login WHERE owner_id = ? AND login_digest = ?"
                               " AND leaf_user_id IS NOT NULL AND row > ?" +
                               (is_ok ? " AND (refusals <> 0 OR status <> 0 OR pending <> 0 OR next_check IS NULL)" : "") +
                               " ORDER BY row LIMIT ?");
  const Sealed login = as_blob(news.login.login);
  found.bind(owner, login, after, kHealthBatch);
  std::vector<Holder> holders;
  while (found.step())
    holders.push_back(
        {.row = found.integer(0), .id = found.id<CredentialId>(1), .sent = found.blob(2), .health = read_health(found, 3)});
  return holders;
}

}  // namespace

void save_login_digests(Connection& db, std::int64_t row, const LoginDigests& login) {
  const auto column = [](const std::string& digest) { return digest.empty() ? std::nullopt : std::optional(as_blob(digest)); };
  const auto of_login = column(login.login), of_sent = column(login.sent);
  db.prepare("UPDATE credential SET login_digest = ?, sent_digest = ? WHERE row = ?").bind(of_login, of_sent, row).run();
}

HealthBatch share_with_others(Connection& db, OwnerId owner, const LoginNews& news, std::int64_t after) {
  const auto holders = read_holders(db, owner, news, after);
  HealthBatch out;
  if (std::ssize(holders) == kHealthBatch) out.last = holders.back().row;
  for (const Holder& holder : holders) {
    if (holder.id == news.from) continue;
    const CredentialKey key{.owner = owner, .id = holder.id};
    if (auto change = apply_to_row(db, holder.row, key, holder.health, rule_of_news(news, holder.sent), Cause::check))
      out.changes.push_back(std::move(*change));
  }
  return out;
}

Task<HealthBatch> SqliteStore::share_news(OwnerId owner, const LoginNews& news, std::int64_t after) {
  co_return co_await writer_.run([&](Connection& db) { return share_with_others(db, owner, news, after); });
}

Task<std::int32_t> SqliteStore::count_tries(OwnerId owner, std::string_view login) {
  auto row = reader_.fresh().prepare(
      "SELECT max(refusals) FROM credential WHERE owner_id = ? AND login_digest = ? AND leaf_user_id IS NOT NULL");
  const Sealed digest = as_blob(login);
  row.bind(owner, digest).step();
  co_return static_cast<std::int32_t>(row.integer(0));
}

}  // namespace granary::sqlite
