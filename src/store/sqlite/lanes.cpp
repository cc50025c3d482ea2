// A provider's credentials as a whole: breaker, configuration, origins, counts.
#include "store/sqlite/health.hpp"
#include "store/sqlite/lists.hpp"
#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

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
          "INSERT OR REPLACE INTO breaker_by_owner (provider, environment, owner_id, opened_at, owners, window_start)"
          " VALUES (?, ?, ?, ?, ?, ?)")
        .bind(scope.lane.provider, scope.lane.environment, as_blob(owner), state.opened_at, state.owners, state.window_start)
        .run();
  else
    db.prepare("DELETE FROM breaker_by_owner WHERE provider = ? AND environment = ? AND owner_id = ?")
        .bind(scope.lane.provider, scope.lane.environment, as_blob(owner))
        .run();
}

void write_fuse(Connection& db, const BreakerScope& scope, const FuseState& state) {
  const std::string owner = owner_key(scope);
  if (state.is_worth_keeping())
    db.prepare(
          "INSERT OR REPLACE INTO fuse (provider, environment, owner_id, blown_at, reason, trials, last_trial, latest)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(scope.lane.provider, scope.lane.environment, as_blob(owner), state.blown_at,
              static_cast<std::int64_t>(state.reason), state.trials, state.last_trial, as_blob(pack_latest(state.latest)))
        .run();
  else
    db.prepare("DELETE FROM fuse WHERE provider = ? AND environment = ? AND owner_id = ?")
        .bind(scope.lane.provider, scope.lane.environment, as_blob(owner))
        .run();
}

}  // namespace

Task<std::vector<LastCheck>> SqliteStore::list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) {
  // As last_check says: 2 to 5 are the causes that are checks.
  auto rows = reader_.fresh().prepare_text(
      std::string("SELECT id, owner_id, grant_state, login_digest, ") + kHealthColumns +
      " FROM credential WHERE provider = ? AND environment = ? AND leaf_user_id IS NOT NULL AND last_checked BETWEEN ? AND ?"
      " AND answer_cause BETWEEN 2 AND 5 ORDER BY last_checked DESC LIMIT ?");
  rows.bind(lane.provider, lane.environment, from, to, limit);
  std::vector<LastCheck> checks;
  while (rows.step()) {
    if (auto check = last_check(read_key(rows, 1, 0), read_health(rows, 4), static_cast<GrantState>(rows.integer(2)))) {
      check->login = rows.blob(3);
      checks.push_back(std::move(*check));
    }
  }
  co_return checks;
}

Task<std::map<BreakerScope, BreakerState>> SqliteStore::load_breakers() {
  std::map<BreakerScope, BreakerState> breakers;
  auto rows =
      reader_.fresh().prepare("SELECT provider, environment, owner_id, opened_at, owners, window_start FROM breaker_by_owner");
  while (rows.step()) {
    BreakerScope scope{.lane = {rows.text(0), rows.text(1)}, .owner = {}};
    if (!rows.blob(2).empty()) scope.owner = rows.id<OwnerId>(2);
    breakers[scope] = {.open = true,
                       .opened_at = rows.time(3),
                       .window_start = rows.time(5),
                       .owners = static_cast<std::int32_t>(rows.integer(4))};
  }
  co_return breakers;
}

Task<> SqliteStore::save_breaker(const BreakerScope& scope, const BreakerState& state) {
  co_await writer_.run([&](Connection& db) { write_breaker(db, scope, state); });
}

Task<std::map<BreakerScope, FuseState>> SqliteStore::load_fuses() {
  std::map<BreakerScope, FuseState> fuses;
  auto rows =
      reader_.fresh().prepare("SELECT provider, environment, owner_id, blown_at, reason, trials, last_trial, latest FROM fuse");
  while (rows.step()) {
    BreakerScope scope{.lane = {rows.text(0), rows.text(1)}, .owner = {}};
    if (!rows.blob(2).empty()) scope.owner = rows.id<OwnerId>(2);
    fuses[scope] = {.blown_at = rows.optional_time(3),
                    .reason = static_cast<Reason>(rows.integer(4)),
                    .trials = static_cast<std::int32_t>(rows.integer(5)),
                    .last_trial = rows.optional_time(6),
                    .latest = unpack_latest(rows.blob(7))};
  }
  co_return fuses;
}

