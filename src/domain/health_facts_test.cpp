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

}  // namespace

}  // namespace granary
