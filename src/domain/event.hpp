// The log of what a provider answered: one event for each exchange, packed small, since most say nearly the same every time.
// A record refers to a content (status, headers, body) that is kept once, and holds what is different in it this time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace granary {

inline constexpr std::int32_t kEventDays = 30;
inline constexpr std::size_t kEventBytesMax = 64 * 1024;
inline constexpr std::int32_t kEventsPerSegment = 64;
// A segment is written again for each event that is added: one with so many bytes of changes takes no more of them.
inline constexpr std::size_t kSegmentBytesMax = 8 * 1024;
// No time here is farther from 1970: the end of the year 9999.
inline constexpr std::int64_t kEventSecondsMax = 253'402'300'799;

// As on the wire; redacted before it is ever stored.
struct Event {
  WallTime created;
  int status_code = 0;  // 0: no answer, `body` is the reason
  std::string headers;  // one `Name: value` a line
  std::string body;
};

// What repeats: the first event of its kind, as it was.
struct EventContent {
  int status_code = 0;
  std::string headers;
  std::string body;

  std::string pack() const;
  static std::optional<EventContent> unpack(std::string_view packed);
};

struct EventRecord {
  WallTime created;
  std::int32_t content = 0;  // number of its content within the credential
  std::string changes;       // what to change in the content: event_changes.hpp
  // Of records of format 1, whose changes are empty: the Date header, which their contents have a mark for.
  std::optional<WallTime> date;

  bool operator==(const EventRecord&) const = default;
};

EventContent content_of(const Event& event);
// nullopt: the record is not one of this content.
std::optional<Event> join(const EventRecord& record, const EventContent& content);

// Writes format 2, and reads format 1 too. Both are described in docs/decisions/0014-what-changes-in-events.md.
std::string pack_records(const std::vector<EventRecord>& records);
std::optional<std::vector<EventRecord>> unpack_records(std::string_view packed);
// Whether a segment of these takes no further one.
bool is_full(const std::vector<EventRecord>& records);

}  // namespace granary
