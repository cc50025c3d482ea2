#include "domain/event.hpp"

#include "domain/event_changes.hpp"
#include "domain/packed_bytes.hpp"

namespace granary {

namespace {

// Format 1: stands in the content where the value of the Date header was; no header value can hold it.
constexpr std::string_view kDateMark = "\x01";

// Format 1 has no version: 20 bytes a record. The first eight are microseconds since 1970, so no record begins with a negative
// number. That is where a later format says which one it is.
constexpr std::int64_t kNoDate = INT64_MIN;
constexpr std::int64_t kFormat2 = -2;

std::optional<WallTime> time_of(std::int64_t micros) {
  constexpr std::int64_t kMax = kEventSecondsMax * 1'000'000;
  return micros >= -kMax && micros <= kMax ? std::optional(from_micros(micros)) : std::nullopt;
}
std::optional<WallTime> date_of(std::int64_t since_1970) {
  const bool is_date = since_1970 >= -kEventSecondsMax && since_1970 <= kEventSecondsMax;
  return is_date ? std::optional(WallTime(seconds(since_1970))) : std::nullopt;
}

std::optional<EventRecord> take_old_record(std::string_view& in) {
  std::int64_t created = 0, date = 0;
  EventRecord record;
  if (!take_fixed(in, created) || !take_fixed(in, date) || !take_fixed(in, record.content)) return std::nullopt;
  const auto time = time_of(created);
  if (date != kNoDate) record.date = date_of(date);
  if (!time || (date != kNoDate && !record.date)) return std::nullopt;
  record.created = *time;
  return record;
}

// Times are differences from the record before, which are small.
void put_record(std::string& out, const EventRecord& record, std::int64_t before) {
  put_signed(out, to_micros(record.created) - before);
  put_number(out, std::uint64_t{static_cast<std::uint32_t>(record.content)} * 2 + (record.date ? 1 : 0));
  if (record.date) put_signed(out, to_micros(*record.date) / 1'000'000);
  put_number(out, record.changes.size());
  out += record.changes;
}

std::optional<EventRecord> take_record(std::string_view& in, std::int64_t before) {
  std::int64_t since = 0, date = 0;
  std::uint64_t content = 0, size = 0;
  EventRecord record;
  if (!take_signed(in, since) || !take_number(in, content)) return std::nullopt;
  const auto time = time_of(since) ? time_of(before + since) : std::nullopt;
  if (!time || content / 2 > UINT32_MAX) return std::nullopt;
  record.created = *time;
  record.content = static_cast<std::int32_t>(static_cast<std::uint32_t>(content / 2));
  if (content % 2 == 1) {
    if (!take_signed(in, date) || !(record.date = date_of(date))) return std::nullopt;
  }
  if (!take_number(in, size) || size > in.size()) return std::nullopt;
  record.changes = in.substr(0, size);
  in.remove_prefix(size);
  return record;
}

}  // namespace

std::string EventContent::pack() const {
  std::string out;
  put_fixed(out, static_cast<std::int32_t>(status_code));
  put_fixed(out, static_cast<std::uint32_t>(headers.size()));
  out += headers;
  out += body;
  return out;
}

// A negative status is left free: there a later format can say which one it is.
std::optional<EventContent> EventContent::unpack(std::string_view packed) {
  std::int32_t status = 0;
  std::uint32_t size = 0;
  if (!take_fixed(packed, status) || status < 0 || !take_fixed(packed, size) || packed.size() < size) return std::nullopt;
  return EventContent{
      .status_code = status, .headers = std::string(packed.substr(0, size)), .body = std::string(packed.substr(size))};
}

EventContent content_of(const Event& event) {
  return {.status_code = event.status_code, .headers = event.headers, .body = event.body};
}

std::optional<Event> join(const EventRecord& record, const EventContent& content) {
  auto event = apply_changes(content, record.changes, record.created);
  if (!event || !record.date) return event;
  if (const auto at = event->headers.find(kDateMark); at != std::string::npos)
    event->headers.replace(at, kDateMark.size(), format_http_date(*record.date));
  return event;
}

std::string pack_records(const std::vector<EventRecord>& records) {
  std::string out;
  put_fixed(out, kFormat2);
  std::int64_t before = 0;
  for (const EventRecord& record : records) {
    put_record(out, record, before);
    before = to_micros(record.created);
  }
  return out;
}

std::optional<std::vector<EventRecord>> unpack_records(std::string_view packed) {
  std::vector<EventRecord> records;
  std::int64_t format = 0, before = 0;
  std::string_view rest = packed;
  const bool is_old = !take_fixed(rest, format) || format >= 0;
  if (is_old) rest = packed;
  else if (format != kFormat2) return std::nullopt;
  while (!rest.empty()) {
    auto record = is_old ? take_old_record(rest) : take_record(rest, before);
    if (!record) return std::nullopt;
    before = to_micros(record->created);
    records.push_back(std::move(*record));
  }
  return records;
}

bool is_full(const std::vector<EventRecord>& records) {
  std::size_t bytes = 0;
  for (const EventRecord& record : records) bytes += record.changes.size();
  return records.size() >= static_cast<std::size_t>(kEventsPerSegment) || bytes >= kSegmentBytesMax;
}

}  // namespace granary
