// When the breaker opens, how slowly it probes and when it closes: behaviour.md, "Breaker".
#include "domain/breaker.hpp"

#include <gtest/gtest.h>

#include "domain/fake_random.hpp"

namespace granary {

namespace {

using Change = Breaker::Change;
using Found = Breaker::Found;

class BreakerTest : public testing::Test {
 protected:
  static WallTime at(std::int64_t offset) { return WallTime(std::chrono::days(20'000)) + seconds(offset); }

  static CredentialId id(int number) {
    CredentialId out;
    std::memcpy(out.bytes.data(), &number, sizeof number);
    return out;
  }

  static Breaker closed(milliseconds interval = std::chrono::hours(6), BreakerPolicy policy = {}) {
    return {policy, interval, {}};
  }

  // `count` credentials from `first` on, checked at `when` and found well.
  static void check_well(Breaker& breaker, int first, int count, std::int64_t when) {
    for (int i = 0; i < count; ++i)
      EXPECT_EQ(breaker.record_check(id(first + i), at(when), Found::no_first_refusal), Change::none);
  }
  // As many first refusals; what the last one did.
  static Change refuse(Breaker& breaker, int first, int count, std::int64_t when, Found found = Found::first_refusal) {
    Change change = Change::none;
    for (int i = 0; i < count; ++i) change = breaker.record_check(id(first + i), at(when), found);
    return change;
  }
};

TEST_F(BreakerTest, OpensFromMinimumAndOverShare) {
  struct Row {
    int well, refused;
    bool opens;
  };
  const Row rows[] = {
      {0, 9, false},    {0, 10, true},      {100, 9, false},   {189, 10, true},  {190, 10, false},  // 5 % is not over 5 %
      {191, 10, false}, {1'000, 52, false}, {1'000, 53, true}, {380, 20, false}, {379, 20, true},
  };
  for (const Row& row : rows) {
    Breaker breaker = closed();
    check_well(breaker, 0, row.well, 0);
    EXPECT_EQ(refuse(breaker, 10'000, row.refused, 1) == Change::opened, row.opens) << row.refused << " of " << row.well;
    EXPECT_EQ(breaker.is_open(), row.opens);
    if (row.opens) EXPECT_EQ(breaker.state().opened_at, at(1));
  }
}

// Who really left is refused still after the breaker has closed; a provider that relapses refuses everybody.
TEST_F(BreakerTest, ThoseThatItHasCountedOpenItAgainOnlyAsNearlyAllOfTheLast) {
  struct Row {
    int well, suspected, first;
    bool opens;
  };
  const Row rows[] = {
      {0, 9, 0, false},    {0, 10, 0, true},   {10, 10, 0, false},                       // as many well
      {3, 10, 0, true},    {4, 10, 0, false},                                            // three quarters, and no more
      {500, 30, 0, false}, {500, 31, 0, true},                                           // of the last forty
      {3, 5, 5, true},     {4, 5, 5, false},   {500, 20, 9, false}, {500, 22, 9, true},  // with others
      {100, 20, 10, true},
  };
  for (const Row& row : rows) {
    Breaker breaker = closed();
    check_well(breaker, 0, row.well, 0);
    refuse(breaker, 10'000, row.first, 1);
    refuse(breaker, 20'000, row.suspected, 2, Found::suspected);
    EXPECT_EQ(breaker.is_open(), row.opens) << row.suspected << " and " << row.first << " of " << row.well;
  }
  // One that has worked since counts as any other.
  Breaker breaker = closed();
  refuse(breaker, 0, 9, 0, Found::suspected);
  check_well(breaker, 0, 9, 1);
  check_well(breaker, 1'000, 50, 1);
  refuse(breaker, 0, 9, 2);
  EXPECT_FALSE(breaker.is_open());
  EXPECT_EQ(refuse(breaker, 9, 1, 3), Change::opened);
}

TEST_F(BreakerTest, AStartKnowsWhatItsLastChecksFound) {
  struct Row {
    int well, refused;
    bool opens;
  };
  for (const Row& row : {Row{0, 9, false}, Row{0, 10, true}, Row{189, 10, true}, Row{190, 10, false}}) {
    std::vector<LastCheck> checks;
    for (int i = 0; i < row.refused; ++i) checks.push_back({.id = id(10'000 + i), .checked = at(1), .first_refused = at(1)});
    for (int i = 0; i < row.well; ++i) checks.push_back({.id = id(i), .checked = at(0), .first_refused = {}});
    Breaker breaker = closed();
    EXPECT_EQ(breaker.restore(checks, at(2)), row.opens ? Change::opened : Change::none) << row.refused << " of " << row.well;
    if (!row.opens && row.well == 0) EXPECT_EQ(refuse(breaker, 20'000, 1, 3), Change::opened) << "one more";
  }
  // One that is open stays as it was.
  Breaker open({}, std::chrono::hours(6), {.open = true, .opened_at = at(-60), .successes = 4});
  EXPECT_EQ(open.restore({{.id = id(1), .checked = at(0), .first_refused = {}}}, at(2)), Change::none);
  EXPECT_EQ(open.state().successes, 4);
  // Once what was found is out of the window, it counts no longer.
  Breaker old = closed(std::chrono::seconds(10));
  std::vector<LastCheck> refused;
  for (int i = 0; i < 50; ++i) refused.push_back({.id = id(i), .checked = at(0), .first_refused = at(0)});
  EXPECT_EQ(old.restore(refused, at(601)), Change::none);
}

TEST_F(BreakerTest, MinimumAndShareAreTheOperators) {
  const BreakerPolicy policy{.window = std::chrono::minutes(10), .minimum = 3, .share = 0.5};
  Breaker breaker = closed(std::chrono::hours(6), policy);
  check_well(breaker, 0, 3, 0);
  EXPECT_EQ(refuse(breaker, 100, 3, 1), Change::none);
  EXPECT_EQ(refuse(breaker, 103, 1, 1), Change::opened);
}

TEST_F(BreakerTest, CountsCredentialsNotChecks) {
  Breaker breaker = closed();
  for (int round = 0; round < 50; ++round) EXPECT_EQ(refuse(breaker, 0, 9, round), Change::none);
  EXPECT_EQ(refuse(breaker, 9, 1, 50), Change::opened);

  // One checked a hundred times is one of those checked.
  Breaker other = closed();
  for (int round = 0; round < 1'000; ++round) check_well(other, 0, 1, 0);
  EXPECT_EQ(refuse(other, 1, 10, 0), Change::opened);
}

TEST_F(BreakerTest, WhatIsNoFirstRefusalDoesNotOpen) {
  Breaker breaker = closed();
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(breaker.record_check(id(i), at(i), Found::no_first_refusal), Change::none);
  EXPECT_FALSE(breaker.is_open());
}

TEST_F(BreakerTest, TheConfirmingCheckForgetsNoFirstRefusal) {
  Breaker breaker = closed();
  EXPECT_EQ(refuse(breaker, 0, 9, 0), Change::none);
  check_well(breaker, 0, 9, 60);  // checked again: refused for the second time
  EXPECT_EQ(refuse(breaker, 9, 1, 70), Change::opened);
}

TEST_F(BreakerTest, RefusalsLeaveTheWindow) {
  struct Row {
    std::int64_t later;
    bool opens;
  };
  // More than 40 are checked at each time, so the last 40 reach no further back than 10 minutes.
  for (const Row& row : {Row{1, true}, Row{599, true}, Row{600, true}, Row{601, false}, Row{3'600, false}}) {
    Breaker breaker = closed();
    EXPECT_EQ(refuse(breaker, 0, 9, 0), Change::none);
    check_well(breaker, 100, 50, row.later);
    EXPECT_EQ(refuse(breaker, 1'000, 1, row.later) == Change::opened, row.opens) << row.later;
  }
}

TEST_F(BreakerTest, TheLastFortyReachFurtherBackThanTheWindow) {
  struct Row {
    int well;  // checked one hour later, after nine refusals
    bool opens;
  };
  for (const Row& row : {Row{0, true}, Row{30, true}, Row{31, false}, Row{200, false}}) {
    Breaker breaker = closed();
    for (int n = 0; n < 9; ++n) EXPECT_EQ(refuse(breaker, n, 1, n), Change::none);
    check_well(breaker, 100, row.well, 3'600);
    EXPECT_EQ(refuse(breaker, 1'000, 1, 3'600) == Change::opened, row.opens) << row.well;
  }
}

TEST_F(BreakerTest, NothingReachesFurtherBackThanTheLongerOfWindowAndInterval) {
  struct Row {
    milliseconds interval;
    std::int64_t later;
    bool opens;
  };
  const Row rows[] = {
      {std::chrono::hours(6), 6 * 3'600, true}, {std::chrono::hours(6), 6 * 3'600 + 1, false},
      {std::chrono::hours(1), 3'601, false},    {std::chrono::minutes(1), 600, true},
      {std::chrono::minutes(1), 601, false},    {std::chrono::seconds(1), 601, false},
  };
  for (const Row& row : rows) {
    Breaker breaker = closed(row.interval);
    EXPECT_EQ(refuse(breaker, 0, 9, 0), Change::none);
    EXPECT_EQ(refuse(breaker, 9, 1, row.later) == Change::opened, row.opens) << row.interval.count() << " " << row.later;
  }
}

TEST_F(BreakerTest, WindowStart) {
  Breaker breaker = closed();
  EXPECT_EQ(breaker.window_start(at(0)), at(-600));
  check_well(breaker, 0, 20, 0);
  EXPECT_EQ(breaker.window_start(at(100)), at(-500));
  EXPECT_EQ(breaker.window_start(at(3'600)), at(0)) << "fewer than forty: all of them";
  check_well(breaker, 100, 39, 3'000);
  EXPECT_EQ(breaker.window_start(at(4'000)), at(0));
  check_well(breaker, 200, 1, 3'100);
  EXPECT_EQ(breaker.window_start(at(4'000)), at(3'000));
  EXPECT_EQ(breaker.window_start(at(100'000)), at(100'000 - 6 * 3'600));
}

TEST_F(BreakerTest, AClockThatJumpsBackOpensNothing) {
  Breaker breaker = closed();
  EXPECT_EQ(refuse(breaker, 0, 9, 1'000'000), Change::none);
  check_well(breaker, 100, 300, 0);
  EXPECT_EQ(refuse(breaker, 9, 1, 1), Change::none);
}

TEST_F(BreakerTest, FiveSuccessesInARowClose) {
  struct Row {
    std::vector<bool> probes;
    bool closes;
  };
  const Row rows[] = {
      {{}, false},
      {{true, true, true, true}, false},
      {{true, true, true, true, true}, true},
      {{true, true, true, true, false, true}, false},
      {{true, true, true, true, false, true, true, true, true}, false},
      {{true, true, true, true, false, true, true, true, true, true}, true},
      {{false, false, false, false, false}, false},
  };
  for (const Row& row : rows) {
    Breaker breaker = closed();
    ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
    for (std::size_t i = 0; i < row.probes.size(); ++i) {
      const bool is_last = i + 1 == row.probes.size();
      EXPECT_EQ(breaker.record_probe(id(static_cast<int>(i)), row.probes[i]),
                row.closes && is_last ? Change::closed : Change::none);
    }
    EXPECT_EQ(breaker.is_open(), !row.closes);
  }
}

TEST_F(BreakerTest, WhoHasHealedIsKnownForAsLongAsItIsOpen) {
  Breaker breaker = closed();
  breaker.record_probe(id(1), true);
  ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
  EXPECT_FALSE(breaker.has_healed(id(1))) << "that was before";
  breaker.record_probe(id(1), true);
  breaker.record_probe(id(2), false);
  EXPECT_TRUE(breaker.has_healed(id(1)));
  EXPECT_FALSE(breaker.has_healed(id(2)));
  breaker.close();
  EXPECT_FALSE(breaker.has_healed(id(1)));
}

TEST_F(BreakerTest, ProbesOfAClosedBreakerCountForNothing) {
  Breaker breaker = closed();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(breaker.record_probe(id(1), true), Change::none);
  ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
  EXPECT_EQ(breaker.state().successes, 0);
  EXPECT_EQ(breaker.record_probe(id(1), true), Change::none);
}

TEST_F(BreakerTest, ClosingEmptiesTheWindow) {
  for (const bool by_hand : {false, true}) {
    Breaker breaker = closed();
    ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
    if (by_hand) breaker.close();
    else
      for (int i = 0; i < kBreakerSuccessesToClose; ++i) breaker.record_probe(id(1), true);
    ASSERT_FALSE(breaker.is_open());
    EXPECT_EQ(refuse(breaker, 10, 9, 1), Change::none);
    EXPECT_EQ(refuse(breaker, 19, 1, 1), Change::opened);
    EXPECT_EQ(breaker.state().opened_at, at(1));
    EXPECT_EQ(breaker.state().successes, 0);
  }
}

TEST_F(BreakerTest, AnOpenBreakerDoesNotOpenAgain) {
  Breaker breaker = closed();
  ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
  for (int i = 10; i < 100; ++i) EXPECT_EQ(breaker.record_check(id(i), at(i), Found::first_refusal), Change::none);
  EXPECT_EQ(breaker.state().opened_at, at(0));
}

TEST_F(BreakerTest, ProbesOneCredentialAMinute) {
  Breaker breaker = closed();
  ASSERT_EQ(refuse(breaker, 0, 10, 1'000), Change::opened);
  EXPECT_FALSE(breaker.take_probe(at(1'000)));
  EXPECT_FALSE(breaker.take_probe(at(1'059)));
  EXPECT_TRUE(breaker.take_probe(at(1'060)));
  EXPECT_FALSE(breaker.take_probe(at(1'061)));
  EXPECT_FALSE(breaker.take_probe(at(1'119)));
  EXPECT_TRUE(breaker.take_probe(at(1'120)));
  EXPECT_TRUE(breaker.take_probe(at(100))) << "a clock that jumped back must not stop it for hours";
  EXPECT_FALSE(breaker.take_probe(at(130)));
}

TEST_F(BreakerTest, SurvivesARestart) {
  Breaker before = closed();
  ASSERT_EQ(refuse(before, 0, 10, 0), Change::opened);
  for (int i = 0; i < 4; ++i) before.record_probe(id(1), true);
  Breaker after({}, std::chrono::hours(6), before.state());
  EXPECT_TRUE(after.is_open());
  EXPECT_EQ(after.state().opened_at, at(0));
  EXPECT_EQ(after.record_probe(id(1), true), Change::closed);
}

}  // namespace

}  // namespace granary
