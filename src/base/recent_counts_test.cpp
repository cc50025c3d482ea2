#include "base/recent_counts.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

SteadyTime at(int second) { return SteadyTime(seconds(1000 + second)); }

TEST(RecentCounts, AKeyWaitsFromTheMostOnUntilItsMinuteIsOver) {
  RecentCounts counts;
  EXPECT_EQ(counts.wait("a", 2, at(0)), seconds(0));
  EXPECT_EQ(counts.add("a", at(0)), 1);
  EXPECT_EQ(counts.wait("a", 2, at(1)), seconds(0));
  EXPECT_EQ(counts.add("a", at(10)), 2);
  EXPECT_EQ(counts.wait("a", 2, at(20)), seconds(40));
  EXPECT_EQ(counts.wait("b", 2, at(20)), seconds(0));
  EXPECT_EQ(counts.wait("a", 2, at(59)), seconds(1));
  EXPECT_EQ(counts.wait("a", 2, at(60)), seconds(0));
  EXPECT_EQ(counts.add("a", at(61)), 1) << "a new minute begins";
}

TEST(RecentCounts, WhatIsTakenBackCountsNoMore) {
  RecentCounts counts;
  counts.add("a", at(0));
  counts.add("a", at(0));
  counts.take_back("a");
  EXPECT_EQ(counts.wait("a", 2, at(0)), seconds(0));
  counts.take_back("a");
  counts.take_back("a");
  EXPECT_EQ(counts.add("a", at(0)), 1);
}

TEST(RecentCounts, TheWorstStaysWhereThereAreTooMany) {
  RecentCounts counts;
  for (int i = 0; i < 3; ++i) counts.add("worst", at(0));
  for (std::size_t i = 0; i < 2 * RecentCounts::kKeysMax; ++i) counts.add(std::to_string(i), at(1));
  EXPECT_GT(counts.wait("worst", 3, at(2)), seconds(0));
  EXPECT_EQ(counts.add(std::to_string(2 * RecentCounts::kKeysMax - 1), at(2)), 2) << "the newest is known";
}

TEST(RecentCounts, WhatIsOverGoesFirst) {
  RecentCounts counts;
  for (int i = 0; i < 9; ++i) counts.add("old", at(0));
  for (std::size_t i = 0; i < RecentCounts::kKeysMax; ++i) counts.add(std::to_string(i), at(61));
  EXPECT_EQ(counts.add("0", at(62)), 2) << "nothing of this minute was forgotten";
}

}  // namespace

}  // namespace granary
