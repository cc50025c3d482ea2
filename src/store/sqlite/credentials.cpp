// Credentials as their owner sees them: stored, revealed, listed, deleted.
#include "store/sqlite/digests.hpp"
#include "store/sqlite/health.hpp"
#include "store/sqlite/logins.hpp"
#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

CredentialKey read_key(const Statement& row, int owner, int id) {
  const bool is_whole = row.blob(owner).size() == IdBytes().size();
  return {.owner = is_whole ? row.id<OwnerId>(owner) : kNobody, .id = row.id<CredentialId>(id)};
}

RevealedRow read_revealed(const Statement& row) {
  return {.key = {.owner = row.id<OwnerId>(8), .id = row.id<CredentialId>(0)},
          .leaf_user = row.id<LeafUserId>(7),
          .provider = row.text(1),
          .status = static_cast<Status>(row.integer(2)),
          .created = row.time(3),
          .secrets_version = row.integer(4),
          .secrets = {row.blob(5)},
          .secrets_key = {row.blob(6)}};
}

CredentialSummary read_summary(const Statement& row) {
  CredentialSummary summary{.key = {.owner = row.id<OwnerId>(1), .id = row.id<CredentialId>(0)},
                            .leaf_user = row.id<LeafUserId>(2),
                            .provider = row.text(3),
                            .environment = row.text(4),
                            .health = {}};
  summary.health.status = static_cast<Status>(row.integer(5));
  summary.health.since = row.time(6);
  summary.health.reason = row.is_null(7) ? std::nullopt : std::optional(static_cast<Reason>(row.integer(7)));
  summary.health.last_checked = row.optional_time(8);
  summary.health.next_check = row.optional_time(9);
  summary.health.action = row.is_null(10) ? std::nullopt : std::optional(static_cast<Action>(row.integer(10)));
  summary.health.last_success = row.optional_time(11);
  summary.health.failures_in_row = static_cast<std::int32_t>(row.integer(12));
  summary.health.proved_by = row.is_null(13) ? std::nullopt : std::optional(static_cast<Proof>(row.integer(13)));
  summary.health.grant_ends = row.optional_time(14);
  return summary;
}

void delete_events(Connection& db, std::int64_t row) {
  db.prepare("DELETE FROM event_segment WHERE credential = ?").bind(row).run();
  db.prepare("DELETE FROM event_content WHERE credential = ?").bind(row).run();
}

void unlink_credential(Connection& db, std::int64_t row, WallTime now) {
  delete_events(db, row);
  db.prepare(
        "UPDATE credential SET leaf_user_id = NULL, unlinked_since = ?, link_version = link_version + 1, next_check = NULL,"
        " events_key = NULL WHERE row = ?")
      .bind(now, row)
      .run();
}

void delete_credential_row(Connection& db, std::int64_t row) {
  delete_events(db, row);
  delete_digests(db, row);
  db.prepare("DELETE FROM history WHERE credential = ?").bind(row).run();
  db.prepare("DELETE FROM credential WHERE row = ?").bind(row).run();
}

Task<Result<void>> SqliteStore::add_credential(const NewCredential& credential) {
  co_return co_await writer_.run([&](Connection& db) -> Result<void> {
    const StoredCredential& c = credential.row;
    if (!db.prepare("SELECT 1 FROM leaf_user WHERE id = ? AND owner_id = ?").bind(*c.leaf_user, c.key.owner).step())
      return fail(ErrorCode::not_found);
    if (db.prepare("SELECT 1 FROM credential WHERE leaf_user_id = ? AND provider = ?").bind(*c.leaf_user, c.provider).step())
      return fail(ErrorCode::already_exists);
    if (credential.token)
      if (const ClaimAnswer claim = judge_claim(db, c.key.owner, 0, *credential.token); claim.holder)
        return fail(ErrorCode::grant_in_use, text_of(*claim.holder));
    db.prepare(
          "INSERT INTO credential (id, owner_id, leaf_user_id, last_leaf_user_id, provider, environment, created, fields_version,"
          " link_version, fields, fields_key, origin, status, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(c.key.id, c.key.owner, *c.leaf_user, *c.leaf_user, c.provider, c.environment, c.created, c.secrets_version,
              c.link_version, c.secrets, c.secrets_key, c.origin, static_cast<std::int64_t>(c.health.status), c.health.since)
        .run();
    const std::int64_t row = db.last_row();
    save_health(db, row, c.health);
    save_login_digests(db, row, c.login);
    if (credential.token) set_held(db, c.key.owner, row, DigestKind::held, credential.token->digest, c.created);
    if (credential.told_as)
      save_change(db, row,
                  {.key = c.key,
                   .time = c.health.since,
                   .from = {},
                   .to = c.health.status,
                   .reason = c.health.reason,
                   .cause = *credential.told_as});
    return {};
  });
}

Task<std::optional<RevealedRow>> SqliteStore::find_revealed(OwnerId owner, LeafUserId user, std::string_view provider) {
  reader_.share_snapshot(co_await asio::this_coro::executor);
  auto row = reader_.fresh().prepare(
      "SELECT id, provider, status, created, fields_version, fields, fields_key, leaf_user_id, owner_id FROM credential"
      " WHERE leaf_user_id = ? AND provider = ? AND owner_id = ?");
  co_return row.bind(user, provider, owner).step() ? std::optional(read_revealed(row)) : std::nullopt;
}

Task<std::optional<CredentialSummary>> SqliteStore::find_summary(OwnerId owner, LeafUserId user, std::string_view provider) {
  auto row = reader_.fresh().prepare(
      "SELECT id, owner_id, leaf_user_id, provider, environment, status, since, reason, last_checked, next_check, action,"
      " last_success, failures_in_row, proved_by, grant_ends FROM credential"
      " WHERE leaf_user_id = ? AND provider = ? AND owner_id = ?");
  co_return row.bind(user, provider, owner).step() ? std::optional(read_summary(row)) : std::nullopt;
}

Task<bool> SqliteStore::delete_credential(OwnerId owner, LeafUserId user, std::string_view provider) {
  co_return co_await writer_.run([&](Connection& db) {
    std::int64_t row = 0;
    {
      auto found = db.prepare("SELECT row FROM credential WHERE leaf_user_id = ? AND provider = ? AND owner_id = ?");
      if (!found.bind(user, provider, owner).step()) return false;
      row = found.integer(0);
    }
    delete_credential_row(db, row);
    return true;
  });
}

}  // namespace granary::sqlite
