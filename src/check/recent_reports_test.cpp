#include "check/recent_reports.hpp"

#include <gtest/gtest.h>

#include "base/seeded_random.hpp"

namespace granary {

namespace {

SteadyTime at(std::int64_t offset) { return SteadyTime(seconds(offset)); }

TEST(RecentReports, EachCredentialHasOneAMinute) {
  SeededRandom random;
  const auto a = CredentialId::random(random), b = CredentialId::random(random);
  RecentReports reports;
  EXPECT_TRUE(reports.take(a, at(0)));
  EXPECT_FALSE(reports.take(a, at(0)));
  EXPECT_TRUE(reports.take(b, at(30)));
  EXPECT_FALSE(reports.take(a, at(59)));
  EXPECT_TRUE(reports.take(a, at(60))) << "those that were not taken do not count";
  EXPECT_FALSE(reports.take(b, at(89)));
  EXPECT_FALSE(reports.take(a, at(119)));
  EXPECT_TRUE(reports.take(b, at(90)));
}

TEST(RecentReports, TheOldestAreForgottenWhereThereAreTooMany) {
  SeededRandom random;
  const auto first = CredentialId::random(random);
  RecentReports reports;
  EXPECT_TRUE(reports.take(first, at(0)));
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(reports.take(CredentialId::random(random), at(1)));
  EXPECT_TRUE(reports.take(first, at(1)));
}

}  // namespace

}  // namespace granary
