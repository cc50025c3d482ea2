// The log of what a provider answered: one event for each exchange, packed small, since most say the same every time.
// A record refers to a content (status, headers without their date, body) that is kept once.
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

// As on the wire; redacted before it is ever stored.
struct Event {
  WallTime created;
  int status_code = 0;  // 0: no answer, `body` is the reason
  std::string headers;  // one `Name: value` a line
  std::string body;
};

// What repeats. The Date header changes with each answer, so it stands in the record instead.
struct EventContent {
  int status_code = 0;
  std::string headers;
  std::string body;

  std::string pack() const;
  static std::optional<EventContent> unpack(std::string_view packed);
};

struct EventRecord {
  WallTime created;
  std::int32_t content = 0;      // number of its content within the credential
  std::optional<WallTime> date;  // the answer's Date header

  bool operator==(const EventRecord&) const = default;
};

struct SplitEvent {
  EventContent content;
  std::optional<WallTime> date;
};
SplitEvent split(const Event& event);
Event join(const EventRecord& record, const EventContent& content);

std::string pack_records(const std::vector<EventRecord>& records);
std::optional<std::vector<EventRecord>> unpack_records(std::string_view packed);

}  // namespace granary
