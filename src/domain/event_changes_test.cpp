// An event comes back byte for byte from the content that it repeats and its changes; what changes costs little, and changes that
// are malformed give no event.
#include "domain/event_changes.hpp"

#include <gtest/gtest.h>

#include <array>

#include "base/seeded_random.hpp"
#include "domain/packed_bytes.hpp"

namespace granary {

namespace {

using std::string_literals::operator""s;

const WallTime kCreated = *parse_wire_time("2026-01-15T12:00:00.123456Z");

Event event_of(std::string headers, std::string body, int status = 200) {
  return {.created = kCreated, .status_code = status, .headers = std::move(headers), .body = std::move(body)};
}

void expect_same(const std::optional<Event>& a, const Event& b) {
  ASSERT_TRUE(a) << b.headers << b.body;
  EXPECT_EQ(a->created, b.created);
  EXPECT_EQ(a->status_code, b.status_code);
  EXPECT_EQ(a->headers, b.headers);
  EXPECT_EQ(a->body, b.body);
}

struct Pair {
  std::string first, second;
  std::size_t bytes_max;  // of the changes
};

TEST(EventChanges, HeadersThatVaryCostLittle) {
  const Pair pairs[] = {
      {"A: b", "A: b", 0},
      {"", "", 0},
      {"X-Request-Id: 0b9d4a4e-7c43-4c52-9f0a-3d5a7f4f1f10", "X-Request-Id: f81d4fae-7dec-41d0-a765-00a0c91e6bf6", 19},
      {"CF-Ray: 8f1b2c3d4e5f6a7b-FRA", "CF-Ray: 9a3b1c2d7e8f6a11-FRA", 11},
      {"CF-Ray: 8f1b2c3d4e5f6a7b-FRA", "CF-Ray: 9a3b1c2d7e8f6a11-AMS", 26},
      {"Date: Thu, 15 Jan 2026 11:59:59 GMT", "Date: Thu, 15 Jan 2026 12:00:00 GMT", 2},
      {"Expires: Thu, 15 Jan 2026 11:59:59 GMT", "Expires: Fri, 16 Jan 2026 12:00:00 GMT", 4},
      {"Expires: Thu, 15 Jan 2026 11:59:59 GMT", "Expires: -1", 6},
      {"Expires: 0", "Expires: Fri, 16 Jan 2026 12:00:00 GMT", 4},
      {"Date: Thursday, 15-Jan-26 11:59:59 GMT", "Date: Friday, 16-Jan-26 00:00:00 GMT", 24},
      {"Date: Thu Jan 15 11:59:59 2026", "Date: Fri Jan 16 00:00:01 2026", 24},
      {"X-Time: 2026-01-15T11:59:59.123Z", "X-Time: 2026-01-15T18:00:02.001Z", 9},
      {"Age: 17", "Age: 4035", 8},
      {"ETag: W/\"5-oqZWv1x\"", "ETag: W/\"7-Pm0Lr2y\"", 13},
      {"Server-Timing: db;dur=53.2, app;dur=47.25", "Server-Timing: db;dur=1.5, app;dur=3", 20},
      {"x-ratelimit-remaining: 4999", "x-ratelimit-remaining: 4998", 4},
      {"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
       "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 28},
      {"Nonce: abcdefgh", "Nonce: mnopqrst", 12},
      {"Set-Cookie: [redacted]\nA: b", "Set-Cookie: [redacted]\nA: c", 5},
  };
  for (const auto& [first, second, bytes_max] : pairs) {
    const Event before = event_of(first, "{}"), now = event_of(second, "{}");
    EXPECT_EQ(shape_of(content_of(before)), shape_of(content_of(now))) << second;
    const auto changes = changes_between(content_of(before), now);
    ASSERT_TRUE(changes) << second;
    EXPECT_LE(changes->size(), bytes_max) << second;
    expect_same(apply_changes(content_of(before), *changes, kCreated), now);
  }
}

TEST(EventChanges, MembersThatVaryCostLittle) {
  const Pair pairs[] = {
      {R"({"ok":true,"time":1768478399})", R"({"ok":true,"time":1768499999})", 6},
      {R"({"ok": true, "time": "2026-01-15T11:59:59Z"})", R"({"ok": true, "time": "2026-01-16T00:00:01Z"})", 11},
      {R"({"requestId":"kq8Zw1","ok":true})", R"({"requestId":"Lm9Xv2","ok":true})", 12},
      {R"({"access_token":"[redacted]","expires_in":3600})", R"({"access_token":"[redacted]","expires_in":3599})", 6},
      {R"({"a":"1","b":"2","c":"3"})", R"({"a":"1","b":"2","c":"4"})", 5},
      {R"({"a":null})", R"({"a":17.5e3})", 10},
      {"<p>Request 17 of node-a</p>", "<p>Request 18 of node-b</p>", 8},
      {"a=b&t=1", "a=b&t=2", 5},
      {"busy: 1", "busy: 2", 5},
  };
  for (const auto& [first, second, bytes_max] : pairs) {
    const Event before = event_of("A: b", first), now = event_of("A: b", second);
    EXPECT_EQ(shape_of(content_of(before)), shape_of(content_of(now))) << second;
    const auto changes = changes_between(content_of(before), now);
    ASSERT_TRUE(changes) << second;
    EXPECT_LE(changes->size(), bytes_max) << second;
    expect_same(apply_changes(content_of(before), *changes, kCreated), now);
  }
}

TEST(EventChanges, WhatReallyDiffersIsNoChange) {
  const Event base = event_of("A: b\nDate: Thu, 15 Jan 2026 11:59:59 GMT", R"({"a":[1,2]})");
  const std::string date = "\nDate: Thu, 15 Jan 2026 11:59:59 GMT";
  const Event others[] = {
      event_of("A: b" + date, R"({"a":[1,2]})", 201),
      event_of("A: b c" + date, R"({"a":[1,2]})"),
      event_of("A: b", R"({"a":[1,2]})"),
      event_of("A: b" + date + date, R"({"a":[1,2]})"),
      event_of("A: b" + date, R"({"a":[1,2,3]})"),
      event_of("A: b" + date, R"({"a": [1,2]})"),
      event_of("A: b" + date, R"({"a":{1,2}})"),
      event_of("A: b" + date, R"({"a":["1","2"]})"),
      event_of("A: b" + date, R"({"a":[1,2]} )"),
      event_of("A: b" + date, ""),
      event_of("", R"({"a":[1,2]})"),
      // What moves from the headers to the body.
      event_of("A: b" + date + "\n", R"({"a":[1,2]})"),
      event_of("A: b" + date + R"({"a":[1,2]})", ""),
  };
  for (const Event& other : others) {
    EXPECT_NE(shape_of(content_of(other)), shape_of(content_of(base))) << other.headers << other.body;
    EXPECT_FALSE(changes_between(content_of(base), other)) << other.headers << other.body;
  }
}

std::string words(std::size_t count, char letter) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += std::string(20, letter) + ' ';
  return out;
}

TEST(EventChanges, AreBounded) {
  struct Row {
    std::string first, second;
    bool fits;
  };
  const std::string much(40'000, 'x');
  const Row rows[] = {
      {words(2, 'x'), words(2, 'y'), true},
      {words(3, 'x') + much, words(3, 'y') + much, true},
      {words(150, 'x') + much, words(150, 'y') + much, true},
      {words(10, 'x'), words(10, 'y'), false},
      {words(100, 'x'), words(100, 'y'), false},
      {words(200, 'x') + much, words(200, 'y') + much, false},
      {words(1'000, 'x') + much, words(1'000, 'y') + much, false},
      {much, std::string(40'000, 'y'), false},
      {"x", much, false},
  };
  for (const Row& row : rows) {
    const auto changes = changes_between(content_of(event_of("", row.first)), event_of("", row.second));
    EXPECT_EQ(changes.has_value(), row.fits) << row.first.size();
    if (changes) EXPECT_LE(changes->size(), kChangesBytesMax);
  }
}

// Changes made by hand, for headers `A: 1a-zz` and the body `b c`.
TEST(EventChanges, MalformedOnesGiveNoEvent) {
  const EventContent content{.status_code = 200, .headers = "A: 1a-zz", .body = "b c"};
  struct Row {
    std::string what, changes;
    std::optional<std::string> headers;  // nullopt: refused
  };
  const std::string far = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  const Row rows[] = {
      {"nothing", "", "A: 1a-zz"},
      {"text of the second word", "\x04\x01\x02\x02XY"s, "A: 1XYzz"},
      {"all of it", "\x04\x00\x00\x01X"s, "A: X"},
      {"none of it", "\x04\x05\x00\x01X"s, "A: 1a-zzX"},
      {"hex of the second word", "\x05\x01\x03\x90"s, "A: 19-zz"},
      {"a date", "\x06\x01"s, "A: Thu, 15 Jan 2026 11:59:59 GMT"},
      {"two changes", "\x00\x00\x00\x01Z\x00\x00\x00\x01Y"s, "Z Y"},
      {"no such kind", "\x07"s, {}},
      {"no such kind with more", "\x07\x00\x00\x00"s, {}},
      {"a word too far", "\x10"s, {}},
      {"a word too far, with text", "\x10\x00\x00\x01X"s, {}},
      {"very far", far, {}},
      {"a number too large", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s, {}},
      {"a number without end", std::string(20, '\xff'), {}},
      {"a number that is cut", "\x80"s, {}},
      {"kind alone", "\x04"s, {}},
      {"kind and front", "\x04\x00"s, {}},
      {"no size", "\x04\x00\x00"s, {}},
      {"text that is cut", "\x04\x00\x00\x05XY"s, {}},
      {"text of a great size", "\x04\x00\x00"s + far + "XY", {}},
      {"more in front than there is", "\x04\x06\x00\x00"s, {}},
      {"more at the end than there is", "\x04\x00\x06\x00"s, {}},
      {"front and end overlap", "\x04\x03\x03\x00"s, {}},
      {"front of a great size", "\x04"s + far + "\x00\x00"s, {}},
      {"end of a great size", "\x04\x00"s + far + "\x00"s, {}},
      {"hex that is cut", "\x05\x00\x00"s, {}},
      {"hex with front that is cut", "\x05\x01\x03"s, {}},
      {"hex beyond the word", "\x05\x09\x00\x90"s, {}},
      {"date without time", "\x06"s, {}},
      {"date too late", "\x06"s + "\xfe\xff\xff\xff\xff\xff\x7f"s, {}},
      {"date far too late", "\x06"s + far, {}},
      {"rest behind the last word", "\x0c\x00\x00\x01X\x00"s, {}},
      {"rest behind a change", "\x0c\x00\x00\x01X\x00\x00\x00\x01Z"s, {}},
  };
  for (const Row& row : rows) {
    const auto event = apply_changes(content, row.changes, kCreated);
    EXPECT_EQ(event.has_value(), row.headers.has_value()) << row.what;
    if (event && row.headers) EXPECT_EQ(event->headers, *row.headers) << row.what;
  }
}

TEST(EventChanges, OfAnotherContentGiveNoCrash) {
  const Event a = event_of("A: 0b9d4a4e\nDate: Thu, 15 Jan 2026 11:59:59 GMT", R"({"a":17,"b":"xyz"})");
  const Event b = event_of("A: f81d4fae\nDate: Thu, 15 Jan 2026 11:59:58 GMT", R"({"a":18,"b":"zyx"})");
  const std::string changes = changes_between(content_of(a), b).value();
  for (const Event& other : {event_of("", ""), event_of("A: b", ""), event_of("", "x"), event_of("A: 0\nDate: 1", "2 3 4")})
    EXPECT_FALSE(apply_changes(content_of(other), changes, kCreated)) << other.headers;
  for (std::size_t size = 0; size < changes.size(); ++size)
    if (const auto event = apply_changes(content_of(a), changes.substr(0, size), kCreated))
      EXPECT_NE(event->body, b.body) << size;
}

class Changing {
 public:
  std::size_t below(std::size_t end) {
    std::uint32_t value = 0;
    random_.fill(&value, sizeof value);
    return value % end;
  }
  // Made of what texts are made of, and of what is hostile.
  std::string text(std::size_t parts) {
    static constexpr std::array<std::string_view, 24> kParts = {"a",
                                                                "0",
                                                                "ff",
                                                                " ",
                                                                "\n",
                                                                "\"",
                                                                ",",
                                                                "{",
                                                                "}",
                                                                "<",
                                                                "é",
                                                                "\x01",
                                                                "-",
                                                                ": ",
                                                                "12",
                                                                "Thu, 15 Jan 2026 11:59:59 GMT",
                                                                "Foo, 15 Jan 2026 11:59:59 GMT",
                                                                "Thu, 15 Jan 2026 11:59:60 GMT",
                                                                "Sun, 31 Dec 9999 23:59:59 GMT",
                                                                "\xff",
                                                                "%41",
                                                                "\\u0041",
                                                                "[redacted]",
                                                                ";"};
    std::string out;
    for (std::size_t i = 0; i < parts; ++i) out += below(20) == 0 ? "\0"s : std::string(kParts[below(kParts.size())]);
    return out;
  }
  std::string changed(std::string text) {
    for (std::size_t count = below(4); count > 0 && !text.empty(); --count) text[below(text.size())] = "0a9f-Z \n"[below(8)];
    return text;
  }

 private:
  SeededRandom random_{17};
};

TEST(EventChanges, WhateverTheTextsAreTheEventComesBackOrHasNoChanges) {
  Changing changing;
  int repeated = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Event first = event_of(changing.text(changing.below(12)), changing.text(changing.below(12)));
    const Event second = event_of(changing.changed(first.headers), changing.changed(first.body));
    const auto changes = changes_between(content_of(first), second);
    if (!changes) continue;
    ++repeated;
    expect_same(apply_changes(content_of(first), *changes, kCreated), second);
    std::string damaged = *changes;
    if (!damaged.empty()) damaged[changing.below(damaged.size())] = static_cast<char>(changing.below(256));
    apply_changes(content_of(first), damaged, kCreated);  // gives some event or none, and ends
  }
  EXPECT_GT(repeated, 5'000);
}

}  // namespace

}  // namespace granary
