// A provider's credentials as a whole: breaker, configuration, origins, counts.
#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

constexpr std::int64_t kBatch = 200;

std::int64_t number_of(Status status) { return static_cast<std::int64_t>(status); }
std::int64_t number_of(Reason reason) { return static_cast<std::int64_t>(reason); }
std::int64_t micros_of(milliseconds duration) { return std::max<std::int64_t>(duration.count() * 1000, 1); }

// Runs `update` (which changes at most kBatch rows beyond the one it is given and says the last) until nothing is left,
// so that no write keeps the others waiting for long.
template <class Update>
Task<> in_batches(Writer& writer, Update update) {
  std::int64_t last = 0;
  while (true) {
    const std::int64_t next = co_await writer.run([&](Connection& db) { return update(db, last); });
    if (next == 0) co_return;
    last = next;
  }
}

// The last row of the batch of a lane's linked credentials after `after`; 0 when there is none. Here and in what changes a batch,
// NOT INDEXED: by an index of the lane's, each batch would go through the whole lane.
std::int64_t batch_end(Connection& db, const Lane& lane, std::int64_t after) {
  auto end = db.prepare(
      "SELECT max(row) FROM (SELECT row FROM credential NOT INDEXED WHERE provider = ? AND environment = ?"
      " AND leaf_user_id IS NOT NULL"
      " AND row > ? ORDER BY row LIMIT ?)");
  end.bind(lane.provider, lane.environment, after, kBatch).step();
  return end.integer(0);
}

void collect(Statement& rows, Status before, std::vector<Turned>& turned) {
  while (rows.step()) turned.push_back({.id = rows.id<CredentialId>(0), .before = before});
}

// A condition on the rows of a scope, behind the lane's; its value is bound after the lane.
const char* of_owner(const BreakerScope& scope) { return scope.owner ? " AND owner_id = ?" : ""; }

void bind_scope(Statement& statement, const BreakerScope& scope) {
  statement.bind(scope.lane.provider, scope.lane.environment);
  if (scope.owner) statement.bind(*scope.owner);
}

// As the table has it: empty for all owners.
std::string owner_key(const BreakerScope& scope) { return scope.owner ? std::string(scope.owner->raw()) : std::string(); }

void write_breaker(Connection& db, const BreakerScope& scope, const BreakerState& state) {
  const std::string owner = owner_key(scope);
  if (state.open)
    db.prepare(
          "INSERT OR REPLACE INTO breaker_by_owner (provider, environment, owner_id, opened_at, owners) VALUES (?, ?, ?, ?, ?)")
        .bind(scope.lane.provider, scope.lane.environment, as_blob(owner), state.opened_at, state.owners)
        .run();
  else
    db.prepare("DELETE FROM breaker_by_owner WHERE provider = ? AND environment = ? AND owner_id = ?")
        .bind(scope.lane.provider, scope.lane.environment, as_blob(owner))
        .run();
}

}  // namespace

Task<std::vector<LastCheck>> SqliteStore::list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) {
  // As last_check says.
  auto rows = reader_.fresh().prepare_text(
      std::string("SELECT id, owner_id, ") + kStateColumns +
      " FROM credential WHERE provider = ? AND environment = ? AND leaf_user_id IS NOT NULL AND last_checked BETWEEN ? AND ?"
      " AND NOT answered_connect ORDER BY last_checked DESC LIMIT ?");
  rows.bind(lane.provider, lane.environment, from, to, limit);
  std::vector<LastCheck> checks;
  while (rows.step())
    if (const auto check = last_check(rows.id<CredentialId>(0), rows.id<OwnerId>(1), read_state(rows, 2)))
      checks.push_back(*check);
  co_return checks;
}

Task<std::map<BreakerScope, BreakerState>> SqliteStore::load_breakers() {
  std::map<BreakerScope, BreakerState> breakers;
  auto rows = reader_.fresh().prepare("SELECT provider, environment, owner_id, opened_at, owners FROM breaker_by_owner");
  while (rows.step()) {
    BreakerScope scope{.lane = {rows.text(0), rows.text(1)}, .owner = {}};
    if (!rows.blob(2).empty()) scope.owner = rows.id<OwnerId>(2);
    breakers[scope] = {.open = true, .opened_at = rows.time(3), .owners = static_cast<std::int32_t>(rows.integer(4))};
  }
  co_return breakers;
}

