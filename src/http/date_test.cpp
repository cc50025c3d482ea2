// Dates as servers write them, and what is none.
#include "http/date.hpp"

#include <gtest/gtest.h>

namespace granary::http {

namespace {

TEST(Date, IsReadInEachForm) {
  for (const char* text : {
           "Sun, 06 Nov 1994 08:49:37 GMT",
           "Sunday, 06-Nov-94 08:49:37 GMT",
           "Sun Nov  6 08:49:37 1994",
           "Sun, 6 Nov 1994 08:49:37 UTC",
           "Sun, 06 Nov 1994 08:49:37",
           "Sun, 06 Nov 1994 09:49:37 +0100",
           "06 Nov 1994 08:49:37 GMT",
       }) {
    const auto date = read_date(text);
    ASSERT_TRUE(date) << text;
    EXPECT_EQ(to_micros(*date), 784'111'777'000'000) << text;
  }
}

TEST(Date, OfAYearThatDoesNotFitIsTheLastThatDoes) {
  const auto date = read_date("Thu, 15 Jan 2000000000 12:01:00 GMT");
  ASSERT_TRUE(date);
  EXPECT_EQ(format_wire_time(*date), "9999-12-31T00:00:00.000000Z");
}

TEST(Date, Refuses) {
  for (const char* text : {"", "soon", "120", "1.5", "10s", "2026-01-15T12:01:00Z", "Sun, 99 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 Europe/Berlin"})
    EXPECT_FALSE(read_date(text)) << text;
}

}  // namespace

}  // namespace granary::http
