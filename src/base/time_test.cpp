// The wire's form of time, HTTP dates and durations: exact forms out, and nothing but them in.
#include "base/time.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

TEST(WireTime, ThereAndBack) {
  const struct {
    std::int64_t micros;
    const char* text;
  } rows[] = {
      {0, "1970-01-01T00:00:00.000000Z"},
      {1, "1970-01-01T00:00:00.000001Z"},
      {-1, "1969-12-31T23:59:59.999999Z"},
      {1'768'478'400'000'000, "2026-01-15T12:00:00.000000Z"},
      {1'709'251'199'123'456, "2024-02-29T23:59:59.123456Z"},
      {951'782'400'000'000, "2000-02-29T00:00:00.000000Z"},
      {253'402'300'799'999'999, "9999-12-31T23:59:59.999999Z"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(format_wire_time(from_micros(row.micros)), row.text);
    ASSERT_TRUE(parse_wire_time(row.text)) << row.text;
    EXPECT_EQ(to_micros(*parse_wire_time(row.text)), row.micros) << row.text;
  }
}

TEST(WireTime, AcceptsUpToNineDecimals) {
  const struct {
    const char* text;
    std::int64_t micros;
  } rows[] = {
      {"1970-01-01T00:00:01Z", 1'000'000},           {"1970-01-01T00:00:01.5Z", 1'500'000},
      {"1970-01-01T00:00:01.05Z", 1'050'000},        {"1970-01-01T00:00:01.000001Z", 1'000'001},
      {"1970-01-01T00:00:01.123456789Z", 1'123'456},
  };
  for (const auto& row : rows) {
    ASSERT_TRUE(parse_wire_time(row.text)) << row.text;
    EXPECT_EQ(to_micros(*parse_wire_time(row.text)), row.micros) << row.text;
  }
}

TEST(WireTime, Refuses) {
  const char* rows[] = {
      "",
      "Z",
      "2026-01-15",
      "2026-01-15T12:00:00",
      "2026-01-15T12:00Z",
      "2026-01-15T12:00:00z",
      "2026-01-15t12:00:00Z",
      "2026-01-15 12:00:00Z",
      "2026-01-15T12:00:00+00:00",
      "2026-01-15T12:00:00.Z",
      "2026-01-15T12:00:00,5Z",
      "2026-01-15T12:00:00.1234567890Z",
      "2026-01-15T12:00:00.12x456Z",
      "2026-01-15T12:00:00Z ",
      " 2026-01-15T12:00:00Z",
      "2026-01-15T12:00:00ZZ",
      "2026-1-15T12:00:00Z",
      "26-01-15T12:00:00Z",
      "+026-01-15T12:00:00Z",
      "12026-01-15T12:00:00Z",
      "2026-00-15T12:00:00Z",
      "2026-13-15T12:00:00Z",
      "2026-01-00T12:00:00Z",
      "2026-01-32T12:00:00Z",
      "2026-04-31T12:00:00Z",
      "2026-02-29T12:00:00Z",
      "1900-02-29T12:00:00Z",
      "2026-01-15T24:00:00Z",
      "2026-01-15T12:60:00Z",
      "2026-01-15T12:00:60Z",
      "2026-01-15T-1:00:00Z",
      "1768478400",
  };
  for (const char* text : rows) EXPECT_FALSE(parse_wire_time(text)) << text;
}

TEST(HttpDate, ThereAndBack) {
  const struct {
    std::int64_t second;
    const char* text;
  } rows[] = {
      {784'111'777, "Sun, 06 Nov 1994 08:49:37 GMT"},
      {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
      {1'709'251'199, "Thu, 29 Feb 2024 23:59:59 GMT"},
      {1'767'139'200, "Wed, 31 Dec 2025 00:00:00 GMT"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(format_http_date(from_micros(row.second * 1'000'000 + 999'999)), row.text);
    ASSERT_TRUE(parse_http_date(row.text)) << row.text;
    EXPECT_EQ(to_micros(*parse_http_date(row.text)), row.second * 1'000'000) << row.text;
  }
}

TEST(HttpDate, Refuses) {
  const char* rows[] = {
      "",
      "120",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 06 Nov 1994 08:49:37 gmt",
      "Sun, 06 Nov 1994 08:49:37 GMT ",
      "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "Sun, 06 nov 1994 08:49:37 GMT",
      "Sun, 06 Xxx 1994 08:49:37 GMT",
      "Sun, 31 Nov 1994 08:49:37 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT",
      "Sun, 06 Nov 1994 08:60:37 GMT",
      "Sun, 06 Nov 1994 08:49:61 GMT",
      "Sun, 06 Nov 1994 08-49-37 GMT",
      "Sun, 06 Nov 19x4 08:49:37 GMT",
      "Sun; 06 Nov 1994 08:49:37 GMT",
      "Mon, 06 Nov 1994 08:49:37 GMT",
      "sun, 06 Nov 1994 08:49:37 GMT",
      "Sunday, 06 Nov 1994 08:49:37 GMT",
      "Sun,  06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:60 GMT",
  };
  for (const char* text : rows) EXPECT_FALSE(parse_http_date(text)) << text;
}

TEST(Day, IsFloorOfTheTimeInUtc) {
  EXPECT_EQ(day_of(from_micros(0)), 0);
  EXPECT_EQ(day_of(from_micros(-1)), -1);
  EXPECT_EQ(day_of(from_micros(86'400'000'000 - 1)), 0);
  EXPECT_EQ(day_of(from_micros(86'400'000'000)), 1);
  EXPECT_EQ(day_of(start_of_day(20'468)), 20'468);
  EXPECT_EQ(format_wire_time(start_of_day(20'468)), "2026-01-15T00:00:00.000000Z");
}

TEST(Duration, ThereAndBack) {
  const struct {
    const char* text;
    std::int64_t ms;
    const char* written;
  } rows[] = {
      {"30s", 30'000, "30s"},
      {"15m", 900'000, "15m"},
      {"6h", 21'600'000, "6h"},
      {"30d", 2'592'000'000, "30d"},
      {"250ms", 250, "250ms"},
      {"0s", 0, "0s"},
      {"60s", 60'000, "1m"},
      {"1500ms", 1500, "1500ms"},
      {"24h", 86'400'000, "1d"},
      {"90m", 5'400'000, "90m"},
      {"3650d", 315'360'000'000, "3650d"},
  };
  for (const auto& row : rows) {
    ASSERT_TRUE(parse_duration(row.text)) << row.text;
    EXPECT_EQ(parse_duration(row.text)->count(), row.ms) << row.text;
    EXPECT_EQ(format_duration(milliseconds(row.ms)), row.written);
    EXPECT_EQ(parse_duration(row.written), milliseconds(row.ms)) << row.written;
  }
}

TEST(Duration, Refuses) {
  const char* rows[] = {"",
                        "s",
                        "30",
                        "-30s",
                        "+30s",
                        " 30s",
                        "30s ",
                        "30 s",
                        "30S",
                        "30M",
                        "1.5h",
                        "1h30m",
                        "30w",
                        "30sec",
                        "30y",
                        "30us",
                        "0x1s",
                        "1e3s",
                        "1,000s",
                        "3651d",
                        "PT5M",
                        "99999999999999999999s",
                        "9223372036854775807d",
                        "315360000001ms"};
  for (const char* text : rows) EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace

}  // namespace granary