Task<> SqliteStore::save_breaker(const BreakerScope& scope, const BreakerState& state) {
  co_await writer_.run([&](Connection& db) { write_breaker(db, scope, state); });
}

Task<std::int64_t> SqliteStore::count_probed(const BreakerScope& scope, std::int64_t limit) {
  // As CheckState::was_last_ok says.
  auto rows = reader_.fresh().prepare_text(
      std::string("SELECT count(*) FROM (SELECT 1 FROM credential WHERE provider = ? AND environment = ?") + of_owner(scope) +
      " AND leaf_user_id IS NOT NULL AND (status = ? OR (status = ? AND (turned_by_check OR suspected))) LIMIT ?)");
  bind_scope(rows, scope);
  rows.bind(number_of(Status::ok), number_of(Status::temporarily_unavailable), limit).step();
  co_return rows.integer(0);
}

Task<std::vector<Turned>> SqliteStore::open_breaker(const BreakerScope& scope, const BreakerState& state, WallTime since,
                                                    WallTime now) {
  co_return co_await writer_.run([&](Connection& db) {
    write_breaker(db, scope, state);
    std::vector<Turned> turned;
    for (const Status before : {Status::unauthenticated, Status::missing_permission}) {
      auto rows = db.prepare_text(
          std::string("UPDATE credential SET status = ?, since = ?, reason = ?,"
                      " suspected = suspected OR pending_wall IS NOT NULL, turned_by_check = 0, refusals = 0,"
                      " next_check = ?, state_version = state_version + 1 WHERE provider = ? AND environment = ?") +
          of_owner(scope) + " AND leaf_user_id IS NOT NULL AND status = ? AND turned_by_check = 1 AND since >= ? RETURNING id");
      rows.bind(number_of(Status::temporarily_unavailable), now, number_of(Reason::provider_refuses_many), now);
      bind_scope(rows, scope);
      rows.bind(number_of(before), since);
      collect(rows, before, turned);
    }
    return turned;
  });
}

Task<std::vector<Turned>> SqliteStore::suspect_refused(const BreakerScope& scope, const Instant& before, WallTime now) {
  co_return co_await writer_.run([&](Connection& db) {
    std::vector<Turned> turned;
    auto rows = db.prepare_text(
        std::string("UPDATE credential SET status = ?, since = ?, reason = ?, suspected = 1, state_version = state_version + 1"
                    " WHERE row IN (SELECT row FROM credential WHERE provider = ? AND environment = ?") +
        of_owner(scope) +
        " AND pending <> 0 AND pending_wall <= ? AND (pending_boot <> ? OR pending_steady <= ?) AND status = ?"
        " AND leaf_user_id IS NOT NULL LIMIT ?) RETURNING id");
    rows.bind(number_of(Status::temporarily_unavailable), now, number_of(Reason::provider_refuses_many));
    bind_scope(rows, scope);
    rows.bind(before.wall, before.boot, std::int64_t{before.steady.time_since_epoch().count()}, number_of(Status::ok), kBatch);
    collect(rows, Status::ok, turned);
    return turned;
  });
}

Task<> SqliteStore::respread(const BreakerScope& scope, WallTime closed_at, WallTime now, milliseconds spread) {
  co_await in_batches(writer_, [&](Connection& db, std::int64_t after) {
    const std::int64_t end = batch_end(db, scope.lane, after);
    // In the second line, CheckState::was_last_ok.
    auto rows = db.prepare_text(
        std::string(
            "UPDATE credential NOT INDEXED SET next_check = ? + abs(random() % ?), suspected = suspected OR (pending <> 0 AND"
            " (status = ? OR (status = ? AND turned_by_check))), pending = 0, pending_wall = NULL, pending_steady = NULL,"
            " pending_boot = NULL, state_version = state_version + 1 WHERE provider = ? AND environment = ?") +
        of_owner(scope) +
        " AND leaf_user_id IS NOT NULL AND row > ? AND row <= ?"
        " AND next_check IS NOT NULL AND (status <> ? OR pending <> 0 OR next_check <= ?)"
        " AND (last_checked IS NULL OR last_checked <= ? OR last_checked > ?)");  // the clock was set back
    rows.bind(closed_at, micros_of(spread), number_of(Status::ok), number_of(Status::temporarily_unavailable));
    bind_scope(rows, scope);
    rows.bind(after, end, number_of(Status::unauthenticated), closed_at, closed_at, now).run();
    return end;
  });
}

