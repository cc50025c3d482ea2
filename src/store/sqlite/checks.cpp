// What checks read, and the one commit in which they write.
#include <array>

#include "store/sqlite/digests.hpp"
#include "store/sqlite/due.hpp"
#include "store/sqlite/health.hpp"
#include "store/sqlite/logins.hpp"
#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

void save_events(Connection& db, std::int64_t row, const EventsWrite& events) {
  if (events.events_key) db.prepare("UPDATE credential SET events_key = ? WHERE row = ?").bind(*events.events_key, row).run();
  for (const SegmentWrite& segment : events.segments)
    db.prepare("INSERT OR REPLACE INTO event_segment (credential, day, number, count, data) VALUES (?, ?, ?, ?, ?)")
        .bind(row, segment.day, segment.number, segment.count, segment.data)
        .run();
  for (const ContentWrite& content : events.contents)
    db.prepare("INSERT INTO event_content (credential, number, digest, last_day, data) VALUES (?, ?, ?, ?, ?)")
        .bind(row, content.number, as_blob(content.digest), events.day, content.data)
        .run();
  for (const std::int32_t number : events.used_contents)
    db.prepare("UPDATE event_content SET last_day = ? WHERE credential = ? AND number = ? AND last_day < ?")
        .bind(events.day, row, number, events.day)
        .run();
}

void save_secrets(Connection& db, std::int64_t row, const CredentialWrite& write, const Sealed* secrets) {
  if (secrets)
    db.prepare("UPDATE credential SET fields = ?, fields_version = fields_version + 1 WHERE row = ?").bind(*secrets, row).run();
  if (write.secrets_key) db.prepare("UPDATE credential SET fields_key = ? WHERE row = ?").bind(*write.secrets_key, row).run();
  if (write.environment) db.prepare("UPDATE credential SET environment = ? WHERE row = ?").bind(*write.environment, row).run();
  if (write.origin) db.prepare("UPDATE credential SET origin = ? WHERE row = ?").bind(*write.origin, row).run();
  if (write.grant)
    db.prepare("UPDATE credential SET grant_state = ? WHERE row = ?").bind(static_cast<std::int64_t>(*write.grant), row).run();
  if (write.login) save_login_digests(db, row, *write.login);
  if (write.tokens) save_digests(db, write.key.owner, row, *write.tokens);
}

void save_candidate(Connection& db, std::int64_t row, const CredentialWrite& write) {
  if (write.removes_candidate) {
    db.prepare("UPDATE credential SET candidate = NULL, candidate_state = 0 WHERE row = ?").bind(row).run();
    drop_held(db, row, DigestKind::held_by_candidate);
  }
  if (!write.candidate) return;
  db.prepare("UPDATE credential SET candidate = ?, candidate_state = ? WHERE row = ?")
      .bind(write.candidate->secrets, static_cast<std::int64_t>(write.candidate->state), row)
      .run();
  if (write.candidate_claim)
    set_held(db, write.key.owner, row, DigestKind::held_by_candidate, write.candidate_claim->digest, WallTime());
}

struct FoundRow {
  std::int64_t row = 0;
  RowFacts facts;
};

std::optional<FoundRow> find_row(Connection& db, CredentialKey key) {
  static const std::string kSelect = std::string("SELECT row, fields_version, link_version, last_write, leaf_user_id, ") +
                                     kHealthColumns + " FROM credential WHERE id = ? AND owner_id = ?";
  auto found = db.prepare(kSelect.c_str());
  if (!found.bind(key.id, key.owner).step()) return std::nullopt;
  return FoundRow{.row = found.integer(0),
                  .facts = {.secrets_version = found.integer(1),
                            .link_version = found.integer(2),
                            .last_write = found.integer(3),
                            .is_linked = !found.is_null(4),
                            .health = read_health(found, 5),
                            .last_change = {}}};
}

}  // namespace

