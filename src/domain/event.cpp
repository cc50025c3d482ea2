#include "domain/event.hpp"

#include <cstring>

#include "base/encoding.hpp"

namespace granary {

namespace {

// Stands where the Date header's value was; no header value can hold it.
constexpr std::string_view kDateMark = "\x01";

template <class Number>
void put(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <class Number>
bool take(std::string_view& in, Number& out) {
  if (in.size() < sizeof out) return false;
  std::memcpy(&out, in.data(), sizeof out);
  in.remove_prefix(sizeof out);
  return true;
}

struct PackedRecord {
  std::int64_t created;
  std::int64_t date_seconds;  // INT64_MIN: none
  std::int32_t content;
};
constexpr std::size_t kPackedRecordBytes = 20;
constexpr std::int64_t kNoDate = INT64_MIN;

}  // namespace

std::string EventContent::pack() const {
  std::string out;
  put(out, static_cast<std::int32_t>(status_code));
  put(out, static_cast<std::uint32_t>(headers.size()));
  out += headers;
  out += body;
  return out;
}

std::optional<EventContent> EventContent::unpack(std::string_view packed) {
  std::int32_t status = 0;
  std::uint32_t size = 0;
  if (!take(packed, status) || !take(packed, size) || packed.size() < size) return std::nullopt;
  return EventContent{
      .status_code = status, .headers = std::string(packed.substr(0, size)), .body = std::string(packed.substr(size))};
}

SplitEvent split(const Event& event) {
  SplitEvent out{.content = {.status_code = event.status_code, .headers = {}, .body = event.body}, .date = {}};
  std::string_view rest = event.headers;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!out.content.headers.empty()) out.content.headers += '\n';
    const auto colon = line.find(": ");
    if (!out.date && colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), "date")) {
      out.date = parse_http_date(line.substr(colon + 2));
      if (out.date) {
        out.content.headers += line.substr(0, colon + 2);
        out.content.headers += kDateMark;
        continue;
      }
    }
    out.content.headers += line;
  }
  return out;
}

Event join(const EventRecord& record, const EventContent& content) {
  Event event{.created = record.created, .status_code = content.status_code, .headers = content.headers, .body = content.body};
  if (!record.date) return event;
  if (const auto at = event.headers.find(kDateMark); at != std::string::npos)
    event.headers.replace(at, kDateMark.size(), format_http_date(*record.date));
  return event;
}

std::string pack_records(const std::vector<EventRecord>& records) {
  std::string out;
  out.reserve(records.size() * kPackedRecordBytes);
  for (const EventRecord& record : records) {
    put(out, to_micros(record.created));
    put(out, record.date ? to_micros(*record.date) / 1'000'000 : kNoDate);
    put(out, record.content);
  }
  return out;
}

std::optional<std::vector<EventRecord>> unpack_records(std::string_view packed) {
  if (packed.size() % kPackedRecordBytes != 0) return std::nullopt;
  std::vector<EventRecord> records;
  records.reserve(packed.size() / kPackedRecordBytes);
  while (!packed.empty()) {
    PackedRecord from{};
    take(packed, from.created);
    take(packed, from.date_seconds);
    take(packed, from.content);
    EventRecord& to = records.emplace_back();
    to.created = from_micros(from.created);
    to.content = from.content;
    if (from.date_seconds != kNoDate) to.date = from_micros(from.date_seconds * 1'000'000);
  }
  return records;
}

}  // namespace granary
