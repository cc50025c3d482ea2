// When the breaker opens, how slowly it probes and when it closes: docs/reliability.md, "Breaker".
#include "domain/breaker.hpp"

#include <gtest/gtest.h>

#include "base/seeded_random.hpp"

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

  static OwnerId owner(int number) {
    OwnerId out;
    std::memcpy(out.bytes.data(), &number, sizeof number);
    return out;
  }
  static CredentialKey key(int number, int of = 1) { return {.owner = owner(of), .id = id(number)}; }
  static LastCheck check(int number, std::int64_t when, int of = 1, const std::string& login = "") {
    return {.key = key(number, of), .checked = at(when), .first_refused = {}, .login = login};
  }

  static Breaker closed(milliseconds interval = std::chrono::hours(6), BreakerPolicy policy = {}) {
    return {Breaker::Watches::one_owner, policy, interval, {}};
  }
  static Breaker of_all(BreakerPolicy policy = {}) { return {Breaker::Watches::all_owners, policy, std::chrono::hours(6), {}}; }
  // A probe where there are enough to close it.
  static Change probe(Breaker& breaker, int number, bool succeeded, int of = 1, std::int64_t there_are = 100) {
    return breaker.record_probe(key(number, of), succeeded, there_are);
  }

  // `count` credentials from `first` on, checked at `when` and found well.
  static void check_well(Breaker& breaker, int first, int count, std::int64_t when) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(breaker.record_check(check(first + i, when), Found::works), Change::none);
  }
  // As many first refusals; what the last one did.
  static Change refuse(Breaker& breaker, int first, int count, std::int64_t when, int of = 1, const std::string& login = "") {
    Change change = Change::none;
    for (int i = 0; i < count; ++i)
      if (const auto now = breaker.record_check(check(first + i, when, of, login), Found::first_refusal); now != Change::none)
        change = now;
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

TEST_F(BreakerTest, OfAllOwnersTogetherHalfOfTheMinimumIsCountedFromOne) {
  struct Row {
    const char* what;
    std::vector<int> refused;  // of owner 1, 2, ...
    int well;
    bool opens;
  };
  const Row rows[] = {
      {"one owner's thousand", {1'000}, 0, false},
      {"and four of another", {1'000, 4}, 0, false},
      {"and five of another, of few that were checked", {100, 5}, 0, true},
      {"and five of another, of many", {1'000, 5}, 0, false},  // 10 of 1005 are not over 5 %
      {"five of each of two", {5, 5}, 100, true},
      {"four of each of two", {4, 4}, 0, false},
      {"one of each of nine", {1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, false},
      {"one of each of ten", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 100, true},
  };
  for (const Row& row : rows) {
    Breaker breaker = of_all();
    check_well(breaker, 0, row.well, 0);
    int first = 10'000, of = 0;
    for (const int count : row.refused) {
      refuse(breaker, first, count, 1, ++of);
      first += count;
    }
    EXPECT_EQ(breaker.is_open(), row.opens) << row.what;
    if (row.opens) EXPECT_EQ(breaker.state().owners, static_cast<int>(row.refused.size())) << row.what;
  }
}

// Whom an opening has counted counts no more. Forty refused in a row after a closing raise a doubt, and those that worked decide.
TEST_F(BreakerTest, InDoubtThoseThatWorkedAreAsked) {
  enum class Ask { refused, works, unavailable, gone };
  struct Row {
    const char* what;
    int worked, refused;
    std::vector<Ask> asks;
    bool opens;
  };
  using enum Ask;
  const Row rows[] = {
      {"none has worked", 0, 500, {}, false},
      {"not forty", 5, 39, {}, false},
      {"three are refused", 5, 40, {refused, refused, refused}, true},
      {"one works", 5, 40, {refused, refused, works}, false},
      {"two there are", 2, 40, {refused, refused}, false},
      {"an outage says nothing", 5, 40, {unavailable, refused, refused, refused}, true},
      {"gone meanwhile", 5, 40, {refused, refused, gone}, false},
  };
  for (const Row& row : rows) {
    Breaker breaker = closed();
    ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
    breaker.close();
    check_well(breaker, 100, row.worked, 1);
    for (int i = 0; i < row.refused; ++i)
      EXPECT_EQ(breaker.record_check(check(1'000 + i, 2), Found::refused), Change::none) << row.what;
    EXPECT_EQ(breaker.is_in_doubt(at(2)), !row.asks.empty()) << row.what;
    for (const Ask ask : row.asks) {
      const auto asked = breaker.take_doubtful(at(2));
      ASSERT_TRUE(asked) << row.what;
      LastCheck answer = check(0, 3);
      answer.key = *asked;
      if (ask != gone)
        breaker.record_check(answer, ask == refused ? Found::first_refusal : ask == works ? Found::works : Found::unavailable);
    }
    EXPECT_FALSE(breaker.take_doubtful(at(3))) << row.what;
    EXPECT_EQ(breaker.is_open(), row.opens) << row.what;
    EXPECT_FALSE(breaker.is_in_doubt(at(62))) << row.what << ": a minute at most";
  }
}

TEST_F(BreakerTest, OnlyAClosingLeavesDoubtsAndOneOwnerLeavesNoneForAll) {
  Breaker never_closed = closed();
  check_well(never_closed, 0, 5, 0);
  for (int i = 100; i < 200; ++i) never_closed.record_check(check(i, 1), Found::refused);
  EXPECT_FALSE(never_closed.is_in_doubt(at(1)));
  Breaker all = of_all();
  all.close();
  check_well(all, 0, 5, 0);
  for (int i = 100; i < 200; ++i) all.record_check(check(i, 1), Found::refused);
  EXPECT_FALSE(all.is_in_doubt(at(1)));
  all.record_check(check(200, 1, 2), Found::refused);
  EXPECT_TRUE(all.is_in_doubt(at(1)));
}

TEST_F(BreakerTest, OneLoginCountsOnce) {
  for (Breaker breaker : {closed(), of_all({.minimum = 2})}) {
    EXPECT_EQ(refuse(breaker, 0, 100, 0, 1, "one login"), Change::none);
    EXPECT_EQ(refuse(breaker, 100, 8, 0, 2, "another"), Change::none);
  }
  Breaker breaker = closed();
  refuse(breaker, 0, 20, 0, 1, "one login");
  EXPECT_EQ(refuse(breaker, 20, 8, 0), Change::none);
  EXPECT_EQ(refuse(breaker, 30, 1, 0), Change::opened) << "with eight more, nine and one";
}

TEST_F(BreakerTest, OfAllOwnersTogetherItClosesWithSuccessesOfTwo) {
  Breaker breaker = of_all();
  refuse(breaker, 0, 5, 0, 1);
  ASSERT_EQ(refuse(breaker, 10, 5, 0, 2), Change::opened);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(probe(breaker, 100 + i, true, 1), Change::none);
  EXPECT_EQ(probe(breaker, 200, true, 3), Change::closed);
}

TEST_F(BreakerTest, AStartKnowsWhatItsLastChecksFound) {
  struct Row {
    int well, refused;
    bool opens;
  };
  for (const Row& row : {Row{0, 9, false}, Row{0, 10, true}, Row{189, 10, true}, Row{190, 10, false}}) {
    std::vector<LastCheck> checks;
    for (int i = 0; i < row.refused; ++i) checks.push_back({.key = key(10'000 + i), .checked = at(1), .first_refused = at(1)});
    for (int i = 0; i < row.well; ++i) checks.push_back({.key = key(i), .checked = at(0), .first_refused = {}});
    Breaker breaker = closed();
    EXPECT_EQ(breaker.restore(checks, at(2)), row.opens ? Change::opened : Change::none) << row.refused << " of " << row.well;
    if (!row.opens && row.well == 0) EXPECT_EQ(refuse(breaker, 20'000, 1, 3), Change::opened) << "one more";
  }
  // One that is open stays as it was.
  Breaker open(Breaker::Watches::one_owner, {}, std::chrono::hours(6), {.open = true, .opened_at = at(-60)});
  EXPECT_EQ(open.restore({check(1, 0)}, at(2)), Change::none);
  EXPECT_EQ(open.state().opened_at, at(-60));
  // Once what was found is out of the window, it counts no longer.
  Breaker old = closed(std::chrono::seconds(10));
  std::vector<LastCheck> refused;
  for (int i = 0; i < 50; ++i) refused.push_back({.key = key(i), .checked = at(0), .first_refused = at(0)});
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
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(breaker.record_check(check(i, i), Found::works), Change::none);
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
      EXPECT_EQ(probe(breaker, static_cast<int>(i), row.probes[i]), row.closes && is_last ? Change::closed : Change::none);
    }
    EXPECT_EQ(breaker.is_open(), !row.closes);
  }
}

TEST_F(BreakerTest, TheFiveAreFiveCredentialsOrAllThereAre) {
  struct Row {
    std::int64_t there_are;
    int needed;
  };
  for (const Row& row : {Row{0, 1}, Row{1, 1}, Row{3, 3}, Row{5, 5}, Row{1'000, 5}}) {
    Breaker breaker = closed();
    ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
    for (int i = 1; i < row.needed; ++i)
      for (int again = 0; again < 10; ++again) EXPECT_EQ(probe(breaker, i, true, 1, row.there_are), Change::none);
    EXPECT_EQ(probe(breaker, row.needed, true, 1, row.there_are), Change::closed) << row.there_are;
  }
}

TEST_F(BreakerTest, WhoHasHealedIsKnownForAsLongAsItIsOpen) {
  Breaker breaker = closed();
  probe(breaker, 1, true);
  ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
  EXPECT_FALSE(breaker.has_healed(id(1))) << "that was before";
  probe(breaker, 1, true);
  probe(breaker, 2, false);
  EXPECT_TRUE(breaker.has_healed(id(1)));
  EXPECT_FALSE(breaker.has_healed(id(2)));
  breaker.close();
  EXPECT_FALSE(breaker.has_healed(id(1)));
}

TEST_F(BreakerTest, ProbesOfAClosedBreakerCountForNothing) {
  Breaker breaker = closed();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(probe(breaker, 1, true), Change::none);
  ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
  EXPECT_EQ(probe(breaker, 1, true), Change::none);
}

TEST_F(BreakerTest, ClosingEmptiesTheWindow) {
  for (const bool by_hand : {false, true}) {
    Breaker breaker = closed();
    ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
    if (by_hand) breaker.close();
    else
      for (int i = 0; i < kBreakerSuccessesToClose; ++i) probe(breaker, i, true);
    ASSERT_FALSE(breaker.is_open());
    EXPECT_EQ(refuse(breaker, 10, 9, 1), Change::none);
    EXPECT_EQ(refuse(breaker, 19, 1, 1), Change::opened);
    EXPECT_EQ(breaker.state().opened_at, at(1));
  }
}

TEST_F(BreakerTest, AnOpenBreakerDoesNotOpenAgain) {
  Breaker breaker = closed();
  ASSERT_EQ(refuse(breaker, 0, 10, 0), Change::opened);
  for (int i = 10; i < 100; ++i) EXPECT_EQ(breaker.record_check(check(i, i), Found::first_refusal), Change::none);
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
  for (int i = 0; i < 4; ++i) probe(before, i, true);
  Breaker after(Breaker::Watches::one_owner, {}, std::chrono::hours(6), before.state());
  EXPECT_TRUE(after.is_open());
  EXPECT_EQ(after.state().opened_at, at(0));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(probe(after, i, true), Change::none) << "the row of successes begins anew";
  EXPECT_EQ(probe(after, 4, true), Change::closed);
}

}  // namespace

}  // namespace granary
