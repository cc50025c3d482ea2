// When a credential is checked next: intervals with jitter, confirmation, backoff, Retry-After, the end of an access
// token, and the few tries that a refused login gets (docs/api.md, "Checks").
#include "domain/credential_health_fixture.hpp"

namespace granary {

namespace {

class CheckSchedule : public CredentialHealthTest {};

constexpr int kRounds = 200;

TEST_F(CheckSchedule, RefusalsByRequestDoNotPushTheConfirmingCheckBack) {
  policy_.login = LoginKind::password;
  CredentialHealth state = settled(Status::ok);
  for (int i = 0; i < 5; ++i) {
    state = check(state, kRefused, i);
    EXPECT_EQ(wait_of(state, i), kMinute - i);
  }
}

// A breaker that has just closed, or is in doubt, holds confirmations for a moment: a minute later, not an interval, one is due.
TEST_F(CheckSchedule, WhatIsRefusedWhileConfirmationsAreHeldIsAskedAgainSoon) {
  policy_.holds_confirmations = true;
  CredentialHealth state = check(settled(Status::ok), kRefused, 0);
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
    CredentialHealth state = settled(Status::ok);
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

TEST_F(CheckSchedule, ARefusedLoginKeepsItsPlace) {
  struct Row {
    const char* what;
    Status status;
    Pending pending;
    std::optional<std::int64_t> next;
    bool keeps;
    std::optional<std::int64_t> after;
  };
  const Row rows[] = {
      {"ahead", Status::unauthenticated, Pending::none, 100, true, 100},
      {"no try is left", Status::unauthenticated, Pending::none, {}, true, {}},
      {"further than a day: the clock was set back", Status::unauthenticated, Pending::none, 2 * kDay, true, kDay},
      {"it has come", Status::unauthenticated, Pending::none, 0, false, 0},
      {"forbidden once since", Status::unauthenticated, Pending::forbidden, 100, false, 100},
      {"OK", Status::ok, Pending::none, 100, false, 100},
      {"MISSING_PERMISSION", Status::missing_permission, Pending::none, 100, false, 100},
      {"TEMPORARILY_UNAVAILABLE", Status::temporarily_unavailable, Pending::none, 100, false, 100},
      {"OK, not scheduled", Status::ok, Pending::none, {}, false, {}},
  };
  const auto time = [](std::optional<std::int64_t> offset) { return offset ? std::optional(wall(*offset)) : std::nullopt; };
  for (const Row& row : rows) {
    CredentialHealth state;
    state.status = row.status;
    state.pending = row.pending;
    state.next_check = time(row.next);
    EXPECT_EQ(keeps_refused_place(state, wall(0)), row.keeps) << row.what;
    EXPECT_EQ(state.next_check, time(row.after)) << row.what;
  }
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

TEST_F(CheckSchedule, ATokenIsReplacedBeforeItEnds) {
  struct Row {
    std::int64_t lifetime, latest, earliest, earliest_first;  // seconds
  };
  const Row rows[] = {
      {14'400, 14'400 - 1'440, 14'400 - 2'880, 7'200},  // a tenth before, and a tenth earlier at the most
      {3'600, 3'240, 2'880, 1'800},
      {600, 540, 480, 300},  // a tenth is a minute
      {300, 240, 210, 150},  // at least a minute
      {120, 60, 60, 60},     // but at most half of it
      {100, 50, 50, 50},
      {10, 10, 10, 10},  // never sooner than the floor
      {1, 10, 10, 10},
  };
  for (const Row& row : rows) {
    const auto wait = [&](bool is_first, double share) {
      return (refresh_time(wall(0), seconds(row.lifetime), {.is_first = is_first, .share = share}) - wall(0)) / seconds(1);
    };
    EXPECT_EQ(wait(false, 0), row.latest) << row.lifetime;
    EXPECT_EQ(wait(false, 1), row.earliest) << row.lifetime;
    EXPECT_EQ(wait(true, 0), row.latest) << row.lifetime;
    EXPECT_EQ(wait(true, 1), row.earliest_first) << row.lifetime;
  }
  Answer given{.kind = kOk, .refresh_at = wall(3'000)};
  EXPECT_EQ(check(settled(Status::ok), given, 0).next_check, wall(3'000));
  given.refresh_at = wall(40'000);
  EXPECT_LE(wait_of(check(settled(Status::ok), given, 0), 0), 6 * 3'600) << "the interval comes first";
}

TEST_F(CheckSchedule, WhereTheApplicationIsRefusedItIsTriedHourly) {
  const Answer refused{.kind = kUnavailable, .reason = Reason::application_refused};
  const CredentialHealth state = check(settled(Status::ok), refused, 0);
  EXPECT_EQ(state.status, Status::ok) << "no login is refused";
  EXPECT_EQ(state.refusals, 0);
  EXPECT_GT(wait_of(state, 0), 5 * kHour) << "every interval, which is longer";
  policy_.interval = std::chrono::minutes(5);
  EXPECT_GE(wait_of(check(settled(Status::ok), refused, 0), 0), kHour * 9 / 10 - 1);
  EXPECT_LE(wait_of(check(settled(Status::ok), refused, 0), 0), kHour);
  const CredentialHealth posted = connect(settled(Status::ok), refused, 0);
  EXPECT_EQ(posted.status, Status::unauthenticated) << "whoever posts has just given the key";
  EXPECT_EQ(posted.reason, Reason::application_refused);
  EXPECT_LE(wait_of(posted, 0), kHour);
}

TEST_F(CheckSchedule, AFirstRefusalIsConfirmedByItself) {
  for (const AnswerKind kind : {kRefused, kForbidden}) {
    CredentialHealth state = check(settled(Status::ok), kind, 0);
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
      CredentialHealth state = settled(Status::ok);
      state.outages = failures;
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
  CredentialHealth state = settled(Status::ok);
  for (int i = 0; i < 100; ++i) {
    state = check(state, kUnavailable, i);
    EXPECT_LE(*state.next_check - wall(i), seconds(1));
    EXPECT_GT(*state.next_check, wall(i));
  }
}

// As the outage rule counts: whatever came between, except an ok.
TEST_F(CheckSchedule, OnlyAnOkEndsTheBackoff) {
  const auto longest_after = [&](AnswerKind kind) {
    std::int64_t longest = 0;
    for (int round = 0; round < kRounds; ++round) {
      CredentialHealth state = settled(Status::ok);
      for (int i = 0; i < 12; ++i) state = check(state, kUnavailable, i);
      state = check(check(state, kind, 100), kUnavailable, 200);
      longest = std::max(longest, wait_of(state, 200));
    }
    return longest;
  };
  EXPECT_LE(longest_after(kOk), 30);
  EXPECT_GT(longest_after(kRefused), kHour);
  EXPECT_GT(longest_after(kForbidden), kHour);
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
    const CredentialHealth state = check(settled(Status::ok), given, 0);
    EXPECT_GE(wait_of(state, 0), row.shortest) << row.asked;
    EXPECT_LE(wait_of(state, 0), row.longest) << row.asked;
    EXPECT_EQ(state.reason, Reason::rate_limited);
  }
}

TEST_F(CheckSchedule, ARefusedPasswordIsTriedThreeTimesInAll) {
  CredentialHealth state = check(settled(Status::ok), kRefused, 0);  // first
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
  CredentialHealth state = settled(Status::unauthenticated);
  EXPECT_EQ(wait_of(state, -10 * kDay), kDay);
  state = check(state, kRefused, -9 * kDay);
  EXPECT_EQ(state.next_check, std::nullopt);
}

TEST_F(CheckSchedule, AnOkOrAConnectGivesThreeTriesAgain) {
  CredentialHealth state = settled(Status::unauthenticated);
  state = check(state, kRefused, -9 * kDay);
  state = check(state, kOk, 0);
  EXPECT_GT(wait_of(state, 0), 0);
  state = check(check(state, kRefused, 100), kRefused, 160);
  EXPECT_EQ(wait_of(state, 160), kDay);

  state = check(state, kRefused, 160 + kDay);
  ASSERT_EQ(state.next_check, std::nullopt);
  state = connect(state, kRefused, 2 * kDay);
  EXPECT_EQ(wait_of(state, 2 * kDay), kDay);
  state = connect(state, kUnavailable, 3 * kDay);
  EXPECT_LE(wait_of(state, 3 * kDay), 30) << "what was refused before PUT says nothing of the new login";
  EXPECT_GE(wait_of(state, 3 * kDay), 0);
}

TEST_F(CheckSchedule, ARefusedRefreshTokenIsTriedInStepsThenOnceADay) {
  policy_.login = LoginKind::refresh_token;
  CredentialHealth state = check(settled(Status::ok), kRefused, 0);
  EXPECT_EQ(wait_of(state, 0), kMinute);
  std::int64_t now = 60;
  state = check(state, kRefused, now);
  for (const std::int64_t wait : {10 * kMinute, kHour, 6 * kHour, kDay, kDay, kDay}) {
    EXPECT_EQ(state.status, Status::unauthenticated);
    EXPECT_EQ(wait_of(state, now), wait);
    now += wait;
    state = check(state, kRefused, now);
  }
  // One by request is a try too, and the next step counts from it.
  state = connect(settled(Status::ok), kRefused, 0);
  EXPECT_EQ(wait_of(state, 0), 10 * kMinute) << "a refused POST counts as the first two";
  state = check(state, kRefused, 5);
  EXPECT_EQ(wait_of(state, 5), kHour);
}

TEST_F(CheckSchedule, ARefusalOfUnknownOutcomeIsTriedOnceADay) {
  policy_.login = LoginKind::refresh_token;
  Answer uncertain = answer(kRefused);
  uncertain.is_uncertain = true;
  CredentialHealth state = check(settled(Status::ok), uncertain, 0);
  EXPECT_EQ(wait_of(state, 0), kMinute) << "confirmed as any";
  state = check(state, uncertain, 60);
  for (std::int64_t now = 60; now < 20 * kDay; now += kDay) {
    EXPECT_EQ(wait_of(state, now), kDay);
    EXPECT_EQ(state.status, Status::unauthenticated);
    state = check(state, uncertain, now + kDay);
  }
}

TEST_F(CheckSchedule, AnOutageBringsNoRefusedLoginForward) {
  for (const LoginKind login : {LoginKind::password, LoginKind::refresh_token}) {
    policy_.login = login;
    const std::int64_t wait = login == LoginKind::password ? kDay : 10 * kMinute;
    CredentialHealth state = check(check(settled(Status::ok), kRefused, 0), kRefused, 60);
    // Asked on request, before its time is over.
    state = check(state, kUnavailable, 300);
    EXPECT_EQ(state.next_check, wall(60 + wait));
    EXPECT_EQ(state.refusals, 2) << "and uses up no try";
  }
}

// A password that was refused counts before it is shown again, whatever becomes of us.
TEST_F(CheckSchedule, ATryThatWasCountedBeforeItWasSentIsNotCountedTwice) {
  const auto counted = [&](CredentialHealth state, AnswerKind kind, std::int64_t now) {
    Answer given = answer(kind);
    given.is_counted_try = true;
    return check(with_counted_try(std::move(state)), given, now);
  };
  CredentialHealth state = check(settled(Status::ok), kRefused, 0);
  EXPECT_EQ(with_counted_try(state).refusals, 2);
  state = counted(state, kRefused, 60);
  EXPECT_EQ(state.refusals, 2);
  EXPECT_EQ(wait_of(state, 60), kDay);
  EXPECT_EQ(counted(state, kUnavailable, 100).refusals, 2) << "no try was used up";
  EXPECT_EQ(counted(state, kForbidden, 100).refusals, 2);
  EXPECT_EQ(counted(state, kOk, 100).refusals, 0);
  state = counted(state, kRefused, 60 + kDay);
  EXPECT_EQ(state.refusals, kPasswordTriesMax);
  EXPECT_EQ(state.next_check, std::nullopt);
  // A crash in between: the try stays counted.
  CredentialHealth crashed = with_counted_try(check(settled(Status::ok), kRefused, 0));
  crashed = check(crashed, kRefused, 60);
  EXPECT_EQ(crashed.next_check, std::nullopt) << "three in all";
}

TEST_F(CheckSchedule, AForbiddenLoginIsCheckedEveryInterval) {
  CredentialHealth state = check(check(settled(Status::ok), kForbidden, 0), kForbidden, 60);
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
      {seconds(10), seconds(60), days(1), seconds(60)},
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
    CredentialHealth state = settled(Status::ok);
    for (int i = 0; i < 2'000; ++i) {
      policy_.breaker_open = random_.below(4) == 0;
      Answer given = answer(static_cast<AnswerKind>(random_.below(4)));
      if (random_.below(3) == 0) given.retry_after = seconds(random_.below(20'000));
      const std::int64_t now = i * 20;
      state = check(state, given, now);
      if (!state.next_check) continue;
      EXPECT_GE(*state.next_check, wall(now));
      const LongestWait wait = longest_wait(policy_);
      const milliseconds other = state.outages == 0 ? wait.other : std::max<milliseconds>(wait.other, kRetryAfterMax);
      EXPECT_LE(*state.next_check, wall(now) + (state.status == Status::unauthenticated ? wait.refused : other));
    }
  }
}

// docs/api.md, "Checks": what is waited for, row by row.
TEST_F(CheckSchedule, TheTableOfTheNextTrySaysWhatIsWritten) {
  struct Row {
    Situation situation;
    Wait wait;
  };
  const Row rows[] = {
      {Situation::ok, Wait::interval},
      {Situation::ok_unconfirmed, Wait::soon},
      {Situation::first_of_two, Wait::confirm_after},
      {Situation::first_of_two_held_back, Wait::interval},
      {Situation::password_refused, Wait::day_then_never},
      {Situation::token_refused, Wait::token_steps},
      {Situation::token_refused_uncertain, Wait::daily},
      {Situation::forbidden, Wait::interval},
      {Situation::unavailable, Wait::backoff},
      {Situation::unusable_key, Wait::never},
      {Situation::application_refused, Wait::hourly},
  };
  static_assert(std::size(rows) == kSituations);
  for (std::size_t i = 0; i < kSituations; ++i) {
    EXPECT_EQ(kNextTryTable[i].situation, rows[i].situation) << i;
    EXPECT_EQ(kNextTryTable[i].wait, rows[i].wait) << kNextTryTable[i].text;
    EXPECT_FALSE(kNextTryTable[i].text.empty()) << i;
  }
}

TEST_F(CheckSchedule, ARefusalWhileTheBreakerIsOpenWaitsItsInterval) {
  policy_.breaker_open = true;
  for (const AnswerKind kind : {kRefused, kForbidden}) {
    const CredentialHealth state = check(settled(Status::ok), kind, 0);
    EXPECT_GT(wait_of(state, 0), 5 * kHour);
    EXPECT_LE(wait_of(state, 0), 6 * kHour);
  }
}

TEST_F(CheckSchedule, AnUnconfirmedOkIsAskedAgainWithinAMinute) {
  Answer given = answer(kOk);
  given.is_unconfirmed = true;
  EXPECT_LE(wait_of(check(settled(Status::ok), given, 0), 0), kMinute);
  EXPECT_GE(wait_of(check(settled(Status::ok), given, 0), 0), kMinute * 9 / 10 - 1);
  policy_.interval = seconds(5);
  EXPECT_LE(wait_of(check(settled(Status::ok), given, 0), 0), 5);
}

TEST_F(CheckSchedule, HalfACheckIsMadeAgainWithinHalfAMinute) {
  CredentialHealth state = after_half_a_check(settled(Status::ok), Reason::rate_limited, policy_.interval, wall(0), random_);
  EXPECT_EQ(state.reason, Reason::rate_limited);
  EXPECT_LE(wait_of(state, 0), 30);
  EXPECT_GE(wait_of(state, 0), 26);
  state = after_half_a_check(settled(Status::ok), {}, milliseconds(2'000), wall(0), random_);
  EXPECT_EQ(state.reason, std::nullopt) << "the store failed: that says nothing of the provider";
  EXPECT_LE(wait_of(state, 0), 2);
  CredentialHealth refused = settled(Status::unauthenticated);
  refused.next_check = wall(500);
  EXPECT_EQ(after_half_a_check(refused, {}, policy_.interval, wall(0), random_).next_check, wall(500));
}

}  // namespace

}  // namespace granary