Task<std::optional<StoredCredential>> SqliteStore::find_credential(CredentialKey key) {
  if (key.owner == kNobody) throw StoreUnavailable("the store holds a damaged id");
  static const std::string kSelect =
      std::string(
          "SELECT leaf_user_id, provider, environment, created, fields_version, link_version, fields, fields_key, events_key,"
          " origin, grant_state, candidate, candidate_state, login_digest, sent_digest, ") +
      kHealthColumns + " FROM credential WHERE id = ? AND owner_id = ?";
  auto row = reader_.fresh().prepare(kSelect.c_str());
  if (!row.bind(key.id, key.owner).step()) co_return std::nullopt;
  StoredCredential c;
  c.key = key;
  if (!row.is_null(0)) c.leaf_user = row.id<LeafUserId>(0);
  c.provider = row.text(1);
  c.environment = row.text(2);
  c.created = row.time(3);
  c.secrets_version = row.integer(4);
  c.link_version = row.integer(5);
  c.secrets = {row.blob(6)};
  c.secrets_key = {row.blob(7)};
  c.events_key = {row.blob(8)};
  c.origin = row.text(9);
  c.grant = static_cast<GrantState>(row.integer(10));
  if (!row.is_null(11)) c.candidate = Candidate{.secrets = {row.blob(11)}, .state = static_cast<CandidateState>(row.integer(12))};
  c.login = {.login = row.blob(13), .sent = row.blob(14)};
  c.health = read_health(row, 15);
  co_return c;
}

Task<bool> SqliteStore::is_linked(CredentialKey key, std::int64_t link_version) {
  auto row = reader_.fresh().prepare(
      "SELECT 1 FROM credential WHERE id = ? AND owner_id = ? AND link_version = ? AND leaf_user_id IS NOT NULL");
  co_return row.bind(key.id, key.owner, link_version).step();
}

Task<std::vector<CredentialKey>> SqliteStore::list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                                       const std::vector<OwnerId>& except) {
  std::vector<CredentialKey> keys;
  std::string others;
  for (std::size_t i = 0; i < except.size(); ++i) others += " AND owner_id <> ?";
  const auto collect = [&](const char* query, const char* order, const auto&... bounds) {
    auto rows = reader_.fresh().prepare_text(std::string("SELECT owner_id, id ") + query + others + order + " LIMIT ?");
    rows.bind(lane.provider, lane.environment, bounds...);
    for (const OwnerId& owner : except) rows.bind(owner);
    rows.bind(limit);
    while (rows.step()) keys.push_back(read_key(rows, 0, 1));
  };
  collect(kDue, " ORDER BY next_check", now);
  collect(kRefusedFarAhead, "", horizon.refused);
  collect(kOthersFarAhead, "", horizon.other, std::max(horizon.other, horizon.held_back));
  collect(kCheckedAhead, "", horizon.checked, now);
  co_return keys;
}

Task<std::vector<CredentialKey>> SqliteStore::list_interrupted(const Lane& lane, std::int64_t limit) {
  auto rows = reader_.fresh().prepare_text(std::string("SELECT owner_id, id ") + kInterrupted + " LIMIT ?");
  rows.bind(lane.provider, lane.environment, limit);
  std::vector<CredentialKey> keys;
  while (rows.step()) keys.push_back(read_key(rows, 0, 1));
  co_return keys;
}

Task<std::vector<CredentialKey>> SqliteStore::list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) {
  auto rows = reader_.fresh().prepare_text(
      std::string("SELECT owner_id, id FROM credential WHERE provider = ? AND environment = ?") +
      (scope.owner ? " AND owner_id = ?" : "") +
      " AND next_check IS NOT NULL AND (next_check <= ? OR (outages = 0 AND (status <> ? OR pending <> 0)))"
      " ORDER BY next_check LIMIT ?");
  rows.bind(scope.lane.provider, scope.lane.environment);
  if (scope.owner) rows.bind(*scope.owner);
  rows.bind(now, static_cast<std::int64_t>(Status::unauthenticated), limit);
  std::vector<CredentialKey> keys;
  while (rows.step()) keys.push_back(read_key(rows, 0, 1));
  co_return keys;
}

