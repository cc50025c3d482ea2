// Packs and seals the events of one check: a record each in the day's segment, what repeats once as a content.
#include <algorithm>
#include <map>

#include "check/commit.hpp"
#include "check/secrets.hpp"
#include "domain/event_changes.hpp"

namespace granary {

namespace {

struct OpenSegment {
  std::int32_t number = 0;
  std::vector<EventRecord> records;
};

// The segment that still has room, or the next one.
Task<OpenSegment> find_open_segment(CheckContext& context, const StoredCredential& row, const EventSealer& sealer,
                                    const Plaintext& day_key, std::int32_t day) {
  const auto last = co_await context.store.find_last_segment(row.key, day);
  if (!last) co_return OpenSegment{};
  if (last->count < kEventsPerSegment) {
    const auto packed = sealer.open_segment(day_key, day, last->number, last->data);
    auto records = packed ? unpack_records(packed->reveal()) : std::nullopt;
    if (records && !is_full(*records)) co_return OpenSegment{.number = last->number, .records = std::move(*records)};
    if (!records)
      context.log.error("a segment of events does not open; it is left as it is", {{"credential", row.key.id.text()}});
  }
  co_return OpenSegment{.number = last->number + 1, .records = {}};
}

// So many contents may have one shape. A provider that answers in more ways than these is found by all the bytes of its answer.
constexpr int kContentsOfAShapeMax = 4;

// Finds the content that an event repeats, or adds a new one to what is written.
class ContentSearch {
 public:
  ContentSearch(CheckContext& context, const StoredCredential& row, const EventSealer& sealer, EventsWrite& write)
      : context_(context), key_(row.key), sealer_(sealer), write_(write), period_(period_of(row.key.id, write.day)) {}

  Task<EventRecord> record_of(const Event& event) {
    EventContent content = content_of(event);
    const std::string shape = shape_of(content);
    for (int i = 0; i < kContentsOfAShapeMax; ++i) {
      const std::string digest =
          sealer_.content_digest("granary shape " + std::to_string(i) + ' ' + std::to_string(period_) + ' ' + shape);
      const Known* known = co_await find(digest);
      if (known->number == 0) co_return co_await add(digest, event, std::move(content));
      auto changes = known->content ? changes_between(*known->content, event) : std::nullopt;
      if (changes) co_return record(known->number, event, std::move(*changes));
    }
    const std::string digest = sealer_.content_digest(content.pack());
    const Known* known = co_await find(digest);
    if (known->number == 0) co_return co_await add(digest, event, std::move(content));
    co_return record(known->number, event, {});
  }

 private:
  struct Known {
    std::int32_t number = 0;              // 0: there is none
    std::optional<EventContent> content;  // nullopt: it does not open
  };

  // After 30 days others differ from a newer content. So no word of an event is kept for longer than 60 days, however long the
  // rest of it repeats. Not on the same day for all credentials.
  static std::int32_t period_of(CredentialId id, std::int32_t day) {
    return (day + static_cast<unsigned char>(id.raw().front()) % kEventDays) / kEventDays;
  }

  // Each digest is looked up once for all events of the check. What is returned stays valid.
  Task<const Known*> find(std::string digest) {
    if (const auto known = known_.find(digest); known != known_.end()) co_return &known->second;
    Known found;
    if (const auto number = co_await context_.store.find_content(key_, digest)) {
      found.number = *number;
      const auto stored = co_await context_.store.read_content(key_, *number);
      const auto packed = stored ? sealer_.open_content(*number, stored->data) : std::nullopt;
      if (packed) found.content = EventContent::unpack(packed->reveal());
    }
    co_return &known_.emplace(std::move(digest), std::move(found)).first->second;
  }

  Task<EventRecord> add(std::string digest, const Event& event, EventContent content) {
    if (next_number_ == 0) next_number_ = co_await context_.store.next_content_number(key_);
    const std::int32_t number = next_number_++;
    write_.contents.push_back(
        {.number = number, .digest = digest, .data = sealer_.seal_content(number, content.pack(), context_.random)});
    known_[std::move(digest)] = {.number = number, .content = std::move(content)};
    co_return EventRecord{.created = event.created, .content = number, .changes = {}, .date = {}};
  }

  EventRecord record(std::int32_t number, const Event& event, std::string changes) {
    const bool is_new = std::ranges::find(write_.contents, number, &ContentWrite::number) != write_.contents.end();
    const bool is_noted = std::ranges::find(write_.used_contents, number) != write_.used_contents.end();
    if (!is_new && !is_noted) write_.used_contents.push_back(number);
    return {.created = event.created, .content = number, .changes = std::move(changes), .date = {}};
  }

  CheckContext& context_;
  CredentialKey key_;
  const EventSealer& sealer_;
  EventsWrite& write_;
  std::int32_t period_;
  std::map<std::string, Known> known_;  // by digest
  std::int32_t next_number_ = 0;        // 0: not asked for yet
};

}  // namespace

Task<Plaintext> find_day_key(CheckContext& context, std::int32_t day) {
  if (const auto known = context.day_keys.find(day); known != context.day_keys.end()) co_return known->second.clone();
  const auto stored = co_await context.store.find_day_key(day);
  auto key = stored ? context.sealer.open_day_key(day, *stored) : std::nullopt;
  if (stored && !key)
    context.log.error("the key of a day of events does not open: it is replaced, and what it has sealed is lost", {{"day", day}});
  if (!key) {
    const Sealed made = context.sealer.new_day_key(day, context.random);
    key = context.sealer.open_day_key(day, co_await context.store.ensure_day_key(day, made, stored));
  }
  if (!key) throw StoreUnavailable("the key of a day of events does not open");
  constexpr std::size_t kDaysKept = 3;
  while (context.day_keys.size() >= kDaysKept) context.day_keys.erase(context.day_keys.begin());
  co_return context.day_keys.emplace(day, std::move(*key)).first->second.clone();
}

Task<EventsWrite> seal_events(CheckContext& context, const StoredCredential& row, const std::vector<Event>& events,
                              std::int32_t day, const Plaintext& day_key) {
  const SealScope scope = scope_of(row);
  EventsWrite write;
  write.day = day;
  Sealed events_key = row.events_key;
  auto event_key = events_key.empty() ? std::nullopt : context.sealer.open_events_key(scope, events_key);
  if (!event_key) {
    events_key = context.sealer.new_events_key(scope, context.random);
    write.events_key = events_key;
    event_key = context.sealer.open_events_key(scope, events_key);
  }
  const EventSealer sealer(scope, std::move(*event_key));
  OpenSegment segment = co_await find_open_segment(context, row, sealer, day_key, day);
  ContentSearch contents(context, row, sealer, write);

  const auto flush = [&] {
    write.segments.push_back(
        {.day = day,
         .number = segment.number,
         .count = static_cast<std::int32_t>(segment.records.size()),
         .data = sealer.seal_segment(day_key, day, segment.number, pack_records(segment.records), context.random)});
  };
  for (const Event& event : events) {
    EventRecord record = co_await contents.record_of(event);
    if (is_full(segment.records)) {
      flush();
      segment = {.number = segment.number + 1, .records = {}};
    }
    segment.records.push_back(std::move(record));
  }
  flush();
  co_return write;
}

}  // namespace granary