Task<> SqliteStore::save_fuse(const BreakerScope& scope, const FuseState& state) {
  co_await writer_.run([&](Connection& db) { write_fuse(db, scope, state); });
}

Task<std::int64_t> SqliteStore::count_probed(const BreakerScope& scope, std::int64_t limit) {
  // As CredentialHealth::was_last_ok says.
  auto rows = reader_.fresh().prepare_text(
      std::string("SELECT count(*) FROM (SELECT 1 FROM credential WHERE provider = ? AND environment = ?") + of_owner(scope) +
      " AND leaf_user_id IS NOT NULL AND was_last_ok LIMIT ?)");
  bind_scope(rows, scope);
  rows.bind(limit).step();
  co_return rows.integer(0);
}

// The rows of one batch, and the health of each.
struct Batch {
  std::vector<std::pair<std::int64_t, CredentialKey>> rows;
  std::vector<CredentialHealth> health;
  std::int64_t last = 0;
};

// By row, so that each batch goes on where the one before it ended. NOT INDEXED where all are wanted: by an index of the lane's,
// each batch would go through the whole lane.
const char* condition_of(Rows rows) {
  switch (rows) {
    case Rows::all: return "";
    case Rows::bad: return " AND status IN (1, 2)";
    case Rows::refused_once: return " AND pending <> 0 AND status = 0";
  }
  return "";
}

Batch read_batch(Connection& db, const BreakerScope& scope, Rows rows, std::int64_t after) {
  auto found =
      db.prepare_text(std::string("SELECT row, id, owner_id, ") + kHealthColumns + " FROM credential" +
                      (rows == Rows::all ? " NOT INDEXED" : "") + " WHERE provider = ? AND environment = ?" + of_owner(scope) +
                      condition_of(rows) + " AND leaf_user_id IS NOT NULL AND row > ? ORDER BY row LIMIT ?");
  bind_scope(found, scope);
  found.bind(after, kHealthBatch);
  Batch batch;
  while (found.step()) {
    batch.last = found.integer(0);
    batch.rows.emplace_back(batch.last, read_key(found, 2, 1));
    batch.health.push_back(read_health(found, 3));
  }
  return batch;
}

Task<HealthBatch> SqliteStore::change_health(const BreakerScope& scope, Rows rows, std::int64_t after, HealthRule rule,
                                             Cause cause) {
  co_return co_await writer_.run([&](Connection& db) {
    const Batch batch = read_batch(db, scope, rows, after);
    HealthBatch out{.changes = {}, .last = batch.last};
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      const auto& [row, key] = batch.rows[i];
      if (key.owner == kNobody) continue;
      if (auto change = apply_to_row(db, row, key, batch.health[i], rule, cause)) out.changes.push_back(std::move(*change));
    }
    return out;
  });
}

Task<std::int64_t> SqliteStore::forget_origins(std::string_view provider) {
  std::int64_t forgotten = 0;
  while (true) {
    const std::int64_t batch = co_await writer_.run([&](Connection& db) {
      db.prepare(
            "UPDATE credential SET origin = '' WHERE row IN (SELECT row FROM credential WHERE provider = ? AND origin <> '' "
            "LIMIT ?)")
          .bind(provider, kHealthBatch)
          .run();
      return db.changes();
    });
    if (batch == 0) co_return forgotten;
    forgotten += batch;
  }
}

Task<std::vector<Lane>> SqliteStore::list_lanes() {
  std::vector<Lane> lanes;
  auto rows = reader_.fresh().prepare(
      "SELECT DISTINCT provider, environment FROM credential WHERE leaf_user_id IS NOT NULL ORDER BY provider, environment");
  while (rows.step()) lanes.push_back({.provider = rows.text(0), .environment = rows.text(1)});
  co_return lanes;
}

Task<std::vector<StatusCount>> SqliteStore::count_of_owner(OwnerId owner) {
  co_return co_await pool_.run(owner, [&](Connection& db) {
    std::vector<StatusCount> counts;
    auto rows = db.prepare(kCountOfOwner);
    rows.bind(owner);
    while (rows.step())
      counts.push_back({.lane = {.provider = rows.text(0), .environment = rows.text(1)},
                        .status = static_cast<Status>(rows.integer(2)),
                        .count = rows.integer(3),
                        .last_success = rows.optional_time(4)});
    return counts;
  });
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
