// What checks read and record.
#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

std::optional<Instant> read_instant(const Statement& row, int first) {
  if (row.is_null(first)) return std::nullopt;
  return Instant{
      .wall = row.time(first), .steady = SteadyTime(microseconds(row.integer(first + 1))), .boot = row.integer(first + 2)};
}

struct InstantColumns {
  std::optional<std::int64_t> wall, steady, boot;
};

InstantColumns columns_of(const std::optional<Instant>& instant) {
  if (!instant) return {};
  return {to_micros(instant->wall), instant->steady.time_since_epoch().count(), instant->boot};
}

void save_state(Connection& db, std::int64_t row, const CheckState& state) {
  const auto reason = state.reason ? std::optional(static_cast<std::int64_t>(*state.reason)) : std::nullopt;
  const InstantColumns pending = columns_of(state.pending_since), outage = columns_of(state.outage_since);
  db.prepare(
        "UPDATE credential SET status = ?, since = ?, reason = ?, last_checked = ?, next_check = ?, pending = ?,"
        " pending_wall = ?, pending_steady = ?, pending_boot = ?, refusals = ?, outages = ?, outage_wall = ?,"
        " outage_steady = ?, outage_boot = ?, failures = ?, outcome_unknown = ?, suspected = ?, turned_by_check = ?,"
        " answered_connect = ?, state_version = state_version + 1 WHERE row = ?")
      .bind(static_cast<std::int64_t>(state.status), state.since, reason, state.last_checked, state.next_check,
            static_cast<std::int64_t>(state.pending), pending.wall, pending.steady, pending.boot, state.refusals, state.outages,
            outage.wall, outage.steady, outage.boot, state.failures, state.outcome_unknown, state.suspected,
            state.turned_by_check, state.answered_connect, row)
      .run();
}

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

void clear_spending(Connection& db, std::int64_t row) {
  db.prepare("UPDATE credential SET spending = NULL WHERE row = ?").bind(row).run();
}

void save_fields(Connection& db, std::int64_t row, const CheckRecord& record) {
  if (record.fields)
    db.prepare("UPDATE credential SET fields = ?, fields_version = fields_version + 1 WHERE row = ?")
        .bind(*record.fields, row)
        .run();
  if (record.fields_key) db.prepare("UPDATE credential SET fields_key = ? WHERE row = ?").bind(*record.fields_key, row).run();
  if (record.environment) db.prepare("UPDATE credential SET environment = ? WHERE row = ?").bind(*record.environment, row).run();
  if (record.origin) db.prepare("UPDATE credential SET origin = ? WHERE row = ?").bind(*record.origin, row).run();
  if (record.removes_candidate)
    db.prepare("UPDATE credential SET candidate = NULL, candidate_sent = 0 WHERE row = ?").bind(row).run();
}

}  // namespace

CheckState read_state(const Statement& row, int first) {
  CheckState state;
  state.status = static_cast<Status>(row.integer(first));
  state.since = row.time(first + 1);
  state.reason = row.is_null(first + 2) ? std::nullopt : std::optional(static_cast<Reason>(row.integer(first + 2)));
  state.last_checked = row.optional_time(first + 3);
  state.next_check = row.optional_time(first + 4);
  state.pending = static_cast<Pending>(row.integer(first + 5));
  state.pending_since = read_instant(row, first + 6);
  state.refusals = static_cast<std::int32_t>(row.integer(first + 9));
  state.outages = static_cast<std::int32_t>(row.integer(first + 10));
  state.outage_since = read_instant(row, first + 11);
  state.failures = static_cast<std::int32_t>(row.integer(first + 14));
  state.outcome_unknown = row.integer(first + 15) != 0;
  state.suspected = row.integer(first + 16) != 0;
  state.turned_by_check = row.integer(first + 17) != 0;
  state.answered_connect = row.integer(first + 18) != 0;
  return state;
}

