#include "store/sqlite/health.hpp"

#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

template <class Enum>
std::optional<Enum> read_enum(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(static_cast<Enum>(row.integer(column)));
}

template <class Enum>
std::optional<std::int64_t> number_of(const std::optional<Enum>& value) {
  return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
}

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

}  // namespace

CredentialHealth read_health(const Statement& row, int first) {
  CredentialHealth health;
  health.status = static_cast<Status>(row.integer(first));
  health.since = row.time(first + 1);
  health.reason = read_enum<Reason>(row, first + 2);
  health.last_checked = row.optional_time(first + 3);
  health.next_check = row.optional_time(first + 4);
  health.last_success = row.optional_time(first + 5);
  health.proved_by = read_enum<Proof>(row, first + 6);
  health.failures_in_row = static_cast<std::int32_t>(row.integer(first + 7));
  health.was_last_ok = row.integer(first + 8) != 0;
  health.pending = static_cast<Pending>(row.integer(first + 9));
  health.pending_since = read_instant(row, first + 10);
  health.refusals = static_cast<std::int32_t>(row.integer(first + 13));
  health.outages = static_cast<std::int32_t>(row.integer(first + 14));
  health.outage_since = read_instant(row, first + 15);
  health.status_cause = read_enum<Cause>(row, first + 18);
  health.answer_cause = read_enum<Cause>(row, first + 19);
  health.due_cause = read_enum<Cause>(row, first + 20);
  health.is_suspected = row.integer(first + 21) != 0;
  health.held_since = read_instant(row, first + 22);
  health.access_ends = row.optional_time(first + 25);
  health.grant_ends = row.optional_time(first + 26);
  health.action = read_enum<Action>(row, first + 27);
  health.retry_at = row.optional_time(first + 28);
  return health;
}

void save_health(Connection& db, std::int64_t row, const CredentialHealth& health) {
  const InstantColumns pending = columns_of(health.pending_since), outage = columns_of(health.outage_since),
                       held = columns_of(health.held_since);
  db.prepare(
        "UPDATE credential SET status = ?, since = ?, reason = ?, last_checked = ?, next_check = ?, last_success = ?,"
        " proved_by = ?, failures_in_row = ?, was_last_ok = ?, pending = ?, pending_wall = ?, pending_steady = ?,"
        " pending_boot = ?, refusals = ?, outages = ?, outage_wall = ?, outage_steady = ?, outage_boot = ?, status_cause = ?,"
        " answer_cause = ?, due_cause = ?, suspected = ?, held_wall = ?, held_steady = ?, held_boot = ?, access_ends = ?,"
        " grant_ends = ?, action = ?, retry_at = ? WHERE row = ?")
      .bind(static_cast<std::int64_t>(health.status), health.since, number_of(health.reason), health.last_checked,
            health.next_check, health.last_success, number_of(health.proved_by), health.failures_in_row, health.was_last_ok,
            static_cast<std::int64_t>(health.pending), pending.wall, pending.steady, pending.boot, health.refusals,
            health.outages, outage.wall, outage.steady, outage.boot, number_of(health.status_cause),
            number_of(health.answer_cause), number_of(health.due_cause), health.is_suspected, held.wall, held.steady, held.boot,
            health.access_ends, health.grant_ends, number_of(health.action), health.retry_at, row)
      .run();
}

void save_change(Connection& db, std::int64_t row, const StatusChange& change) {
  db.prepare(
        "UPDATE history SET superseded = 1 WHERE credential = ?1 AND time = (SELECT max(time) FROM history WHERE credential = "
        "?1)")
      .bind(row)
      .run();
  db.prepare("INSERT INTO history (credential, time, from_status, to_status, reason, cause) VALUES (?, ?, ?, ?, ?, ?)")
      .bind(row, change.time, number_of(change.from), static_cast<std::int64_t>(change.to), number_of(change.reason),
            static_cast<std::int64_t>(change.cause))
      .run();
}

namespace {

// time, from_status, to_status, reason, cause, from column `first` on.
StatusChange read_change(const Statement& row, int first, CredentialKey key) {
  return {.key = key,
          .time = row.time(first),
          .from = read_enum<Status>(row, first + 1),
          .to = static_cast<Status>(row.integer(first + 2)),
          .reason = read_enum<Reason>(row, first + 3),
          .cause = static_cast<Cause>(row.integer(first + 4))};
}

}  // namespace

std::optional<WallTime> last_change_of(Connection& db, std::int64_t row) {
  auto found = db.prepare("SELECT max(time) FROM history WHERE credential = ?");
  found.bind(row).step();
  return found.optional_time(0);
}

std::optional<StatusChange> apply_to_row(Connection& db, std::int64_t row, CredentialKey key, const CredentialHealth& health,
                                         const HealthRule& rule, Cause cause) {
  auto after_rule = apply_rule(rule, key, health, static_cast<std::uint64_t>(row));
  if (!after_rule) return std::nullopt;
  HealthChange changed = with_history(key, health, std::move(*after_rule), last_change_of(db, row), cause);
  save_health(db, row, changed.health);
  if (changed.change) save_change(db, row, *changed.change);
  return std::move(changed.change);
}

Task<Page<StatusChange>> SqliteStore::list_history(CredentialKey key, PageRequest page) {
  co_return co_await pool_.run(key.owner, [&](Connection& db) {
    Page<StatusChange> out;
    auto count =
        db.prepare("SELECT count(*) FROM history WHERE credential = (SELECT row FROM credential WHERE id = ? AND owner_id = ?)");
    count.bind(key.id, key.owner).step();
    out.total = count.integer(0);
    auto rows = db.prepare(
        "SELECT time, from_status, to_status, reason, cause FROM history"
        " WHERE credential = (SELECT row FROM credential WHERE id = ? AND owner_id = ?) ORDER BY time DESC LIMIT ? OFFSET ?");
    rows.bind(key.id, key.owner, page.size, page.offset());
    while (rows.step()) out.items.push_back(read_change(rows, 0, key));
    return out;
  });
}

Task<std::vector<NumberedChange>> SqliteStore::list_changes(std::int64_t after, std::int64_t limit) {
  co_return co_await pool_.run(kNobody, [&](Connection& db) {
    auto rows = db.prepare(
        "SELECT number, owner_id, id, time, from_status, to_status, history.reason, cause FROM history"
        " JOIN credential ON row = credential WHERE number > ? ORDER BY number LIMIT ?");
    rows.bind(after, limit);
    std::vector<NumberedChange> changes;
    while (rows.step()) changes.push_back({.number = rows.integer(0), .change = read_change(rows, 3, read_key(rows, 1, 2))});
    return changes;
  });
}

Task<std::int64_t> SqliteStore::last_change_number() {
  co_return co_await pool_.run(kNobody, [](Connection& db) {
    auto row = db.prepare("SELECT coalesce(max(number), 0) FROM history");
    row.step();
    return row.integer(0);
  });
}

Task<std::optional<CredentialKey>> SqliteStore::find_key(CredentialId id) {
  auto row = reader_.fresh().prepare("SELECT owner_id, id FROM credential WHERE id = ?");
  co_return row.bind(id).step() ? std::optional(read_key(row, 0, 1)) : std::nullopt;
}

}  // namespace granary::sqlite
