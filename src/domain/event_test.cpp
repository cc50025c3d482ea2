// Events packed small come back as they were, also those that an older Granary has packed; what is no packed event is refused.
#include "domain/event.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "domain/event_changes.hpp"
#include "domain/packed_bytes.hpp"

namespace granary {

namespace {

using std::string_literals::operator""s;

const WallTime kCreated = *parse_wire_time("2026-01-15T12:00:00.123456Z");
const WallTime kDate = *parse_http_date("Thu, 15 Jan 2026 11:59:59 GMT");

Event event_with(std::string headers, std::string body = "{}") {
  return {.created = kCreated, .status_code = 200, .headers = std::move(headers), .body = std::move(body)};
}

void expect_same(const Event& a, const Event& b) {
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.status_code, b.status_code);
  EXPECT_EQ(a.headers, b.headers);
  EXPECT_EQ(a.body, b.body);
}

// As the repetition of another event.
Event through_the_store(const Event& first, const Event& event) {
  const auto content = EventContent::unpack(content_of(first).pack());
  const auto changes = changes_between(content_of(first), event);
  const auto records =
      unpack_records(pack_records({{.created = event.created, .content = 1, .changes = changes.value_or(""), .date = {}}}));
  EXPECT_TRUE(content && changes && records && records->size() == 1);
  const auto joined = content && records ? join(records->front(), *content) : std::nullopt;
  EXPECT_TRUE(joined);
  return joined.value_or(Event{});
}

TEST(EventPacking, ComesBackAsItWas) {
  const Event events[] = {
      event_with(""),
      event_with("", ""),
      event_with("Date: Thu, 15 Jan 2026 11:59:59 GMT"),
      event_with("date: Thu, 15 Jan 2026 11:59:59 GMT"),
      event_with("Server: x\nDATE: Thu, 15 Jan 2026 11:59:59 GMT\nContent-Type: text/html"),
      event_with("Date: Thu, 15 Jan 2026 11:59:59 GMT\nDate: Fri, 16 Jan 2026 11:59:59 GMT"),
      event_with("Date: yesterday"),
      event_with("Date: Fri, 15 Jan 2026 11:59:59 GMT"),
      event_with("Date: Xyz, 15 Jan 2026 11:59:59 GMT"),
      event_with("Date: Thu, 15 Jan 2026 11:59:60 GMT"),
      event_with("Date: \x01"),
      event_with("Date:"),
      event_with("Date: "),
      event_with("X-Date: Thu, 15 Jan 2026 11:59:59 GMT"),
      event_with("Date: Thu, 15 Jan 2026 11:59:59 GMT "),
      event_with("no colon\n\nDate: Thu, 15 Jan 2026 11:59:59 GMT"),
      event_with("Expires: Thu, 15 Jan 2026 11:59:59 GMT"),
      event_with("Date: Thu, 15 Jan 2026 11:59:59 GMT", "Date: Thu, 15 Jan 2026 11:59:59 GMT"),
      event_with("A: b", "nul\0 and \x01"s),
      event_with("A: b", std::string(kEventBytesMax, 'x')),
      {.created = kCreated, .status_code = 0, .headers = "", .body = "timeout"},
      {.created = kCreated, .status_code = 599, .headers = "A: b", .body = "é"},
  };
  for (const Event& event : events) expect_same(through_the_store(event, event), event);
}

TEST(EventPacking, HeadersAndBodyDoNotRunTogether) {
  const EventContent a{.status_code = 200, .headers = "ab", .body = "c"}, b{.status_code = 200, .headers = "a", .body = "bc"};
  EXPECT_NE(a.pack(), b.pack());
}

TEST(EventPacking, RefusesWhatIsNoContent) {
  const std::string whole = EventContent{.status_code = 200, .headers = "A: b", .body = ""}.pack();
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(EventContent::unpack(whole.substr(0, size))) << size;
  EXPECT_TRUE(EventContent::unpack(whole));
  EXPECT_FALSE(EventContent::unpack("\xc8\0\0\0\xff\xff\xff\xff"s));
  EXPECT_FALSE(EventContent::unpack("\xfe\xff\xff\xff\0\0\0\0"s)) << "free for another format";
  EXPECT_FALSE(
      EventContent::unpack("\xc8\0\0\0\xff\xff\xff\x7f"
                           "abc"s));
}

std::vector<EventRecord> some_records() {
  std::vector<EventRecord> records;
  for (int i = 0; i < kEventsPerSegment; ++i)
    records.push_back({.created = kCreated + microseconds(i),
                       .content = i * 1'000'003,
                       .changes = std::string(static_cast<std::size_t>(i), '\xff'),
                       .date = i % 3 == 0 ? std::nullopt : std::optional(kDate + seconds(i - 10))});
  records.push_back({.created = from_micros(0), .content = INT32_MAX, .changes = "\0"s, .date = from_micros(0)});
  records.push_back({.created = from_micros(-1), .content = -1, .changes = "", .date = {}});
  return records;
}

TEST(EventPacking, RecordsKeepOrderAndRefuseRest) {
  const auto records = some_records();
  const std::string packed = pack_records(records);
  EXPECT_EQ(unpack_records(packed), records);
  EXPECT_EQ(unpack_records(""), std::vector<EventRecord>());
  EXPECT_EQ(unpack_records(pack_records({})), std::vector<EventRecord>());
  for (std::size_t size = 1; size < packed.size(); ++size)
    if (const auto part = unpack_records(packed.substr(0, size))) EXPECT_LT(part->size(), records.size()) << size;
  EXPECT_FALSE(unpack_records(packed + "x"));
}

TEST(EventPacking, RefusesWhatIsNoRecord) {
  const std::string begin = "\xfe\xff\xff\xff\xff\xff\xff\xff"s;
  const std::string most = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  struct Row {
    std::string what, packed;
    bool is_record;
  };
  const Row rows[] = {
      {"no record", begin, true},
      {"a record", begin + "\x02\x02\x00"s, true},
      {"a record with changes", begin + "\x02\x02\x02XY"s, true},
      {"a record with a date", begin + "\x02\x03\x02\x00"s, true},
      {"another format", "\xfd\xff\xff\xff\xff\xff\xff\xff\x02\x02\x00"s, false},
      {"the format of the future", "\xff\xff\xff\xff\xff\xff\xff\xff\x02\x02\x00"s, false},
      {"time alone", begin + "\x02"s, false},
      {"no size of changes", begin + "\x02\x02"s, false},
      {"changes that are cut", begin + "\x02\x02\x03XY"s, false},
      {"changes of a great size", begin + "\x02\x02"s + most, false},
      {"no date", begin + "\x02\x03"s, false},
      {"a date beyond all", begin + "\x02\x03"s + most + "\x00"s, false},
      {"a time beyond all", begin + most + "\x02\x00"s, false},
      {"a number beyond all", begin + "\x02"s + most + "\x00"s, false},
      {"a number without end", begin + std::string(12, '\xff'), false},
      {"rest behind a record", begin + "\x02\x02\x00\x01"s, false},
      {"old, cut", std::string(19, '\0'), false},
      {"old, and one byte more", std::string(21, '\0'), false},
      {"old, a time beyond all", "\0\0\0\0\0\0\0\x7f"s + std::string(12, '\0'), false},
      {"old, a date beyond all", std::string(15, '\0') + "\x7f\1\0\0\0"s, false},
  };
  for (const Row& row : rows) EXPECT_EQ(unpack_records(row.packed).has_value(), row.is_record) << row.what;
}

// As Granary packed them until this version: 20 bytes a record, and a mark in the content where the date was.
std::string old_record(WallTime created, std::int32_t content, std::optional<WallTime> date) {
  std::string out;
  put_fixed(out, to_micros(created));
  put_fixed(out, date ? to_micros(*date) / 1'000'000 : std::numeric_limits<std::int64_t>::min());
  put_fixed(out, content);
  return out;
}

TEST(EventPacking, WhatAnOlderGranaryHasPackedIsReadAndCanBeAddedTo) {
  const EventContent content{.status_code = 200, .headers = "A: b\nDate: \x01\nC: d", .body = "{}"};
  const std::string packed =
      old_record(kCreated, 1, kDate) + old_record(kCreated + seconds(1), 1, {}) + old_record(kCreated, 7, kDate + seconds(1));
  auto records = unpack_records(packed);
  ASSERT_TRUE(records && records->size() == 3);
  expect_same(join(records->at(0), content).value(), event_with("A: b\nDate: Thu, 15 Jan 2026 11:59:59 GMT\nC: d"));
  EXPECT_EQ(records->at(1).date, std::nullopt);
  EXPECT_EQ(records->at(2).content, 7);
  records->push_back({.created = kCreated + seconds(2), .content = 8, .changes = "x", .date = {}});
  const auto again = unpack_records(pack_records(*records));
  EXPECT_EQ(again, records);
  expect_same(join(again->at(0), content).value(), event_with("A: b\nDate: Thu, 15 Jan 2026 11:59:59 GMT\nC: d"));
}

TEST(EventPacking, AFullSegmentTakesNoMore) {
  const EventRecord small{.created = kCreated, .content = 1, .changes = "", .date = {}};
  EventRecord large = small;
  large.changes = std::string(kSegmentBytesMax / 2, 'x');
  const auto most = static_cast<std::size_t>(kEventsPerSegment);
  EXPECT_FALSE(is_full({}));
  EXPECT_FALSE(is_full(std::vector(most - 1, small)));
  EXPECT_FALSE(is_full({large, small}));
  EXPECT_TRUE(is_full(std::vector(most, small)));
  EXPECT_TRUE(is_full({large, large}));
}

// What a provider behind Cloudflare answers: two ids, two dates and two counters in the headers, two members in the body.
Event answer_at(WallTime now, unsigned number) {
  const auto hex = [&](unsigned factor) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", (number + 1ULL) * 0x9e3779b97f4a7c15ULL * factor);
    return std::string(text);
  };
  const std::string id = hex(1) + hex(3), time = format_wire_time(now);
  Event event{.created = now, .status_code = 200, .headers = {}, .body = {}};
  event.headers = "Date: " + format_http_date(now) + "\nContent-Type: application/json; charset=utf-8\nConnection: keep-alive" +
                  "\nX-Request-Id: " + id.substr(0, 8) + "-" + id.substr(8, 4) + "-" + id.substr(12, 4) + "-" + id.substr(16, 4) +
                  "-" + id.substr(20) + "\nCF-Ray: " + hex(7) + "-FRA\nAge: " + std::to_string(number * 7 % 300) +
                  "\nx-ratelimit-remaining: " + std::to_string(4'999 - number % 1'000) +
                  "\nExpires: " + format_http_date(now + std::chrono::minutes(5)) +
                  "\nStrict-Transport-Security: max-age=31536000; includeSubDomains\nServer: cloudflare";
  event.body = R"({"status":"success","timestamp":")" + time + R"(","requestId":")" + id + R"(","organizations":[)";
  for (int i = 0; i < 10; ++i)
    event.body += (i > 0 ? "," : "") + R"({"id":)"s + std::to_string(48'000 + i * 17) + R"(,"name":"North field )" +
                  std::to_string(i) + R"(","role":"owner"})";
  event.body += "]}";
  return event;
}

