// What the tests of a credential's health share: a credential's life as a series of answers at given seconds.
#pragma once

#include <gtest/gtest.h>

#include "base/seeded_random.hpp"
#include "domain/credential_health.hpp"

namespace granary {

inline constexpr AnswerKind kOk = AnswerKind::ok;
inline constexpr AnswerKind kRefused = AnswerKind::refused;
inline constexpr AnswerKind kForbidden = AnswerKind::forbidden;
inline constexpr AnswerKind kUnavailable = AnswerKind::unavailable;

class CredentialHealthTest : public testing::Test {
 protected:
  static constexpr std::int64_t kBoot = 7;
  static constexpr int kMinute = 60, kHour = 3'600, kDay = 86'400;

  // Both clocks at once, in seconds from the beginning.
  static Instant at(std::int64_t wall) { return at(wall, wall); }
  static Instant at(std::int64_t wall, std::int64_t steady, std::int64_t boot = kBoot) {
    return {.wall = start() + seconds(wall), .steady = SteadyTime(seconds(1'000'000 + steady)), .boot = boot};
  }
  static WallTime start() { return WallTime(std::chrono::days(20'000)); }
  static WallTime wall(std::int64_t offset) { return start() + seconds(offset); }

  static Answer answer(AnswerKind kind) {
    switch (kind) {
      case kOk: return {.kind = kind};
      case kRefused: return {.kind = kind, .reason = Reason::refused};
      case kForbidden: return {.kind = kind, .reason = Reason::permission_denied};
      case kUnavailable: break;
    }
    return {.kind = kUnavailable, .reason = Reason::provider_error};
  }

  // A credential that has had its status for a while, by an answer that was believed at once.
  CredentialHealth settled(Status status) {
    CredentialHealth state;
    state.since = wall(-10 * kDay);
    const AnswerKind kind = status == Status::ok                   ? kOk
                            : status == Status::unauthenticated    ? kRefused
                            : status == Status::missing_permission ? kForbidden
                                                                   : kUnavailable;
    state = connect(state, kind, -10 * kDay);
    EXPECT_EQ(state.status, status);
    return state;
  }

  // What POST and PUT do.
  CredentialHealth connect(CredentialHealth state, const Answer& given, std::int64_t now) {
    CheckPolicy policy = policy_;
    policy.cause = Cause::created;
    return after_connect(std::move(state), given, policy, at(now), random_);
  }
  CredentialHealth connect(CredentialHealth state, AnswerKind kind, std::int64_t now) {
    return connect(std::move(state), answer(kind), now);
  }
  CredentialHealth check(CredentialHealth state, AnswerKind kind, const Instant& now) {
    return after_check(std::move(state), answer(kind), policy_, now, random_);
  }
  CredentialHealth check(CredentialHealth state, AnswerKind kind, std::int64_t now) {
    return check(std::move(state), kind, at(now));
  }
  CredentialHealth check(CredentialHealth state, const Answer& given, std::int64_t now) {
    return after_check(std::move(state), given, policy_, at(now), random_);
  }

  // Seconds until the next check; -1 when the clock will not try again.
  static std::int64_t wait_of(const CredentialHealth& state, std::int64_t now) {
    return state.next_check ? std::chrono::floor<seconds>(*state.next_check - wall(now)).count() : -1;
  }

  CheckPolicy policy_;
  SeededRandom random_;
};

}  // namespace granary