Task<std::optional<StoredCredential>> SqliteStore::find_credential(CredentialId id) {
  static const std::string kSelect =
      std::string(
          "SELECT id, owner_id, leaf_user_id, provider, environment, created, fields_version, state_version, link_version,"
          " fields, fields_key, events_key, origin, spending, candidate, candidate_sent, ") +
      kStateColumns + " FROM credential WHERE id = ?";
  auto row = reader_.fresh().prepare(kSelect.c_str());
  if (!row.bind(id).step()) co_return std::nullopt;
  StoredCredential c;
  c.id = row.id<CredentialId>(0);
  c.owner = row.id<OwnerId>(1);
  if (!row.is_null(2)) c.leaf_user = row.id<LeafUserId>(2);
  c.provider = row.text(3);
  c.environment = row.text(4);
  c.created = row.time(5);
  c.fields_version = row.integer(6);
  c.state_version = row.integer(7);
  c.link_version = row.integer(8);
  c.fields = {row.blob(9)};
  c.fields_key = {row.blob(10)};
  c.events_key = {row.blob(11)};
  c.origin = row.text(12);
  c.spending = row.blob(13);
  if (!row.is_null(14))
    c.candidate = Candidate{.fields = {row.blob(14)}, .progress = static_cast<Candidate::Progress>(row.integer(15))};
  c.state = read_state(row, 16);
  co_return c;
}

Task<std::vector<CredentialId>> SqliteStore::list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                                      const std::vector<OwnerId>& except) {
  std::vector<CredentialId> ids;
  std::string others;
  for (std::size_t i = 0; i < except.size(); ++i) others += " AND owner_id <> ?";
  const auto collect = [&](const std::string& due, WallTime bound, const char* order = "") {
    auto rows = reader_.fresh().prepare_text("SELECT id FROM credential WHERE provider = ? AND environment = ? AND " + due +
                                             others + order + " LIMIT ?");
    rows.bind(lane.provider, lane.environment, bound);
    for (const OwnerId& owner : except) rows.bind(owner);
    rows.bind(limit);
    while (rows.step()) ids.push_back(rows.id<CredentialId>(0));
  };
  collect("next_check <= ?", now, " ORDER BY next_check");
  // Beyond any wait possible: the clock was ahead when these were written. Each of the two has its index, and 1,
  // UNAUTHENTICATED, is spelled out as it stands there.
  collect("next_check > ? AND status = 1", horizon.refused);
  collect("next_check > ? AND status <> 1", horizon.other);
  co_return ids;
}

Task<std::vector<CredentialId>> SqliteStore::list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) {
  auto rows = reader_.fresh().prepare_text(
      std::string("SELECT id FROM credential WHERE provider = ? AND environment = ?") + (scope.owner ? " AND owner_id = ?" : "") +
      " AND next_check IS NOT NULL AND (next_check <= ? OR (failures = 0 AND (status <> ? OR pending <> 0)))"
      " ORDER BY next_check LIMIT ?");
  rows.bind(scope.lane.provider, scope.lane.environment);
  if (scope.owner) rows.bind(*scope.owner);
  rows.bind(now, static_cast<std::int64_t>(Status::unauthenticated), limit);
  std::vector<CredentialId> ids;
  while (rows.step()) ids.push_back(rows.id<CredentialId>(0));
  co_return ids;
}

Task<Begun> SqliteStore::begin_exchange(CredentialId id, std::int64_t fields_version, std::string_view origin,
                                        std::string_view token_digest, const Claim&) {
  const std::optional<Sealed> digest = token_digest.empty() ? std::nullopt : std::optional(as_blob(token_digest));
  co_return co_await writer_.run([&](Connection& db) {
    db.prepare("UPDATE credential SET origin = ?, spending = coalesce(?, spending) WHERE id = ? AND fields_version = ?")
        .bind(origin, digest, id, fields_version)
        .run();
    return db.changes() > 0 ? Begun::yes : Begun::gone;
  });
}