Task<Committed> SqliteStore::commit(const CredentialWrite& write) {
  co_return co_await writer_.run([&](Connection& db) {
    auto found = find_row(db, write.key);
    if (!found) return Committed{.end = Committed::End::gone};
    const auto& [row, facts] = *found;
    if (write.candidate_claim && facts.last_write != write.id) {
      const ClaimAnswer claim = judge_claim(db, write.key.owner, row, *write.candidate_claim);
      if (claim.holder) return Committed{.end = Committed::End::token_in_use, .holder = claim.holder};
      if (claim.is_spent_here) return Committed{.end = Committed::End::token_spent};
    }
    if (write.health) found->facts.last_change = last_change_of(db, row);
    WritePlan plan = plan_write(write, facts);
    if (!plan.writes) return plan.committed;
    db.prepare("UPDATE credential SET last_write = ? WHERE row = ?").bind(write.id, row).run();
    if (plan.writes_secrets) save_secrets(db, row, write, plan.secrets);
    save_candidate(db, row, write);
    if (plan.health) save_health(db, row, *plan.health);
    if (plan.committed.change) save_change(db, row, *plan.committed.change);
    if (plan.writes_events) save_events(db, row, *write.events);
    // Last: the row's own login is written, and its health.
    if (plan.committed.news) plan.committed.others = share_with_others(db, write.key.owner, *plan.committed.news, 0);
    return plan.committed;
  });
}

Task<> SqliteStore::recover_interrupted(WallTime now) {
  co_await writer_.run([&](Connection& db) {
    std::vector<std::pair<std::int64_t, GrantState>> found;
    {
      auto rows = db.prepare("SELECT row, grant_state FROM credential WHERE grant_state IN (1, 3, 5)");
      while (rows.step()) found.emplace_back(rows.integer(0), static_cast<GrantState>(rows.integer(1)));
    }
    for (const auto& [row, state] : found)
      db.prepare(
            "UPDATE credential SET grant_state = ?, next_check = CASE WHEN leaf_user_id IS NULL THEN NULL ELSE ? END WHERE row = "
            "?")
          .bind(static_cast<std::int64_t>(after(state, GrantEvent::lost)), now, row)
          .run();
    db.prepare(
          "INSERT OR IGNORE INTO history (credential, time, from_status, to_status, reason, cause)"
          " SELECT row, since, NULL, status, reason, 0 FROM credential WHERE answer_cause IS NULL AND NOT EXISTS"
          " (SELECT 1 FROM history WHERE credential = row)")
        .run();
  });
}

Task<bool> SqliteStore::has_more_linked(const Lane& lane, std::int64_t count) {
  auto more = reader_.fresh().prepare(
      "SELECT 1 FROM credential WHERE provider = ? AND environment = ? AND leaf_user_id IS NOT NULL LIMIT 1 OFFSET ?");
  co_return more.bind(lane.provider, lane.environment, count).step();
}

Task<bool> SqliteStore::is_spent(CredentialKey key, std::string_view digest) {
  const Sealed wanted = as_blob(digest);
  auto found = reader_.fresh().prepare(
      "SELECT 1 FROM secret_digest WHERE owner_id = ?1 AND digest = ?2 AND kind = 2"
      " AND credential = (SELECT row FROM credential WHERE id = ?3 AND owner_id = ?1)");
  co_return found.bind(key.owner, wanted, key.id).step();
}

Task<std::vector<std::string>> SqliteStore::list_past_secrets(CredentialKey key) {
  auto rows = reader_.fresh().prepare(
      "SELECT digest FROM secret_digest WHERE credential = (SELECT row FROM credential WHERE id = ? AND owner_id = ?)"
      " AND kind IN (2, 3)");
  rows.bind(key.id, key.owner);
  std::vector<std::string> digests;
  while (rows.step()) digests.push_back(rows.blob(0));
  co_return digests;
}

}  // namespace granary::sqlite
