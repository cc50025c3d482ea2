// Events packed small come back as they were, the Date header included; what is no packed event is refused.
#include "domain/event.hpp"

#include <gtest/gtest.h>

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

Event through_the_store(const Event& event) {
  const SplitEvent parts = split(event);
  const auto content = EventContent::unpack(parts.content.pack());
  const auto records = unpack_records(pack_records({{.created = event.created, .content = 1, .date = parts.date}}));
  EXPECT_TRUE(content && records && records->size() == 1);
  return content && records ? join(records->front(), *content) : Event{};
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
  for (const Event& event : events) expect_same(through_the_store(event), event);
}

TEST(EventPacking, ADateThatMovesLeavesTheContentAlone) {
  const auto first = split(event_with("A: b\nDate: Thu, 15 Jan 2026 11:59:59 GMT"));
  const auto second = split(event_with("A: b\nDate: Fri, 16 Jan 2026 00:00:00 GMT"));
  EXPECT_EQ(first.content.pack(), second.content.pack());
  EXPECT_EQ(first.date, kDate);
  EXPECT_NE(second.date, kDate);
  // Everything else makes another content.
  for (const Event& other :
       {event_with("A: c\nDate: Thu, 15 Jan 2026 11:59:59 GMT"), event_with("A: b"),
        event_with("A: b\nDate: Thu, 15 Jan 2026 11:59:59 GMT", "[]"), event_with("A: b\ndate: Thu, 15 Jan 2026 11:59:59 GMT")})
    EXPECT_NE(split(other).content.pack(), first.content.pack());
  Event status = event_with("A: b\nDate: Thu, 15 Jan 2026 11:59:59 GMT");
  status.status_code = 201;
  EXPECT_NE(split(status).content.pack(), first.content.pack());
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
  EXPECT_FALSE(
      EventContent::unpack("\xc8\0\0\0\xff\xff\xff\x7f"
                           "abc"s));
}

TEST(EventPacking, RecordsKeepOrderAndRefuseRest) {
  std::vector<EventRecord> records;
  for (int i = 0; i < kEventsPerSegment; ++i)
    records.push_back({.created = kCreated + microseconds(i),
                       .content = i * 1'000'003,
                       .date = i % 3 == 0 ? std::nullopt : std::optional(kDate + seconds(i - 10))});
  records.push_back({.created = from_micros(0), .content = INT32_MAX, .date = from_micros(0)});
  const std::string packed = pack_records(records);
  EXPECT_EQ(unpack_records(packed), records);
  EXPECT_EQ(packed.size(), records.size() * 20) << "a record is small, there are many of them";
  EXPECT_EQ(unpack_records(""), std::vector<EventRecord>());
  for (const std::size_t size : {std::size_t{1}, std::size_t{19}, std::size_t{21}, packed.size() - 1})
    EXPECT_FALSE(unpack_records(packed.substr(0, size))) << size;
  EXPECT_FALSE(unpack_records(packed + "x"));
}

}  // namespace

}  // namespace granary
