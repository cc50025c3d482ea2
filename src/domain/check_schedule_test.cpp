// When a credential is checked next: intervals with jitter, confirmation, backoff, Retry-After, the end of an access
// token, and the few tries that a refused login gets (behaviour.md, "Checks").
#include "domain/check_state_fixture.hpp"

namespace granary {

namespace {

class CheckSchedule : public CheckStateTest {};

constexpr int kRounds = 200;

TEST_F(CheckSchedule, RefusalsByRequestDoNotPushTheConfirmingCheckBack) {
  policy_.login = LoginKind::password;
  CheckState state = settled(Status::ok);
  for (int i = 0; i < 5; ++i) {
    state = check(state, kRefused, i);
    EXPECT_EQ(wait_of(state, i), kMinute - i);
  }
}

// A breaker that has just closed, or is in doubt, holds confirmations for a moment: a minute later, not an interval, one is due.
TEST_F(CheckSchedule, WhatIsRefusedWhileConfirmationsAreHeldIsAskedAgainSoon) {
  policy_.holds_confirmations = true;
  CheckState state = check(settled(Status::ok), kRefused, 0);
  EXPECT_EQ(wait_of(state, 0), kMinute);
  state = check(state, kRefused, kMinute);
  EXPECT_EQ(state.status, Status::ok);
  EXPECT_EQ(wait_of(state, kMinute), kMinute);
  policy_.holds_confirmations = false;
  EXPECT_EQ(check(state, kRefused, 2 * kMinute).status, Status::unauthenticated);
}

// A provider that refuses and forbids by turns confirms neither: its password is not shown each minute for that.
TEST_F(CheckSchedule, APasswordThatIsRefusedAndForbiddenByTurnsIsShownAtItsInterval) {
  for (const LoginKind login : {LoginKind::password, LoginKind::refresh_token}) {
    policy_.login = login;
    CheckState state = settled(Status::ok);
    std::int64_t now = 0;
    for (int i = 0; i < 5; ++i) {
      state = check(state, i % 2 == 0 ? kRefused : kForbidden, now);
      EXPECT_EQ(state.status, Status::ok);
      const bool is_held_back = login == LoginKind::password && i == 4;
      EXPECT_EQ(wait_of(state, now) > kMinute, is_held_back) << i;
      now += kMinute;
    }
    EXPECT_EQ(check(state, kRefused, now).status, Status::unauthenticated) << "the one that came last is confirmed as always";
  }
}

// Due for another's sake: an interrupted PUT's.
TEST_F(CheckSchedule, ARefusedLoginGoesBackToItsPlace) {
  constexpr LoginKind kPassword = LoginKind::password, kToken = LoginKind::refresh_token;
  const auto back = [&](CheckState state, LoginKind login, std::int64_t now) {
    state.next_check = wall(now);
    return return_to_refused_place(state, login, wall(now)) ? wait_of(state, now) : -2;
  };
  policy_.login = kPassword;
  CheckState refused = settled(Status::unauthenticated);
  refused.last_checked = wall(0);
  EXPECT_EQ(back(refused, kPassword, kHour), kDay - kHour);
  EXPECT_EQ(back(refused, kToken, kHour), kDay - kHour);
  EXPECT_EQ(back(refused, kPassword, kDay), -2) << "it has come anyway";
  CheckState used_up = refused;
  used_up.refusals = kPasswordTriesMax;
  EXPECT_EQ(back(used_up, kPassword, kHour), -1) << "none is left";
  EXPECT_EQ(back(used_up, kToken, kHour), kDay - kHour);
  CheckState pending = refused;
  pending.pending = Pending::refused;
  EXPECT_EQ(back(pending, kPassword, kHour), -2);
  CheckState linked_anew = refused;
  linked_anew.refusals = 0;
  EXPECT_EQ(back(linked_anew, kPassword, kHour), -2) << "it is to be checked";
  for (const Status status : {Status::ok, Status::missing_permission, Status::temporarily_unavailable})
    EXPECT_EQ(back(settled(status), kPassword, kHour), -2);
}

TEST_F(CheckSchedule, ChecksAreSpreadAndNeverLate) {
  for (const milliseconds interval :
       {milliseconds(1), milliseconds(999), milliseconds(seconds(1)), milliseconds(std::chrono::hours(6))}) {
    policy_.interval = interval;
    WallTime soonest = WallTime::max(), latest = WallTime::min();
    for (int i = 0; i < kRounds; ++i) {
      const WallTime next = *check(settled(Status::ok), kOk, 0).next_check;
      EXPECT_GT(next, wall(0));
      EXPECT_LE(next, wall(0) + interval);
      soonest = std::min(soonest, next);
      latest = std::max(latest, next);
    }
    if (interval >= seconds(1)) EXPECT_LT(soonest, latest) << "no jitter at " << interval.count();
  }
}

TEST_F(CheckSchedule, AnAccessTokenIsRefreshedBeforeItEnds) {
  struct Row {
    std::int64_t lifetime, latest;  // seconds
  };
  const Row rows[] = {
      {36'000, 6 * 3'600},       // the interval comes first
      {14'400, 14'400 - 1'440},  // a tenth before
      {3'600, 3'600 - 360},
      {600, 540},  // a tenth is a minute
      {300, 240},  // at least a minute
      {120, 60},
      {100, 50},  // but at most half of it
      {10, 5},
      {1, 0},
  };
  for (const Row& row : rows) {
    Answer given{.kind = kOk, .token_lifetime = seconds(row.lifetime)};
    const CheckState state = check(settled(Status::ok), given, 0);
    EXPECT_LE(wait_of(state, 0), row.latest) << row.lifetime;
    EXPECT_GE(wait_of(state, 0), std::min<std::int64_t>(row.latest, 6 * 3'600 * 9 / 10 - 1)) << row.lifetime;
  }
}

TEST_F(CheckSchedule, AFirstRefusalIsConfirmedByItself) {
  for (const AnswerKind kind : {kRefused, kForbidden}) {
    CheckState state = check(settled(Status::ok), kind, 0);
    EXPECT_EQ(wait_of(state, 0), 60);
    // Asked again too early: the confirming check stays where it was.
    state = check(state, kind, 20);
    EXPECT_EQ(state.next_check, wall(60));
  }
  policy_.confirm_after = seconds(5);
  EXPECT_EQ(wait_of(check(settled(Status::ok), kRefused, 0), 0), 5);
}

TEST_F(CheckSchedule, BackoffGrowsFromThirtySecondsUpToTheInterval) {
  const std::int64_t bounds[] = {30, 60, 120, 240, 480, 960, 1'920, 3'840, 7'680, 15'360, 21'600, 21'600, 21'600};
  for (int failures = 0; failures < static_cast<int>(std::size(bounds)); ++failures) {
    const microseconds bound = seconds(bounds[failures]);
    microseconds longest{0}, shortest = bound;
    for (int i = 0; i < kRounds; ++i) {
      CheckState state = settled(Status::ok);
      state.failures = failures;
      const microseconds wait = *check(state, kUnavailable, 0).next_check - wall(0);
      longest = std::max(longest, wait);
      shortest = std::min(shortest, wait);
    }
    EXPECT_LE(longest, bound) << failures;
    EXPECT_GT(longest, bound * 9 / 10) << failures;  // full jitter
    EXPECT_LT(shortest, bound / 10) << failures;
    EXPECT_GT(shortest, microseconds(0)) << failures;
  }
}

TEST_F(CheckSchedule, BackoffIsNeverLongerThanAShortInterval) {
  policy_.interval = seconds(1);
  CheckState state = settled(Status::ok);
  for (int i = 0; i < 100; ++i) {
    state = check(state, kUnavailable, i);
    EXPECT_LE(*state.next_check - wall(i), seconds(1));
    EXPECT_GT(*state.next_check, wall(i));
  }
}

TEST_F(CheckSchedule, AnAnswerEndsTheBackoff) {
  for (const AnswerKind kind : {kOk, kRefused, kForbidden}) {
    CheckState state = settled(Status::ok);
    for (int i = 0; i < 12; ++i) state = check(state, kUnavailable, i);
    state = check(check(state, kind, 100), kUnavailable, 200);
    EXPECT_LE(wait_of(state, 200), 30);
  }
}

TEST_F(CheckSchedule, RetryAfterHoldsBackAndIsBelievedUpToAnHour) {
  struct Row {
    std::int64_t asked, shortest, longest;  // seconds
  };
  const Row rows[] = {{0, 0, 30},
                      {-5, 0, 30},
                      {1, 1, 30},
                      {120, 120, 120},
                      {3'600, 3'600, 3'600},
                      {3'601, 3'600, 3'600},
                      {9'999'999, 3'600, 3'600}};
  for (const Row& row : rows) {
    Answer given{.kind = kUnavailable, .reason = Reason::rate_limited, .retry_after = seconds(row.asked)};
    const CheckState state = check(settled(Status::ok), given, 0);
    EXPECT_GE(wait_of(state, 0), row.shortest) << row.asked;
    EXPECT_LE(wait_of(state, 0), row.longest) << row.asked;
    EXPECT_EQ(state.reason, Reason::rate_limited);
  }
}

TEST_F(CheckSchedule, ARefusedPasswordIsTriedThreeTimesInAll) {
  CheckState state = check(settled(Status::ok), kRefused, 0);  // first
  EXPECT_EQ(wait_of(state, 0), 60);
  state = check(state, kRefused, 60);  // confirming
  EXPECT_EQ(wait_of(state, 60), kDay);
  state = check(state, kRefused, 60 + kDay);  // last
  EXPECT_EQ(state.next_check, std::nullopt);
  // On request it is tried at any time, and the clock still keeps out.
  state = check(state, kRefused, 60 + 2 * kDay);
  EXPECT_EQ(state.next_check, std::nullopt);
  state = check(state, kUnavailable, 60 + 3 * kDay);
  EXPECT_EQ(state.next_check, std::nullopt) << "an outage brings no further try";
  EXPECT_EQ(state.status, Status::unauthenticated);
}

TEST_F(CheckSchedule, ARefusedPostCountsAsTheFirstTwo) {
  CheckState state = settled(Status::unauthenticated);
  EXPECT_EQ(wait_of(state, -10 * kDay), kDay);
  state = check(state, kRefused, -9 * kDay);
  EXPECT_EQ(state.next_check, std::nullopt);
}

TEST_F(CheckSchedule, AnOkOrAConnectGivesThreeTriesAgain) {
  CheckState state = settled(Status::unauthenticated);
  state = check(state, kRefused, -9 * kDay);
  state = check(state, kOk, 0);
  EXPECT_GT(wait_of(state, 0), 0);
  state = check(check(state, kRefused, 100), kRefused, 160);
  EXPECT_EQ(wait_of(state, 160), kDay);

  state = check(state, kRefused, 160 + kDay);
  ASSERT_EQ(state.next_check, std::nullopt);
  state = after_connect(state, answer(kRefused), policy_, at(2 * kDay), random_);
  EXPECT_EQ(wait_of(state, 2 * kDay), kDay);
  state = after_connect(state, answer(kUnavailable), policy_, at(3 * kDay), random_);
  EXPECT_LE(wait_of(state, 3 * kDay), 30) << "what was refused before PUT says nothing of the new login";
  EXPECT_GE(wait_of(state, 3 * kDay), 0);
}

TEST_F(CheckSchedule, ARefusedRefreshTokenIsTriedOnceADay) {
  policy_.login = LoginKind::refresh_token;
  CheckState state = check(check(settled(Status::ok), kRefused, 0), kRefused, 60);
  for (std::int64_t now = 60; now < 20 * kDay; now += kDay) {
    EXPECT_EQ(wait_of(state, now), kDay);
    state = check(state, kRefused, now + kDay);
    EXPECT_EQ(state.status, Status::unauthenticated);
  }
}

TEST_F(CheckSchedule, AnOutageBringsNoRefusedLoginForward) {
  for (const LoginKind login : {LoginKind::password, LoginKind::refresh_token}) {
    policy_.login = login;
    CheckState state = check(check(settled(Status::ok), kRefused, 0), kRefused, 60);
    // Asked on request, long before its day is over.
    state = check(state, kUnavailable, 3'600);
    EXPECT_GE(*state.next_check, wall(60 + kDay));
  }
}

TEST_F(CheckSchedule, AForbiddenLoginIsCheckedEveryInterval) {
  CheckState state = check(check(settled(Status::ok), kForbidden, 0), kForbidden, 60);
  for (int i = 0; i < 10; ++i) {
    EXPECT_GT(wait_of(state, 60), 5 * kHour);
    EXPECT_LE(wait_of(state, 60), 6 * kHour);
    state = check(state, kForbidden, 60);
  }
}

TEST_F(CheckSchedule, NothingWaitsLongerThanItsRule) {
  struct Row {
    milliseconds interval, confirm_after, refused, other;
  };
  using std::chrono::days;
  using std::chrono::hours;
  const Row rows[] = {
      {hours(6), seconds(60), days(1), hours(6)},
      {seconds(10), seconds(60), days(1), hours(1)},  // a Retry-After is believed up to an hour
      {seconds(10), hours(2), days(1), hours(2)},
      {days(3), seconds(60), days(3), days(3)},
  };
  for (const Row& row : rows) {
    const LongestWait wait = longest_wait({.interval = row.interval, .confirm_after = row.confirm_after});
    EXPECT_EQ(wait.refused, row.refused);
    EXPECT_EQ(wait.other, row.other);
  }
}

// Whatever comes, the next check is neither in the past nor later than any rule allows.
TEST_F(CheckSchedule, NoRuleWaitsLongerThanTheLongestWait) {
  for (const milliseconds interval :
       {milliseconds(seconds(1)), milliseconds(std::chrono::hours(6)), milliseconds(std::chrono::days(7))}) {
    policy_.interval = interval;
    CheckState state = settled(Status::ok);
    for (int i = 0; i < 2'000; ++i) {
      policy_.breaker_open = random_.below(4) == 0;
      Answer given = answer(static_cast<AnswerKind>(random_.below(4)));
      if (random_.below(3) == 0) given.retry_after = seconds(random_.below(20'000));
      const std::int64_t now = i * 20;
      state = check(state, given, now);
      if (!state.next_check) continue;
      EXPECT_GE(*state.next_check, wall(now));
      const LongestWait wait = longest_wait(policy_);
      EXPECT_LE(*state.next_check, wall(now) + (state.status == Status::unauthenticated ? wait.refused : wait.other));
    }
  }
}

}  // namespace

}  // namespace granary
