#include "operation/events.hpp"

#include <algorithm>
#include <map>

#include "check/secrets.hpp"
#include "operation/parts.hpp"

namespace granary {

namespace {

// Deriving a segment's key and taking its records apart costs as much as so many bytes of it.
constexpr std::size_t kBytesOfASegment = 2048;

// Opens one credential's segments and contents, each day's key and each content once.
class EventReader {
 public:
  EventReader(Parts& parts, const StoredCredential& row, Plaintext event_key)
      : parts_(parts), key_(row.key), sealer_(scope_of(row), std::move(event_key)), slices_(parts.turns, row.key.owner) {}

  // Empty when the day has been shredded or the segment does not open.
  Task<std::vector<EventRecord>> open(const SegmentRow& row) {
    co_await slices_.done(kBytesOfASegment + row.data.bytes.size());
    if (!day_keys_.contains(row.day)) {
      const auto wrapped = co_await parts_.store.find_day_key(row.day);
      day_keys_.emplace(row.day, wrapped ? parts_.sealer.open_day_key(row.day, *wrapped) : std::nullopt);
    }
    const auto& key = day_keys_.at(row.day);
    const auto packed = key ? sealer_.open_segment(*key, row.day, row.number, row.data) : std::nullopt;
    auto records = packed ? unpack_records(packed->reveal()) : std::nullopt;
    co_return records ? std::move(*records) : std::vector<EventRecord>();
  }

  Task<ListedEvent> read(const SegmentRow& row, std::size_t index, const EventRecord& record) {
    if (!contents_.contains(record.content)) {
      const auto stored = co_await parts_.store.read_content(key_, record.content);
      const auto packed = stored ? sealer_.open_content(record.content, stored->data) : std::nullopt;
      contents_.emplace(record.content, packed ? EventContent::unpack(packed->reveal()) : std::nullopt);
    }
    const auto& content = contents_.at(record.content);
    // It is written for each event, though it is opened once.
    co_await slices_.done(content ? content->headers.size() + content->body.size() : 0);
    auto event = content ? join(record, *content) : std::nullopt;
    const std::int64_t position = std::int64_t{row.number} * kEventsPerSegment + static_cast<std::int64_t>(index);
    co_return ListedEvent{.id = sealer_.event_id(row.day, position),
                          .event = event ? std::move(*event) : Event{.created = record.created}};
  }

 private:
  Parts& parts_;
  CredentialKey key_;
  EventSealer sealer_;
  Slices slices_;
  std::map<std::int32_t, std::optional<Plaintext>> day_keys_;
  std::map<std::int32_t, std::optional<EventContent>> contents_;
};

// How many events of the oldest day that still counts are older than 30 days to the second.
Task<std::int64_t> count_expired(Parts& parts, EventReader& reader, CredentialKey key, std::int32_t day, std::int64_t on_day,
                                 WallTime oldest) {
  std::int64_t skipped = 0, expired = 0;
  const auto rows = co_await parts.store.list_segments(key, day, Direction::ascending, 0, on_day, skipped);
  for (const SegmentRow& row : rows)
    for (const EventRecord& record : co_await reader.open(row)) expired += record.created < oldest ? 1 : 0;
  co_return expired;
}

}  // namespace

Task<Result<Page<ListedEvent>>> list_events(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider,
                                            Direction direction, PageRequest page) {
  const auto summary = co_await parts.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  const auto credential = co_await parts.store.find_credential(summary->key);
  if (!credential) co_return fail(ErrorCode::not_found);
  Page<ListedEvent> out;
  if (credential->events_key.empty()) co_return out;
  auto event_key = parts.sealer.open_events_key(scope_of(*credential), credential->events_key);
  if (!event_key) co_return fail(ErrorCode::seal_broken);
  EventReader reader(parts, *credential, std::move(*event_key));

  const WallTime oldest = parts.clock.now() - std::chrono::days(kEventDays);
  const std::int32_t first_day = day_of(oldest);
  const EventCounts counts = co_await parts.store.count_events(summary->key, first_day);
  std::int64_t expired = 0;
  if (counts.on_first_day > 0)
    expired = co_await count_expired(parts, reader, summary->key, first_day, counts.on_first_day, oldest);
  out.total = counts.total - expired;

  // The expired ones are the oldest: the last of a descending list, the first of an ascending one.
  const std::int64_t first = page.offset() + (direction == Direction::ascending ? expired : 0);
  const std::int64_t end = std::min(first + page.size, direction == Direction::ascending ? counts.total : out.total);
  if (first >= end) co_return out;
  std::int64_t position = 0;
  const auto rows = co_await parts.store.list_segments(summary->key, first_day, direction, first, end, position);
  for (const SegmentRow& row : rows) {
    const auto records = co_await reader.open(row);
    for (std::size_t i = 0; i < static_cast<std::size_t>(row.count) && position < end; ++i, ++position) {
      const std::size_t index = direction == Direction::ascending ? i : static_cast<std::size_t>(row.count) - 1 - i;
      if (position >= first && index < records.size()) out.items.push_back(co_await reader.read(row, index, records[index]));
    }
  }
  co_return out;
}

}  // namespace granary
