// Events and expiry of the simulation's store.
#include <algorithm>

#include "simulation/memory_store.hpp"

namespace granary::simulation {

Task<std::optional<SegmentRow>> MemoryStore::find_last_segment(CredentialKey key, std::int32_t day) {
  const CredentialEntry* entry = db_.find(key);
  std::optional<SegmentRow> last;
  if (entry)
    for (const auto& [place, segment] : entry->segments)
      if (place.first == day) last = segment;
  co_return last;
}

Task<std::optional<std::int32_t>> MemoryStore::find_content(CredentialKey key, std::string_view digest) {
  if (const CredentialEntry* entry = db_.find(key))
    for (const auto& [number, content] : entry->contents)
      if (content.digest == digest) co_return number;
  co_return std::nullopt;
}

Task<std::int32_t> MemoryStore::next_content_number(CredentialKey key) {
  const CredentialEntry* entry = db_.find(key);
  co_return entry && !entry->contents.empty() ? entry->contents.rbegin()->first + 1 : 1;
}

Task<EventCounts> MemoryStore::count_events(CredentialKey key, std::int32_t first_day) {
  EventCounts counts;
  if (const CredentialEntry* entry = db_.find(key))
    for (const auto& [place, segment] : entry->segments) {
      if (place.first >= first_day) counts.total += segment.count;
      if (place.first == first_day) counts.on_first_day += segment.count;
    }
  co_return counts;
}

Task<std::vector<SegmentRow>> MemoryStore::list_segments(CredentialKey key, std::int32_t first_day, Direction direction,
                                                         std::int64_t first, std::int64_t end, std::int64_t& skipped) {
  std::vector<SegmentRow> all, out;
  if (const CredentialEntry* entry = db_.find(key))
    for (const auto& [place, segment] : entry->segments)
      if (place.first >= first_day) all.push_back(segment);
  if (direction == Direction::descending) std::ranges::reverse(all);
  std::int64_t passed = 0;
  skipped = 0;
  for (const SegmentRow& segment : all) {
    if (passed >= end) break;
    passed += segment.count;
    if (passed <= first) skipped = passed;
    else out.push_back(segment);
  }
  co_return out;
}

Task<std::optional<ContentRow>> MemoryStore::read_content(CredentialKey key, std::int32_t number) {
  const CredentialEntry* entry = db_.find(key);
  if (!entry || !entry->contents.contains(number)) co_return std::nullopt;
  co_return ContentRow{.number = number, .data = entry->contents.at(number).data};
}

Task<std::int64_t> MemoryStore::expire_events(std::int32_t before_day, std::int64_t limit) {
  co_return co_await write([this, before_day, limit] {
    std::erase_if(db_.day_keys, [&](const auto& key) { return key.first < before_day; });
    std::int64_t gone = 0;
    const auto expire = [&](auto& rows, auto is_old) {
      for (auto row = rows.begin(); row != rows.end() && gone < limit;) {
        if (!is_old(*row)) {
          ++row;
          continue;
        }
        row = rows.erase(row);
        ++gone;
      }
    };
    for (auto& [id, entry] : db_.credentials)
      expire(entry.segments, [&](const auto& row) { return row.first.first < before_day; });
    for (auto& [id, entry] : db_.credentials)
      expire(entry.contents, [&](const auto& row) { return row.second.last_day < before_day; });
    return gone;
  });
}

Task<std::int64_t> MemoryStore::expire_history(WallTime before, std::int64_t limit) {
  co_return co_await write([this, before, limit] {
    std::int64_t gone = 0;
    for (auto& [id, entry] : db_.credentials)
      while (gone < limit && entry.history.size() > 1 && entry.history.front().time < before) {
        entry.history.erase(entry.history.begin());
        ++gone;
      }
    return gone;
  });
}

Task<std::int64_t> MemoryStore::expire_unlinked(WallTime before, std::int64_t limit) {
  co_return co_await write([this, before, limit] {
    std::vector<CredentialId> gone;
    for (const auto& [id, entry] : db_.credentials)
      if (entry.unlinked_since && *entry.unlinked_since < before && static_cast<std::int64_t>(gone.size()) < limit)
        gone.push_back(id);
    for (const CredentialId id : gone) remove(id);
    return static_cast<std::int64_t>(gone.size());
  });
}

}  // namespace granary::simulation