Task<Recorded> SqliteStore::record_check(const CheckRecord& record) {
  co_return co_await writer_.run([&](Connection& db) {
    Recorded recorded;
    std::int64_t row = 0, fields_version = 0, state_version = 0, link_version = 0;
    std::optional<WallTime> next_check;
    bool is_its_candidate = true;
    {
      auto found = db.prepare(
          "SELECT row, fields_version, state_version, link_version, next_check, status, candidate IS ? FROM credential WHERE id "
          "= ?");
      if (!found.bind(record.removes_candidate, record.id).step()) return recorded;
      row = found.integer(0);
      fields_version = found.integer(1);
      state_version = found.integer(2);
      link_version = found.integer(3);
      next_check = found.optional_time(4);
      recorded.status_before = static_cast<Status>(found.integer(5));
      is_its_candidate = !record.removes_candidate || found.integer(6) != 0;
    }
    recorded.exists = true;
    if (fields_version != record.fields_version || !is_its_candidate) return recorded;
    recorded.fields_kept = true;
    save_fields(db, row, record);
    const bool same_link = link_version == record.link_version;
    recorded.state_kept = same_link && state_version == record.state_version;
    const bool is_settled = is_of_other_login(record) || recorded.state_kept || !record.outcome_unknown;
    if (record.clears_spending && is_settled) clear_spending(db, row);
    if (record.state && (recorded.state_kept || is_of_other_login(record))) {
      CheckState state = *record.state;
      if (!same_link) state.next_check = next_check;  // the other link's
      save_state(db, row, state);
    }
    if (recorded.state_kept && record.events) save_events(db, row, *record.events);
    return recorded;
  });
}

Task<> SqliteStore::record_not_sent(const StoredCredential& known, Reason reason, std::optional<WallTime> next_check) {
  co_await writer_.run([&](Connection& db) {
    db.prepare(
          "UPDATE credential SET reason = ?, next_check = ?, state_version = state_version + 1 WHERE id = ? AND"
          " leaf_user_id IS NOT NULL AND state_version = ? AND link_version = ?")
        .bind(static_cast<std::int64_t>(reason), next_check, known.id, known.state_version, known.link_version)
        .run();
  });
}

Task<bool> SqliteStore::save_candidate(CredentialId id, const Sealed& fields) {
  co_return co_await writer_.run([&](Connection& db) {
    db.prepare("UPDATE credential SET candidate = ?, candidate_sent = 0 WHERE id = ? AND leaf_user_id IS NOT NULL")
        .bind(fields, id)
        .run();
    return db.changes() > 0;
  });
}

Task<Begun> SqliteStore::mark_candidate_sent(CredentialId id, const Candidate& sent, const Claim&) {
  co_return co_await writer_.run([&](Connection& db) {
    db.prepare("UPDATE credential SET candidate_sent = ? WHERE id = ? AND candidate = ?")
        .bind(static_cast<std::int64_t>(sent.progress), id, sent.fields)
        .run();
    return db.changes() > 0 ? Begun::yes : Begun::gone;
  });
}

Task<bool> SqliteStore::keep_candidate(CredentialId id, const Sealed& from, const Sealed& fields) {
  co_return co_await writer_.run([&](Connection& db) {
    db.prepare("UPDATE credential SET candidate = ?, candidate_sent = 2 WHERE id = ? AND candidate = ? AND candidate_sent > 0")
        .bind(fields, id, from)
        .run();
    if (db.changes() == 0) return false;
    return db.prepare("SELECT 1 FROM credential WHERE id = ? AND leaf_user_id IS NOT NULL").bind(id).step();
  });
}

Task<> SqliteStore::recover_interrupted(WallTime now) {
  co_await writer_.run([&](Connection& db) {
    db.prepare("UPDATE credential SET candidate = NULL WHERE candidate IS NOT NULL AND candidate_sent = 0").run();
    db.prepare(
          "UPDATE credential SET next_check = ?"
          " WHERE (candidate IS NOT NULL OR spending IS NOT NULL) AND leaf_user_id IS NOT NULL")
        .bind(now)
        .run();
  });
}

}  // namespace granary::sqlite
