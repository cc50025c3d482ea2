#include "domain/incident.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

constexpr milliseconds kInterval{std::chrono::minutes(10)};

WallTime at(std::int64_t offset) { return WallTime(std::chrono::days(20'000)) + seconds(offset); }

// A check a second: `o` ok, `r` refused, `f` forbidden, `t` a timeout, `e` a provider's error.
RecentChecks checks_of(std::string_view letters, std::int64_t begin = 0) {
  RecentChecks checks;
  for (const char letter : letters) {
    const auto found = letter == 'o'   ? AnswerKind::ok
                       : letter == 'r' ? AnswerKind::refused
                       : letter == 'f' ? AnswerKind::forbidden
                                       : AnswerKind::unavailable;
    checks.record({.time = at(begin++), .found = found, .reason = letter == 't' ? Reason::timeout : Reason::provider_error},
                  kInterval);
  }
  return checks;
}

TEST(Incident, ThreeAndAFifthOfTheChecksMakeOne) {
  const struct {
    const char* checks;
    bool is_incident;
  } rows[] = {{"", false},
              {"t", false},
              {"tt", false},
              {"ottoo", false},
              {"rrrrrr", false},
              {"frfrfrooo", false},
              {"ttt", true},
              {"otototo", true},
              {"oooooooooooottt", true},
              {"ooooooooooooottt", false},
              {"tttoooo", true},
              {"tttooooo", false},
              {"tttrrrrr", false},
              {"tttfrofr", false},
              {"tttoooot", true},
              {"tttooooot", false},
              {"tttooooottt", true},
              {"oooooooooooooooooooooooooooooooootttttttt", true},
              {"ooooooooooooooooooooooooooooooooooottttttt", false},
              {"ttttttttttttttooooooooooooooooooooooooooooooooooooooootot", false}};
  for (const auto& row : rows)
    EXPECT_EQ(checks_of(row.checks).incident(at(60), kInterval).has_value(), row.is_incident) << row.checks;
}

TEST(Incident, SaysSinceWhenWhyAndHowMany) {
  const auto found = checks_of("ooeteto").incident(at(10), kInterval);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->since, at(2));
  EXPECT_EQ(found->reason, Reason::timeout) << "the first of two that are as frequent";
  EXPECT_DOUBLE_EQ(found->share, 4.0 / 7.0);
  EXPECT_EQ(checks_of("teeto").incident(at(10), kInterval)->reason, Reason::timeout);
  EXPECT_EQ(checks_of("teee").incident(at(10), kInterval)->reason, Reason::provider_error);
}

TEST(Incident, BeganWhereItBeganAlsoWhenThatIsNotCountedAnyMore) {
  const auto found = checks_of("oo" + std::string(100, 't')).incident(at(110), kInterval);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->since, at(2));
  EXPECT_DOUBLE_EQ(found->share, 1.0);
  const auto second = checks_of("tttooooottt").incident(at(20), kInterval);
  EXPECT_EQ(second->since, at(8)) << "the one before has ended";
}

TEST(Incident, CountsAnHourOrAnInterval) {
  const RecentChecks checks = checks_of("ttt");
  EXPECT_TRUE(checks.incident(at(3600), kInterval));
  EXPECT_FALSE(checks.incident(at(3601), kInterval)) << "two are left";
  EXPECT_TRUE(checks.incident(at(6 * 3600), std::chrono::hours(6)));
  EXPECT_FALSE(checks.incident(at(6 * 3600 + 1), std::chrono::hours(6)));
}

TEST(Incident, SharesAreOfTheSameChecks) {
  const RecentChecks checks = checks_of("orft");
  EXPECT_DOUBLE_EQ(checks.share(AnswerKind::refused, AnswerKind::forbidden, at(10), kInterval), 0.5);
  EXPECT_DOUBLE_EQ(checks.share(AnswerKind::unavailable, AnswerKind::unavailable, at(10), kInterval), 0.25);
  EXPECT_DOUBLE_EQ(checks.share(AnswerKind::ok, AnswerKind::ok, at(99'999), kInterval), 0);
  EXPECT_DOUBLE_EQ(RecentChecks().share(AnswerKind::ok, AnswerKind::ok, at(0), kInterval), 0);
}

}  // namespace

}  // namespace granary
