// Event segments and contents, and everything that expires.
#include <algorithm>

#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

SegmentRow read_segment(const Statement& row) {
  return {.day = static_cast<std::int32_t>(row.integer(0)),
          .number = static_cast<std::int32_t>(row.integer(1)),
          .count = static_cast<std::int32_t>(row.integer(2)),
          .data = {row.blob(3)}};
}

}  // namespace

Task<std::optional<SegmentRow>> SqliteStore::find_last_segment(CredentialKey key, std::int32_t day) {
  auto row = reader_.fresh().prepare(
      "SELECT day, number, count, data FROM event_segment WHERE credential = (SELECT row FROM credential WHERE id = ? AND "
      "owner_id = ?) AND day = "
      "?"
      " ORDER BY number DESC LIMIT 1");
  co_return row.bind(key.id, key.owner, day).step() ? std::optional(read_segment(row)) : std::nullopt;
}

Task<std::optional<std::int32_t>> SqliteStore::find_content(CredentialKey key, std::string_view digest) {
  const Sealed blob = as_blob(digest);
  auto row = reader_.fresh().prepare(
      "SELECT number FROM event_content WHERE credential = (SELECT row FROM credential WHERE id = ? AND owner_id = ?) AND digest "
      "= ?");
  co_return row.bind(key.id, key.owner, blob).step() ? std::optional(static_cast<std::int32_t>(row.integer(0))) : std::nullopt;
}

Task<std::int32_t> SqliteStore::next_content_number(CredentialKey key) {
  auto row = reader_.fresh().prepare(
      "SELECT coalesce(max(number), 0) + 1 FROM event_content WHERE credential = (SELECT row FROM credential WHERE id = ? AND "
      "owner_id = ?)");
  row.bind(key.id, key.owner).step();
  co_return static_cast<std::int32_t>(row.integer(0));
}

Task<EventCounts> SqliteStore::count_events(CredentialKey key, std::int32_t first_day) {
  co_return co_await pool_.run(key.owner, [&](Connection& db) {
    auto row = db.prepare(
        "SELECT coalesce(sum(count), 0), coalesce(sum(CASE WHEN day = ?3 THEN count END), 0) FROM event_segment"
        " WHERE credential = (SELECT row FROM credential WHERE id = ?1 AND owner_id = ?2) AND day >= ?3");
    row.bind(key.id, key.owner, first_day).step();
    return EventCounts{.total = row.integer(0), .on_first_day = row.integer(1)};
  });
}

Task<std::vector<SegmentRow>> SqliteStore::list_segments(CredentialKey key, std::int32_t first_day, Direction direction,
                                                         std::int64_t first, std::int64_t end, std::int64_t& skipped) {
  const char* sql =
      direction == Direction::descending
          ? "SELECT day, number, count, data FROM event_segment WHERE credential ="
            " (SELECT row FROM credential WHERE id = ? AND owner_id = ?) AND day >= ? ORDER BY day DESC, number DESC"
          : "SELECT day, number, count, data FROM event_segment WHERE credential ="
            " (SELECT row FROM credential WHERE id = ? AND owner_id = ?) AND day >= ? ORDER BY day, number";
  co_return co_await pool_.run(key.owner, [&](Connection& db) {
    auto rows = db.prepare(sql);
    rows.bind(key.id, key.owner, first_day);
    std::vector<SegmentRow> segments;
    std::int64_t passed = 0;
    skipped = 0;
    while (passed < end && rows.step()) {
      passed += rows.integer(2);
      if (passed <= first) skipped = passed;
      else segments.push_back(read_segment(rows));
    }
    return segments;
  });
}

Task<std::optional<ContentRow>> SqliteStore::read_content(CredentialKey key, std::int32_t number) {
  auto row = reader_.fresh().prepare(
      "SELECT number, data FROM event_content WHERE credential = (SELECT row FROM credential WHERE id = ? AND owner_id = ?) AND "
      "number = ?");
  if (!row.bind(key.id, key.owner, number).step()) co_return std::nullopt;
  co_return ContentRow{.number = static_cast<std::int32_t>(row.integer(0)), .data = {row.blob(1)}};
}

Task<std::int64_t> SqliteStore::expire_events(std::int32_t before_day, std::int64_t limit) {
  co_return co_await writer_.run([&](Connection& db) {
    // The key first: from here on the day's segments cannot be opened, whatever is left of them.
    db.prepare("DELETE FROM day_key WHERE day < ?").bind(before_day).run();
    std::vector<std::array<std::int64_t, 3>> keys;
    {
      auto rows = db.prepare("SELECT credential, day, number FROM event_segment WHERE day < ? LIMIT ?");
      rows.bind(before_day, limit);
      while (rows.step()) keys.push_back({rows.integer(0), rows.integer(1), rows.integer(2)});
    }
    for (const auto& [credential, day, number] : keys)
      db.prepare("DELETE FROM event_segment WHERE credential = ? AND day = ? AND number = ?").bind(credential, day, number).run();
    auto gone = static_cast<std::int64_t>(keys.size());
    keys.clear();
    {
      auto rows = db.prepare("SELECT credential, number FROM event_content WHERE last_day < ? LIMIT ?");
      rows.bind(before_day, limit - gone);
      while (rows.step()) keys.push_back({rows.integer(0), rows.integer(1), 0});
    }
    for (const auto& [credential, number, unused] : keys)
      db.prepare("DELETE FROM event_content WHERE credential = ? AND number = ?").bind(credential, number).run();
    gone += static_cast<std::int64_t>(keys.size());
    return gone;
  });
}

Task<std::int64_t> SqliteStore::expire_history(WallTime before, std::int64_t limit) {
  co_return co_await writer_.run([&](Connection& db) {
    db.prepare("DELETE FROM history WHERE number IN (SELECT number FROM history WHERE superseded AND time < ? LIMIT ?)")
        .bind(before, limit)
        .run();
    return db.changes();
  });
}

Task<std::int64_t> SqliteStore::expire_unlinked(WallTime before, std::int64_t limit) {
  co_return co_await writer_.run([&](Connection& db) {
    std::vector<std::int64_t> gone;
    {
      auto rows = db.prepare("SELECT row FROM credential WHERE unlinked_since < ? LIMIT ?");
      rows.bind(before, limit);
      while (rows.step()) gone.push_back(rows.integer(0));
    }
    for (const std::int64_t row : gone) delete_credential_row(db, row);
    return static_cast<std::int64_t>(gone.size());
  });
}

}  // namespace granary::sqlite
