// What opening, closing and configuring do to one credential's health: pure rules, each against what it must leave alone.
#include "domain/breaker_rules.hpp"

#include "domain/credential_health_fixture.hpp"

namespace granary {

namespace {

class BreakerRules : public CredentialHealthTest {
 protected:
  // Turned bad by a check at `when`.
  CredentialHealth turned(AnswerKind kind, std::int64_t when, Status from = Status::ok) {
    CredentialHealth health = check(check(settled(from), kind, when - 60), kind, when);
    EXPECT_TRUE(health.is_bad());
    return health;
  }
  CredentialHealth pending(Status status, const Instant& since, Pending kind = Pending::refused) {
    CredentialHealth health = settled(status);
    health.pending = kind;
    health.pending_since = since;
    health.next_check = wall(90'000);
    return health;
  }
  std::optional<CredentialHealth> apply(const HealthRule& rule, const CredentialHealth& health) { return rule(health, random_); }
  // How many of these, and whether they are spread over `seconds` from `begin` on.
  void expect_spread(const HealthRule& rule, const CredentialHealth& health, std::int64_t begin, std::int64_t length) {
    int early = 0;
    constexpr int kMany = 400;
    for (int i = 0; i < kMany; ++i) {
      const auto after = apply(rule, health);
      ASSERT_TRUE(after);
      ASSERT_TRUE(after->next_check);
      EXPECT_GE(*after->next_check, wall(begin));
      EXPECT_LE(*after->next_check, wall(begin + length));
      early += *after->next_check < wall(begin) + microseconds(seconds(length)) / 2;
    }
    EXPECT_GT(early, kMany / 4) << "spread, not a herd";
    EXPECT_LT(early, kMany * 3 / 4);
  }
};

TEST_F(BreakerRules, OpeningTakesBackWhatChecksTurnedWithinTheWindow) {
  struct Row {
    const char* what;
    CredentialHealth health;
    bool is_taken, was_ok;
  };
  CredentialHealth by_connect = connect(settled(Status::ok), kRefused, 500);
  CredentialHealth by_breaker = turned(kRefused, 500);
  by_breaker.status_cause = Cause::breaker;
  CredentialHealth without_cause = turned(kRefused, 500);
  without_cause.status_cause.reset();
  const Row rows[] = {
      {"refused", turned(kRefused, 100), true, true},
      {"forbidden", turned(kForbidden, 500), true, true},
      {"refused, never known to work", turned(kRefused, 500, Status::temporarily_unavailable), true, false},
      {"refused, after forbidden", turned(kRefused, 500, Status::missing_permission), true, false},
      {"before the window", turned(kRefused, 99), false, false},
      {"by PUT", by_connect, false, false},
      {"by POST, long before", settled(Status::unauthenticated), false, false},
      {"by something else", by_breaker, false, false},
      {"by nobody knows what", without_cause, false, false},
      {"OK", settled(Status::ok), false, false},
      {"refused once", check(settled(Status::ok), kRefused, 500), false, false},
      {"TEMPORARILY_UNAVAILABLE", settled(Status::temporarily_unavailable), false, false},
  };
  for (const Row& row : rows) {
    const auto after = apply(take_back(wall(100), wall(600)), row.health);
    ASSERT_EQ(after.has_value(), row.is_taken) << row.what;
    if (!after) continue;
    EXPECT_EQ(after->status, Status::temporarily_unavailable) << row.what;
    EXPECT_EQ(after->reason, Reason::provider_refuses_many) << row.what;
    EXPECT_EQ(after->since, wall(600)) << row.what;
    EXPECT_EQ(after->status_cause, Cause::breaker) << row.what;
    EXPECT_EQ(after->was_last_ok, row.was_ok) << row.what << ": what a breaker took back does not count against it";
    EXPECT_EQ(after->is_suspected, row.was_ok) << row.what;
    EXPECT_EQ(after->refusals, 0) << row.what << ": its tries are given back";
    EXPECT_EQ(after->next_check, wall(600)) << row.what;
    EXPECT_FALSE(apply(take_back(wall(100), wall(601)), *after)) << row.what << ": once";
  }
}

TEST_F(BreakerRules, WhatIsRefusedForLongEnoughBecomesUnavailable) {
  // First refused by second 100, counted by both clocks.
  struct Row {
    const char* what;
    CredentialHealth health;
    bool is_suspected;
  };
  const Row rows[] = {
      {"refused", pending(Status::ok, at(100)), true},
      {"forbidden", pending(Status::ok, at(0), Pending::forbidden), true},
      {"before a boot", pending(Status::ok, at(100, 9'999, kBoot + 1)), true},
      {"too young", pending(Status::ok, at(101)), false},
      {"too young by elapsed time", pending(Status::ok, at(100, 101)), false},
      {"too young by wall time", pending(Status::ok, at(101, 100)), false},
      {"UNAUTHENTICATED", pending(Status::unauthenticated, at(0)), false},
      {"MISSING_PERMISSION", pending(Status::missing_permission, at(0)), false},
      {"TEMPORARILY_UNAVAILABLE", pending(Status::temporarily_unavailable, at(0)), false},
      {"nothing pending", settled(Status::ok), false},
  };
  const HealthRule rule = suspect_refused(at(100), wall(1'000));
  for (const Row& row : rows) {
    const auto after = apply(rule, row.health);
    ASSERT_EQ(after.has_value(), row.is_suspected) << row.what;
    if (!after) continue;
    EXPECT_TRUE(after->is_suspected) << row.what;
    EXPECT_TRUE(after->was_last_ok) << row.what;
    EXPECT_EQ(after->status, Status::temporarily_unavailable) << row.what;
    EXPECT_EQ(after->reason, Reason::provider_refuses_many) << row.what;
    EXPECT_EQ(after->since, wall(1'000)) << row.what;
    EXPECT_EQ(after->next_check, row.health.next_check) << row.what << ": without a further check";
    EXPECT_EQ(after->pending, row.health.pending) << row.what;
    EXPECT_FALSE(apply(rule, *after)) << row.what << ": once";
  }
}

TEST_F(BreakerRules, AfterClosingAllAreDueWithinTheSpreadAndStartAnew) {
  const milliseconds spread = std::chrono::minutes(10);
  const HealthRule rule = spread_again(wall(1'000), wall(1'060), spread);
  expect_spread(rule, pending(Status::ok, at(0)), 1'000, 600);
  CredentialHealth used_up = settled(Status::unauthenticated), refused = used_up, due_once_more = used_up;
  used_up.next_check.reset();
  refused.next_check = wall(80'000);
  due_once_more.next_check = wall(999);
  CredentialHealth not_scheduled = settled(Status::ok);
  not_scheduled.next_check.reset();
  CredentialHealth since = pending(Status::ok, at(1'001)), ahead = since, before = since;
  since.last_checked = wall(1'001);
  ahead.last_checked = wall(4'000);  // before the clock was set back
  before.last_checked = wall(1'000);
  struct Row {
    const char* what;
    CredentialHealth health;
    bool is_due, is_suspected;
  };
  const Row rows[] = {
      {"refused once", pending(Status::ok, at(0)), true, true},
      {"forbidden once", pending(Status::ok, at(0), Pending::forbidden), true, true},
      {"OK", settled(Status::ok), true, false},
      {"refused once, never known to work", pending(Status::temporarily_unavailable, at(0)), true, false},
      {"UNAUTHENTICATED and due", due_once_more, true, false},
      {"UNAUTHENTICATED and forbidden once", pending(Status::unauthenticated, at(0), Pending::forbidden), true, false},
      {"MISSING_PERMISSION", settled(Status::missing_permission), true, false},
      {"checked when it closed", before, true, true},
      {"checked ahead of now", ahead, true, true},
      {"a password without tries left", used_up, false, false},
      {"a refused login that has its place", refused, false, false},
      {"not scheduled", not_scheduled, false, false},
      {"checked since", since, false, false},
  };
  for (const Row& row : rows) {
    const auto after = apply(rule, row.health);
    ASSERT_EQ(after.has_value(), row.is_due) << row.what;
    if (!after) continue;
    EXPECT_GE(after->next_check, wall(1'000)) << row.what;
    EXPECT_LE(after->next_check, wall(1'600)) << row.what;
    EXPECT_EQ(after->is_suspected, row.is_suspected) << row.what << ": the breaker has counted it";
    EXPECT_EQ(after->pending, Pending::none) << row.what;
    EXPECT_FALSE(after->pending_since) << row.what;
    EXPECT_EQ(after->status, row.health.status) << row.what;
    EXPECT_EQ(after->since, row.health.since) << row.what;
    const auto again = apply(rule, *after);
    if (again) EXPECT_LE(again->next_check, wall(1'600)) << row.what << ": no later than before";
  }
}

TEST_F(BreakerRules, WithoutAddressNothingSaysOk) {
  const auto after = apply(mark_not_configured(wall(100)), settled(Status::ok));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->status, Status::temporarily_unavailable);
  EXPECT_EQ(after->reason, Reason::not_configured);
  EXPECT_EQ(after->since, wall(100));
  EXPECT_EQ(after->next_check, std::nullopt);
  EXPECT_EQ(after->status_cause, Cause::configuration);
  EXPECT_TRUE(after->was_last_ok);
  EXPECT_FALSE(apply(mark_not_configured(wall(200)), *after)) << "again at the next start: nothing moves";
  for (const Status status : {Status::unauthenticated, Status::missing_permission, Status::temporarily_unavailable})
    EXPECT_FALSE(apply(mark_not_configured(wall(100)), settled(status))) << name_of(status) << ": that is known all the same";

  expect_spread(resume_configured(wall(300), seconds(60)), *after, 300, 60);
  EXPECT_EQ(apply(resume_configured(wall(300), seconds(60)), *after)->status, Status::temporarily_unavailable);
}

TEST_F(BreakerRules, WhatWasPostedWithChecksOffWaitsForTheAddressWithTheOthers) {
  CredentialHealth posted = settled(Status::temporarily_unavailable);
  posted.reason = Reason::checks_off;
  posted.next_check = wall(10);
  const auto after = apply(mark_not_configured(wall(100)), posted);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->reason, Reason::not_configured);
  EXPECT_EQ(after->since, posted.since) << "its status is the same";
  EXPECT_EQ(after->next_check, std::nullopt);
  expect_spread(resume_configured(wall(300), seconds(60)), *after, 300, 60);
}

TEST_F(BreakerRules, ResumingWakesOnlyWhatWaitedForTheAddress) {
  const HealthRule rule = resume_configured(wall(300), seconds(60));
  const auto waiting = [&](Status status, std::optional<Reason> reason, std::optional<WallTime> next) {
    CredentialHealth health = settled(status);
    health.reason = reason;
    health.next_check = next;
    return apply(rule, health).has_value();
  };
  EXPECT_TRUE(waiting(Status::temporarily_unavailable, Reason::not_configured, {}));
  EXPECT_TRUE(waiting(Status::missing_permission, Reason::not_configured, {}));
  EXPECT_FALSE(waiting(Status::temporarily_unavailable, Reason::not_configured, wall(10))) << "it is scheduled";
  EXPECT_FALSE(waiting(Status::unauthenticated, Reason::not_configured, {})) << "its tries are used up";
  EXPECT_FALSE(waiting(Status::unauthenticated, Reason::refused, {}));
  EXPECT_FALSE(waiting(Status::temporarily_unavailable, Reason::unusable_key, {})) << "nothing can be sent";
  EXPECT_FALSE(waiting(Status::ok, std::nullopt, wall(10)));
}

TEST_F(BreakerRules, AtANewOriginAllAreAskedButPasswordsThatAreUsedUp) {
  const HealthRule rule = check_at_new_origin(wall(10), seconds(60));
  for (const Status status : kAllStatuses) {
    CredentialHealth health = settled(status);
    health.next_check = wall(90'000);
    expect_spread(rule, health, 10, 60);
  }
  CredentialHealth used_up = settled(Status::unauthenticated);
  used_up.next_check.reset();
  EXPECT_FALSE(apply(rule, used_up));
}

}  // namespace

}  // namespace granary
