// Credentials as their owner sees them: stored, revealed, listed, deleted.
#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

std::optional<std::int64_t> integer_of(std::optional<Reason> reason) {
  return reason ? std::optional(static_cast<std::int64_t>(*reason)) : std::nullopt;
}

}  // namespace

RevealedRow read_revealed(const Statement& row) {
  return {.id = row.id<CredentialId>(0),
          .leaf_user = row.id<LeafUserId>(7),
          .provider = row.text(1),
          .status = static_cast<Status>(row.integer(2)),
          .created = row.time(3),
          .fields_version = row.integer(4),
          .fields = {row.blob(5)},
          .fields_key = {row.blob(6)}};
}

CredentialSummary read_summary(const Statement& row) {
  CredentialSummary summary{.id = row.id<CredentialId>(0),
                            .owner = row.id<OwnerId>(1),
                            .leaf_user = row.id<LeafUserId>(2),
                            .provider = row.text(3),
                            .environment = row.text(4),
                            .state = {}};
  summary.state.status = static_cast<Status>(row.integer(5));
  summary.state.since = row.time(6);
  summary.state.reason = row.is_null(7) ? std::nullopt : std::optional(static_cast<Reason>(row.integer(7)));
  summary.state.last_checked = row.optional_time(8);
  summary.state.next_check = row.optional_time(9);
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
  db.prepare("DELETE FROM credential WHERE row = ?").bind(row).run();
}

Task<Result<void>> SqliteStore::add_credential(const StoredCredential& credential) {
  co_return co_await writer_.run([&](Connection& db) -> Result<void> {
    const auto& c = credential;
    if (!db.prepare("SELECT 1 FROM leaf_user WHERE id = ? AND owner_id = ?").bind(*c.leaf_user, c.owner).step())
      return fail(ErrorCode::not_found);
    if (db.prepare("SELECT 1 FROM credential WHERE leaf_user_id = ? AND provider = ?").bind(*c.leaf_user, c.provider).step())
      return fail(ErrorCode::already_exists);
    db.prepare(
          "INSERT INTO credential (id, owner_id, leaf_user_id, last_leaf_user_id, provider, environment, created, fields_version,"
          " state_version, link_version, fields, fields_key, origin, status, since, reason, next_check)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(c.id, c.owner, *c.leaf_user, *c.leaf_user, c.provider, c.environment, c.created, c.fields_version, c.state_version,
              c.link_version, c.fields, c.fields_key, c.origin, static_cast<std::int64_t>(c.state.status), c.state.since,
              integer_of(c.state.reason), c.state.next_check)
        .run();
    return {};
  });
}

Task<std::optional<RevealedRow>> SqliteStore::find_revealed(OwnerId owner, LeafUserId user, std::string_view provider) {
  reader_.share_snapshot(co_await asio::this_coro::executor);
  auto row = reader_.fresh().prepare(
      "SELECT id, provider, status, created, fields_version, fields, fields_key, leaf_user_id FROM credential"
      " WHERE leaf_user_id = ? AND provider = ? AND owner_id = ?");
  co_return row.bind(user, provider, owner).step() ? std::optional(read_revealed(row)) : std::nullopt;
}

Task<std::optional<CredentialSummary>> SqliteStore::find_summary(OwnerId owner, LeafUserId user, std::string_view provider) {
  auto row = reader_.fresh().prepare(
      "SELECT id, owner_id, leaf_user_id, provider, environment, status, since, reason, last_checked, next_check FROM credential"
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