// Bytes of rows: what is packed, nonce and tag of its seal (28), and 24 for the columns beside it.
constexpr std::size_t kRowBytes = 52;

std::size_t bytes_of_a_month(unsigned checks_a_day) {
  std::map<std::string, EventContent> contents;  // by shape
  std::size_t bytes = 0;
  for (unsigned day = 0; day < 30; ++day) {
    std::vector<EventRecord> records;
    for (unsigned i = 0; i < checks_a_day; ++i) {
      const Event event =
          answer_at(kCreated + std::chrono::days(day) + i * seconds(86'400 / checks_a_day), day * checks_a_day + i);
      const auto [content, is_new] = contents.emplace(shape_of(content_of(event)), content_of(event));
      if (is_new) bytes += content->second.pack().size() + kRowBytes;
      const auto changes = changes_between(content->second, event);
      EXPECT_TRUE(changes);
      records.push_back({.created = event.created, .content = 1, .changes = changes.value_or(""), .date = {}});
      expect_same(join(records.back(), content->second).value(), event);
      if (is_full(records) || i + 1 == checks_a_day) {
        bytes += pack_records(records).size() + kRowBytes;
        records.clear();
      }
    }
  }
  return bytes;
}

// Printed for docs/performance.md: ./build/release/unit_tests --gtest_filter=EventPacking.AMonthOfAChangingAnswerIsSmall
TEST(EventPacking, AMonthOfAChangingAnswerIsSmall) {
  for (const auto& [checks_a_day, bytes_max] : {std::pair(4U, 16'000U), {24U, 70'000U}}) {
    const std::size_t bytes = bytes_of_a_month(checks_a_day);
    const std::size_t event_bytes = content_of(answer_at(kCreated, 0)).pack().size();
    std::printf("%u checks a day: %zu bytes a month; each as a content of its own: %zu\n", checks_a_day, bytes,
                30 * (checks_a_day * (event_bytes + kRowBytes + 20) + kRowBytes));
    EXPECT_LE(bytes, bytes_max);
  }
}

}  // namespace

}  // namespace granary
