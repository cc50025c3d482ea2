// What is known of a credential beside its status: its last success, how many answers were not ok since, and what becomes of it
// where nothing could be sent.
#include "domain/credential_health_fixture.hpp"

namespace granary {

namespace {

constexpr Status kStatusOk = Status::ok;
constexpr Status kUnauthenticated = Status::unauthenticated;
constexpr Status kMissing = Status::missing_permission;
constexpr Status kTemporarily = Status::temporarily_unavailable;

class HealthFacts : public CredentialHealthTest {};

TEST_F(HealthFacts, TheLastSuccessAndWhatItProvedAreKnown) {
  for (const Proof proof : {Proof::probe, Proof::login, Proof::refresh}) {
    Answer good = answer(kOk);
    good.proof = proof;
    CredentialHealth state = check(settled(Status::temporarily_unavailable), good, 100);
    EXPECT_EQ(state.last_success, wall(100));
    EXPECT_EQ(state.proved_by, proof);
    for (const AnswerKind kind : {kRefused, kForbidden, kUnavailable}) {
      state = check(state, kind, 200);
      EXPECT_EQ(state.last_success, wall(100));
      EXPECT_EQ(state.proved_by, proof);
      EXPECT_EQ(state.last_checked, wall(200));
    }
  }
  const CredentialHealth never = settled(Status::unauthenticated);
  EXPECT_EQ(never.last_success, std::nullopt);
  EXPECT_EQ(never.proved_by, std::nullopt);
}

TEST_F(HealthFacts, AnswersThatWereNotOkAreCountedUntilOneIs) {
  CredentialHealth state = settled(Status::ok);
  EXPECT_EQ(state.failures_in_row, 0);
  int failures = 0;
  for (const AnswerKind kind : {kUnavailable, kRefused, kForbidden, kUnavailable, kRefused}) {
    state = check(state, kind, 10 * failures);
    EXPECT_EQ(state.failures_in_row, ++failures);
  }
  EXPECT_EQ(connect(state, kRefused, 100).failures_in_row, failures + 1) << "a POST or PUT that was applied counts";
  EXPECT_EQ(check(state, kOk, 100).failures_in_row, 0);
  EXPECT_EQ(connect(state, kOk, 100).failures_in_row, 0);
  // What was not sent is no answer.
  EXPECT_EQ(after_no_place(state, wall(100)).failures_in_row, failures);
  EXPECT_EQ(after_obstacle(state, Reason::not_configured, {}, wall(100)).failures_in_row, failures);
  EXPECT_EQ(after_half_a_check(state, Reason::rate_limited, policy_.interval, wall(100), random_).failures_in_row, failures);
}

TEST_F(HealthFacts, AKeyOfNoUsableLengthIsNeverAsked) {
  const Answer unusable{.kind = kUnavailable, .reason = Reason::unusable_key};
  const CredentialHealth posted = connect(CredentialHealth{}, unusable, 0);
  EXPECT_EQ(posted.status, kTemporarily);
  EXPECT_EQ(posted.reason, Reason::unusable_key);
  EXPECT_EQ(posted.next_check, std::nullopt) << "it is not scheduled";
  EXPECT_EQ(posted.last_checked, std::nullopt) << "it was never asked";
  EXPECT_EQ(posted.failures_in_row, 0);
  EXPECT_EQ(posted.answer_cause, Cause::created);

  for (const Status before : kAllStatuses) {
    const CredentialHealth known = settled(before), after = check(known, unusable, 0);
    EXPECT_EQ(after.status, known.is_bad() ? before : kTemporarily)
        << name_of(before) << ": nothing was sent, waiting proves nothing";
    EXPECT_EQ(after.last_checked, known.last_checked) << name_of(before);
    EXPECT_EQ(after.failures_in_row, known.failures_in_row) << name_of(before);
    EXPECT_EQ(after.next_check, std::nullopt) << name_of(before);
  }
}

// What is asked after a refresh was not answered: the token works, the rest is asked soon.
TEST_F(HealthFacts, AnUnconfirmedOkIsOkWithAReason) {
  Answer given = answer(kOk);
  given.is_unconfirmed = true;
  given.reason = Reason::timeout;
  for (const CredentialHealth& state :
       {check(settled(Status::unauthenticated), given, 0), connect(CredentialHealth{}, given, 0)}) {
    EXPECT_EQ(state.status, kStatusOk);
    EXPECT_EQ(state.reason, Reason::timeout);
    EXPECT_LE(wait_of(state, 0), kMinute);
    EXPECT_EQ(state.last_success, wall(0));
  }
}

TEST_F(HealthFacts, WhatIsWrongOnOurSideIsSaidAtOnce) {
  struct Row {
    Status before, after;
  };
  const Row rows[] = {
      {kStatusOk, kTemporarily}, {kTemporarily, kTemporarily}, {kMissing, kMissing}, {kUnauthenticated, kUnauthenticated}};
  for (const Row& row : rows) {
    const CredentialHealth known = settled(row.before);
    const CredentialHealth after = after_obstacle(known, Reason::origin_changed, wall(500), wall(0));
    EXPECT_EQ(after.status, row.after) << name_of(row.before) << ": what the provider said stays";
    EXPECT_EQ(after.reason, Reason::origin_changed);
    EXPECT_EQ(after.last_checked, known.last_checked) << "nothing was sent";
    EXPECT_EQ(after.was_last_ok, known.was_last_ok);
    if (row.before == kStatusOk) EXPECT_EQ(after.status_cause, Cause::configuration);
  }
}

TEST_F(HealthFacts, NoPlaceIsDueAtOnceAndSaysNothing) {
  const CredentialHealth known = settled(Status::ok), after = after_no_place(known, wall(7));
  EXPECT_EQ(after.reason, Reason::rate_limited);
  EXPECT_EQ(after.next_check, wall(7));
  EXPECT_EQ(after.status, known.status);
  EXPECT_EQ(after.since, known.since);
  EXPECT_EQ(after.last_checked, known.last_checked);
  CredentialHealth refused = settled(Status::unauthenticated);
  refused.next_check = wall(500);
  EXPECT_EQ(after_no_place(refused, wall(7)).next_check, wall(500)) << "a refused login keeps its place";
}

TEST_F(HealthFacts, APostThatCannotBeShownToItsProviderIsKnownNothingOf) {
  CredentialHealth refused = check(settled(Status::unauthenticated), kForbidden, 0);
  const CredentialHealth after = after_unasked_connect(refused, Reason::not_configured, Cause::replaced, wall(100));
  EXPECT_EQ(after.status, kTemporarily);
  EXPECT_EQ(after.since, wall(100));
  EXPECT_EQ(after.reason, Reason::not_configured);
  EXPECT_EQ(after.next_check, std::nullopt);
  EXPECT_EQ(after.pending, Pending::none);
  EXPECT_EQ(after.refusals, 0);
  EXPECT_EQ(after.status_cause, Cause::replaced);
  EXPECT_EQ(after.answer_cause, Cause::replaced);
}

// What a fuse holds is unavailable once `outage_after` (15 min) has passed since it was due and its access token has ended.
TEST_F(HealthFacts, WhatAFuseHoldsIsUnavailableOnceNothingOfItWorks) {
  struct Row {
    const char* why;
    Status status;
    std::optional<std::int64_t> access_ends;
    bool is_access_refused;
    std::int64_t held_for;
    Status becomes;
  };
  const Row rows[] = {
      {"both have passed", kStatusOk, 60, false, 15 * kMinute, kTemporarily},
      {"when it ends is not known", kStatusOk, {}, false, 15 * kMinute, kTemporarily},
      {"its provider refuses it", kStatusOk, kDay, true, 15 * kMinute, kTemporarily},
      {"it works still", kStatusOk, kDay, false, 15 * kMinute, kStatusOk},
      {"not for long enough", kStatusOk, 60, false, 15 * kMinute - 1, kStatusOk},
      {"just held", kStatusOk, -60, true, 0, kStatusOk},
      {"refused it stays", kUnauthenticated, -60, true, kDay, kUnauthenticated},
      {"forbidden it stays", kMissing, -60, true, kDay, kMissing},
  };
  const HeldBack refused{.reason = Reason::unexpected_answer, .is_access_refused = true};
  for (const Row& row : rows) {
    CredentialHealth known = settled(row.status);
    if (row.access_ends) known.access_ends = wall(*row.access_ends);
    const HeldBack held{.reason = Reason::unexpected_answer, .is_access_refused = row.is_access_refused};
    const CredentialHealth first = after_held(known, held, policy_, at(0), random_);
    EXPECT_EQ(first.status, row.status) << row.why;
    EXPECT_EQ(first.held_since, at(0)) << row.why;
    const CredentialHealth after = after_held(first, held, policy_, at(row.held_for), random_);
    EXPECT_EQ(after.status, row.becomes) << row.why;
    EXPECT_EQ(after.held_since, at(0)) << row.why;
    EXPECT_EQ(after.last_checked, known.last_checked) << row.why << ": nothing was sent";
    EXPECT_EQ(after.failures_in_row, known.failures_in_row) << row.why;
    if (row.becomes == row.status) {
      EXPECT_EQ(after.reason, known.reason) << row.why;
    } else {
      EXPECT_EQ(after.reason, Reason::unexpected_answer) << row.why;
      EXPECT_EQ(after.status_cause, Cause::breaker) << row.why;
      EXPECT_TRUE(after.was_last_ok) << row.why;
    }
  }
  EXPECT_EQ(check(after_held(settled(kStatusOk), refused, policy_, at(0), random_), kUnavailable, 5).held_since, std::nullopt)
      << "an answer ends it";
  const CredentialHealth jumped =
      after_held(after_held(settled(kStatusOk), refused, policy_, at(0), random_), refused, policy_, at(kDay, 60), random_);
  EXPECT_EQ(jumped.status, kStatusOk) << "a clock that jumps proves nothing";
}

TEST_F(HealthFacts, WhatAFuseHoldsIsLookedAtWithinTenMinutes) {
  for (int i = 0; i < 200; ++i) {
    CredentialHealth known = settled(kStatusOk);
    known.access_ends = wall(kDay);
    const std::int64_t wait = wait_of(after_held(known, {}, policy_, at(0), random_), 0);
    EXPECT_GE(wait, 0);
    EXPECT_LE(wait, 600);
    known.access_ends = wall(60);
    known.held_since = at(-15 * kMinute + 5);
    EXPECT_LE(wait_of(after_held(known, {}, policy_, at(0), random_), 0), 60) << "and when it becomes unavailable";
  }
}

TEST_F(HealthFacts, WhenTheAccessTokenEndsIsKnown) {
  Answer refreshed{.kind = kOk, .token_lifetime = seconds(600), .proof = Proof::refresh};
  CredentialHealth state = check(settled(kStatusOk), refreshed, 0);
  EXPECT_EQ(state.access_ends, wall(600));
  EXPECT_EQ(check(state, Answer{.kind = kOk, .proof = Proof::probe}, 10).access_ends, wall(600)) << "a probe changes nothing";
  EXPECT_EQ(check(state, kUnavailable, 10).access_ends, wall(600));
  Answer unanswered{.kind = kUnavailable, .reason = Reason::timeout, .token_lifetime = seconds(60)};
  EXPECT_EQ(check(state, unanswered, 10).access_ends, wall(70)) << "what came after the refresh was not answered";
  refreshed.token_lifetime.reset();
  EXPECT_EQ(check(state, refreshed, 10).access_ends, std::nullopt) << "the new one's end is not known";
  EXPECT_EQ(connect(state, kUnavailable, 10).access_ends, std::nullopt) << "another login's";
}

}  // namespace

}  // namespace granary
