// When a lane is out and when it is back, and what that brings forward.
#include "domain/outage.hpp"

#include "domain/credential_health_fixture.hpp"

namespace granary {

namespace {

class Outage : public CredentialHealthTest {
 protected:
  static CredentialId id(int number) {
    CredentialId made;
    made.bytes[0] = static_cast<std::uint8_t>(number);
    return made;
  }
  static SteadyTime steady(std::int64_t seconds_on) { return SteadyTime(seconds(seconds_on)); }
  void hear(int number, AnswerKind kind, Reason reason = Reason::timeout, std::int64_t now = 0,
            std::optional<seconds> retry_after = {}) {
    lane_.hear(id(number), {.kind = kind, .reason = reason, .retry_after = retry_after}, steady(now));
  }
  LaneOutage lane_;
};

TEST_F(Outage, TheFirstSuccessAfterDifferentOnesInARowEndsItOnce) {
  for (const int number : {1, 2, 3, 4}) hear(number, kUnavailable);
  EXPECT_FALSE(lane_.has_ended());
  hear(5, kOk);
  EXPECT_EQ(lane_.take_ended(), 3U);
  hear(6, kOk);
  EXPECT_EQ(lane_.take_ended(), 0U) << "once for each outage";
  for (int i = 0; i < 5; ++i) hear(1, kUnavailable);
  hear(1, kOk);
  EXPECT_EQ(lane_.take_ended(), 1U) << "one alone, however often";
}

TEST_F(Outage, OnlyWhatMayBeAnOutageCounts) {
  const Reason not_counted[] = {Reason::rate_limited, Reason::application_refused, Reason::egress_refused, Reason::unusable_key};
  for (const Reason reason : not_counted)
    for (const int number : {1, 2, 3}) hear(number, kUnavailable, reason);
  for (const int number : {1, 2, 3}) hear(number, kRefused, Reason::refused);
  for (const int number : {1, 2, 3}) hear(number, kForbidden, Reason::permission_denied);
  hear(4, kOk);
  EXPECT_FALSE(lane_.has_ended());
}

TEST_F(Outage, ThreeInAMinuteHoldTheLaneUntilTheLatestRetryAfter) {
  hear(1, kUnavailable, Reason::rate_limited, 0, seconds(300));
  hear(2, kUnavailable, Reason::rate_limited, 10);
  EXPECT_FALSE(lane_.is_held(steady(10)));
  hear(3, kUnavailable, Reason::rate_limited, 59);
  EXPECT_TRUE(lane_.is_held(steady(299)));
  EXPECT_FALSE(lane_.is_held(steady(300)));
  hear(1, kUnavailable, Reason::rate_limited, 400);
  hear(2, kUnavailable, Reason::rate_limited, 470);
  hear(3, kUnavailable, Reason::rate_limited, 480);
  EXPECT_FALSE(lane_.is_held(steady(480))) << "two of them within a minute";
  hear(4, kUnavailable, Reason::rate_limited, 490);
  EXPECT_TRUE(lane_.is_held(steady(549))) << "sixty seconds, where nobody says how long";
  EXPECT_FALSE(lane_.is_held(steady(550)));
}

TEST_F(Outage, WhatWaitsIsBroughtForwardAndNeverPutOff) {
  const microseconds spread = std::chrono::minutes(10);
  CredentialHealth waits = settled(Status::temporarily_unavailable);
  waits.reason = Reason::provider_error;
  waits.next_check = wall(6 * kHour);
  EXPECT_EQ(after_outage(waits, wall(0), spread, 0.5)->next_check, wall(5 * kMinute));
  EXPECT_EQ(after_outage(waits, wall(0), spread, 0)->next_check, wall(0));
  waits.next_check = wall(kMinute);
  EXPECT_FALSE(after_outage(waits, wall(0), spread, 0.5)) << "it comes sooner anyhow";
  waits.next_check = wall(6 * kHour);
  waits.retry_at = wall(1);
  EXPECT_FALSE(after_outage(waits, wall(0), spread, 0.5)) << "a Retry-After holds it";
  EXPECT_TRUE(after_outage(waits, wall(1), spread, 0.5));
  waits.retry_at.reset();
  for (const Reason other : {Reason::refused, Reason::rate_limited, Reason::not_configured, Reason::refused_once}) {
    waits.reason = other;
    EXPECT_FALSE(after_outage(waits, wall(0), spread, 0.5)) << name_of(other);
  }
  waits.reason.reset();
  EXPECT_FALSE(after_outage(waits, wall(0), spread, 0.5)) << "all is well";
  waits.reason = Reason::timeout;
  waits.next_check.reset();
  EXPECT_FALSE(after_outage(waits, wall(0), spread, 0.5)) << "the clock does not ask";
}

}  // namespace

}  // namespace granary