Task<std::vector<Turned>> SqliteStore::mark_not_configured(const Lane& lane, WallTime now) {
  std::vector<Turned> turned;
  co_await in_batches(writer_, [&](Connection& db, std::int64_t after) {
    const std::int64_t end = batch_end(db, lane, after);
    auto rows = db.prepare(
        "UPDATE credential NOT INDEXED SET status = ?, since = ?, reason = ?, next_check = NULL, turned_by_check = 1,"
        " state_version = state_version + 1 WHERE provider = ? AND environment = ? AND leaf_user_id IS NOT NULL"
        " AND row > ? AND row <= ? AND status = ? RETURNING id");
    rows.bind(number_of(Status::temporarily_unavailable), now, number_of(Reason::not_configured), lane.provider, lane.environment,
              after, end, number_of(Status::ok));
    collect(rows, Status::ok, turned);
    return end;
  });
  co_return turned;
}

Task<> SqliteStore::resume_configured(const Lane& lane, WallTime now, milliseconds spread) {
  co_await in_batches(writer_, [&](Connection& db, std::int64_t after) {
    const std::int64_t end = batch_end(db, lane, after);
    db.prepare(
          "UPDATE credential NOT INDEXED SET next_check = ? + abs(random() % ?), state_version = state_version + 1"
          " WHERE provider = ? AND environment = ? AND leaf_user_id IS NOT NULL AND row > ? AND row <= ? AND reason = ?"
          " AND next_check IS NULL AND status <> ?")
        .bind(now, micros_of(spread), lane.provider, lane.environment, after, end, number_of(Reason::not_configured),
              number_of(Status::unauthenticated))
        .run();
    return end;
  });
}

Task<std::int64_t> SqliteStore::accept_new_origin(std::string_view provider, WallTime now, milliseconds spread) {
  co_return co_await writer_.run([&](Connection& db) {
    // A password whose tries are used up is not tried again for a new address.
    db.prepare(
          "UPDATE credential SET origin = '', state_version = state_version + 1, next_check = CASE WHEN leaf_user_id IS NULL OR"
          " (status = ? AND next_check IS NULL) THEN NULL ELSE ? + abs(random() % ?) END WHERE provider = ? AND origin <> ''")
        .bind(number_of(Status::unauthenticated), now, micros_of(spread), provider)
        .run();
    return db.changes();
  });
}

Task<std::vector<Lane>> SqliteStore::list_lanes() {
  std::vector<Lane> lanes;
  auto rows = reader_.fresh().prepare(
      "SELECT DISTINCT provider, environment FROM credential WHERE leaf_user_id IS NOT NULL ORDER BY provider, environment");
  while (rows.step()) lanes.push_back({.provider = rows.text(0), .environment = rows.text(1)});
  co_return lanes;
}

Task<std::vector<StatusCount>> SqliteStore::count_by_status() {
  co_return co_await pool_.run(kNobody, [](Connection& db) {
    std::vector<StatusCount> counts;
    auto rows = db.prepare(
        "SELECT provider, environment, status, count(*) FROM credential WHERE leaf_user_id IS NOT NULL"
        " GROUP BY provider, environment, status");
    while (rows.step())
      counts.push_back({.lane = {.provider = rows.text(0), .environment = rows.text(1)},
                        .status = static_cast<Status>(rows.integer(2)),
                        .count = rows.integer(3)});
    return counts;
  });
}

}  // namespace granary::sqlite
