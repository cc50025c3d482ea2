// Packs and seals the events of one check: a record each in the day's segment, a content once.
#include "operation/ask_provider.hpp"

namespace granary {

namespace {

struct OpenSegment {
  std::int32_t number = 0;
  std::vector<EventRecord> records;
};

// The segment that still has room, or the next one.
Task<OpenSegment> find_open_segment(Checker& checker, const StoredCredential& credential, const EventSealer& sealer,
                                    const Plaintext& day_key, std::int32_t day) {
  const auto last = co_await checker.store.find_last_segment(credential.id, day);
  if (!last) co_return OpenSegment{};
  if (last->count < kEventsPerSegment) {
    const auto packed = sealer.open_segment(day_key, day, last->number, last->data);
    auto records = packed ? unpack_records(packed->reveal()) : std::nullopt;
    if (records) co_return OpenSegment{.number = last->number, .records = std::move(*records)};
    checker.log.error("a segment of events does not open; it is left as it is", {{"credential", credential.id.text()}});
  }
  co_return OpenSegment{.number = last->number + 1, .records = {}};
}

}  // namespace

Task<Plaintext> find_day_key(Checker& checker, std::int32_t day) {
  if (const auto known = checker.day_keys.find(day); known != checker.day_keys.end()) co_return known->second.clone();
  const auto stored = co_await checker.store.find_day_key(day);
  auto key = stored ? checker.sealer.open_day_key(day, *stored) : std::nullopt;
  if (stored && !key)
    checker.log.error("the key of a day of events does not open: it is replaced, and what it has sealed is lost", {{"day", day}});
  if (!key) {
    const Sealed made = checker.sealer.new_day_key(day, checker.random);
    key = checker.sealer.open_day_key(day, co_await checker.store.ensure_day_key(day, made, stored));
  }
  if (!key) throw StoreUnavailable("the key of a day of events does not open");
  constexpr std::size_t kDaysKept = 3;
  while (checker.day_keys.size() >= kDaysKept) checker.day_keys.erase(checker.day_keys.begin());
  co_return checker.day_keys.emplace(day, std::move(*key)).first->second.clone();
}

Task<EventsWrite> seal_events(Checker& checker, const StoredCredential& credential, const std::vector<Event>& events,
                              std::int32_t day, const Plaintext& day_key) {
  const SealScope scope = scope_of(credential);
  EventsWrite write;
  write.day = day;
  Sealed events_key = credential.events_key;
  auto event_key = events_key.empty() ? std::nullopt : checker.sealer.open_events_key(scope, events_key);
  if (!event_key) {
    events_key = checker.sealer.new_events_key(scope, checker.random);
    write.events_key = events_key;
    event_key = checker.sealer.open_events_key(scope, events_key);
  }
  const EventSealer sealer(scope, std::move(*event_key));
  OpenSegment segment = co_await find_open_segment(checker, credential, sealer, day_key, day);
  std::int32_t next_content = co_await checker.store.next_content_number(credential.id);

  const auto flush = [&] {
    write.segments.push_back(
        {.day = day,
         .number = segment.number,
         .count = static_cast<std::int32_t>(segment.records.size()),
         .data = sealer.seal_segment(day_key, day, segment.number, pack_records(segment.records), checker.random)});
  };
  for (const Event& event : events) {
    const SplitEvent parts = split(event);
    const std::string packed = parts.content.pack();
    const std::string digest = sealer.content_digest(packed);
    std::int32_t content = 0;
    for (const auto& known : write.contents)
      if (known.digest == digest) content = known.number;
    if (content == 0) {
      if (const auto stored = co_await checker.store.find_content(credential.id, digest)) {
        content = *stored;
        write.used_contents.push_back(content);
      } else {
        content = next_content++;
        write.contents.push_back(
            {.number = content, .digest = digest, .data = sealer.seal_content(content, packed, checker.random)});
      }
    }
    if (segment.records.size() >= static_cast<std::size_t>(kEventsPerSegment)) {
      flush();
      segment = {.number = segment.number + 1, .records = {}};
    }
    segment.records.push_back({.created = event.created, .content = content, .date = parts.date});
  }
  flush();
  co_return write;
}

}  // namespace granary
