// Which status follows from which answer: the table of status in docs/reliability.md, the two answers that a
// change needs, the outage rule, and what a clock that jumps must not decide.
#include "domain/credential_health.hpp"

#include "domain/breaker.hpp"
#include "domain/credential_health_fixture.hpp"

namespace granary {

namespace {

constexpr Status kStatusOk = Status::ok;
constexpr Status kUnauthenticated = Status::unauthenticated;
constexpr Status kMissing = Status::missing_permission;
constexpr Status kTemporarily = Status::temporarily_unavailable;

struct Step {
  AnswerKind kind;
  std::int64_t at;  // seconds
};

struct Life {
  const char* what;
  Status from;
  std::vector<Step> steps;
  Status to;
  std::optional<Reason> reason;
};

class StatusTable : public CredentialHealthTest {
 protected:
  void expect(const Life& life) {
    CredentialHealth state = settled(life.from);
    const WallTime since = state.since;
    for (const Step& step : life.steps) state = check(state, step.kind, step.at);
    EXPECT_EQ(name_of(state.status), name_of(life.to)) << life.what;
    EXPECT_EQ(state.reason, life.reason) << life.what;
    EXPECT_EQ(state.last_checked, wall(life.steps.back().at)) << life.what;
    // `since` moves only when `status` does.
    if (life.from == life.to && life.steps.size() == 1) EXPECT_EQ(state.since, since) << life.what;
    if (life.from != life.to) EXPECT_GE(state.since, wall(0)) << life.what;
  }
};

TEST_F(StatusTable, OneAnswerChangesOnlyWhatItMay) {
  const Life lives[] = {
      {"OK, ok", kStatusOk, {{kOk, 0}}, kStatusOk, {}},
      {"OK, refused", kStatusOk, {{kRefused, 0}}, kStatusOk, Reason::refused_once},
      {"OK, forbidden", kStatusOk, {{kForbidden, 0}}, kStatusOk, Reason::refused_once},
      {"OK, unavailable", kStatusOk, {{kUnavailable, 0}}, kStatusOk, Reason::provider_error},
      {"TEMPORARILY_UNAVAILABLE, ok", kTemporarily, {{kOk, 0}}, kStatusOk, {}},
      {"TEMPORARILY_UNAVAILABLE, refused", kTemporarily, {{kRefused, 0}}, kTemporarily, Reason::refused_once},
      {"TEMPORARILY_UNAVAILABLE, forbidden", kTemporarily, {{kForbidden, 0}}, kTemporarily, Reason::refused_once},
      {"TEMPORARILY_UNAVAILABLE, unavailable", kTemporarily, {{kUnavailable, 0}}, kTemporarily, Reason::provider_error},
      {"MISSING_PERMISSION, ok", kMissing, {{kOk, 0}}, kStatusOk, {}},
      {"MISSING_PERMISSION, refused", kMissing, {{kRefused, 0}}, kMissing, Reason::refused_once},
      {"MISSING_PERMISSION, forbidden", kMissing, {{kForbidden, 0}}, kMissing, Reason::permission_denied},
      {"MISSING_PERMISSION, unavailable", kMissing, {{kUnavailable, 0}}, kMissing, Reason::provider_error},
      {"UNAUTHENTICATED, ok", kUnauthenticated, {{kOk, 0}}, kStatusOk, {}},
      {"UNAUTHENTICATED, refused", kUnauthenticated, {{kRefused, 0}}, kUnauthenticated, Reason::refused},
      {"UNAUTHENTICATED, forbidden", kUnauthenticated, {{kForbidden, 0}}, kUnauthenticated, Reason::refused_once},
      {"UNAUTHENTICATED, unavailable", kUnauthenticated, {{kUnavailable, 0}}, kUnauthenticated, Reason::provider_error},
  };
  for (const Life& life : lives) expect(life);
}

TEST_F(StatusTable, TwoOfOneKindConfirm) {
  const Life lives[] = {
      {"OK", kStatusOk, {{kRefused, 0}, {kRefused, 60}}, kUnauthenticated, Reason::refused},
      {"OK, forbidden", kStatusOk, {{kForbidden, 0}, {kForbidden, 60}}, kMissing, Reason::permission_denied},
      {"TEMPORARILY_UNAVAILABLE", kTemporarily, {{kRefused, 0}, {kRefused, 60}}, kUnauthenticated, Reason::refused},
      {"TEMPORARILY_UNAVAILABLE, forbidden",
       kTemporarily,
       {{kForbidden, 0}, {kForbidden, 60}},
       kMissing,
       Reason::permission_denied},
      {"MISSING_PERMISSION", kMissing, {{kRefused, 0}, {kRefused, 60}}, kUnauthenticated, Reason::refused},
      {"UNAUTHENTICATED", kUnauthenticated, {{kForbidden, 0}, {kForbidden, 60}}, kMissing, Reason::permission_denied},
      {"much later", kStatusOk, {{kRefused, 0}, {kRefused, 100'000}}, kUnauthenticated, Reason::refused},
      {"an early one in between", kStatusOk, {{kRefused, 0}, {kRefused, 30}, {kRefused, 60}}, kUnauthenticated, Reason::refused},
      {"an outage in between", kStatusOk, {{kRefused, 0}, {kUnavailable, 30}, {kRefused, 60}}, kUnauthenticated, Reason::refused},
      {"a long outage in between",
       kStatusOk,
       {{kRefused, 0}, {kUnavailable, 1}, {kUnavailable, 500}, {kUnavailable, 2'000}, {kRefused, 2'060}},
       kUnauthenticated,
       Reason::refused},
  };
  for (const Life& life : lives) expect(life);
}

TEST_F(StatusTable, NothingElseConfirms) {
  const Life lives[] = {
      {"at once", kStatusOk, {{kRefused, 0}, {kRefused, 0}}, kStatusOk, Reason::refused_once},
      {"a second early", kStatusOk, {{kRefused, 0}, {kRefused, 59}}, kStatusOk, Reason::refused_once},
      {"many, all early",
       kStatusOk,
       {{kRefused, 0}, {kRefused, 20}, {kRefused, 40}, {kRefused, 59}},
       kStatusOk,
       Reason::refused_once},
      {"forbidden a second early", kStatusOk, {{kForbidden, 0}, {kForbidden, 59}}, kStatusOk, Reason::refused_once},
      {"an outage is no second", kStatusOk, {{kRefused, 0}, {kUnavailable, 60}}, kStatusOk, Reason::provider_error},
      {"an ok clears", kStatusOk, {{kRefused, 0}, {kOk, 30}, {kRefused, 60}}, kStatusOk, Reason::refused_once},
      {"an ok clears forbidden", kStatusOk, {{kForbidden, 0}, {kOk, 30}, {kForbidden, 600}}, kStatusOk, Reason::refused_once},
      {"the other kind", kStatusOk, {{kRefused, 0}, {kForbidden, 60}}, kStatusOk, Reason::refused_once},
      {"the other kind, turned", kStatusOk, {{kForbidden, 0}, {kRefused, 60}}, kStatusOk, Reason::refused_once},
      {"the other kind starts anew",
       kStatusOk,
       {{kRefused, 0}, {kForbidden, 60}, {kRefused, 120}},
       kStatusOk,
       Reason::refused_once},
      {"and counts from there", kStatusOk, {{kRefused, 0}, {kForbidden, 60}, {kForbidden, 119}}, kStatusOk, Reason::refused_once},
      {"UNAUTHENTICATED, refused between two forbidden",
       kUnauthenticated,
       {{kForbidden, 0}, {kRefused, 60}, {kForbidden, 120}},
       kUnauthenticated,
       Reason::refused_once},
      {"MISSING_PERMISSION, forbidden between two refused",
       kMissing,
       {{kRefused, 0}, {kForbidden, 60}, {kRefused, 120}},
       kMissing,
       Reason::refused_once},
  };
  for (const Life& life : lives) expect(life);
}

TEST_F(StatusTable, OutageRule) {
  const Life lives[] = {
      {"three over 15 minutes",
       kStatusOk,
       {{kUnavailable, 0}, {kUnavailable, 1}, {kUnavailable, 900}},
       kTemporarily,
       Reason::provider_error},
      {"a refusal in between",
       kStatusOk,
       {{kUnavailable, 0}, {kRefused, 100}, {kUnavailable, 500}, {kUnavailable, 900}},
       kTemporarily,
       Reason::provider_error},
      {"a forbidden in between",
       kStatusOk,
       {{kUnavailable, 0}, {kForbidden, 100}, {kUnavailable, 500}, {kUnavailable, 900}},
       kTemporarily,
       Reason::provider_error},
      {"the fourth makes it",
       kStatusOk,
       {{kUnavailable, 0}, {kUnavailable, 1}, {kUnavailable, 2}, {kUnavailable, 900}},
       kTemporarily,
       Reason::provider_error},
      {"two over an hour", kStatusOk, {{kUnavailable, 0}, {kUnavailable, 3'600}}, kStatusOk, Reason::provider_error},
      {"three within a second less",
       kStatusOk,
       {{kUnavailable, 0}, {kUnavailable, 1}, {kUnavailable, 899}},
       kStatusOk,
       Reason::provider_error},
      {"many at once",
       kStatusOk,
       {{kUnavailable, 0}, {kUnavailable, 1}, {kUnavailable, 2}, {kUnavailable, 3}},
       kStatusOk,
       Reason::provider_error},
      {"an ok in between",
       kStatusOk,
       {{kUnavailable, 0}, {kUnavailable, 500}, {kOk, 600}, {kUnavailable, 900}},
       kStatusOk,
       Reason::provider_error},
      {"counted from after the ok",
       kStatusOk,
       {{kUnavailable, 0}, {kOk, 10}, {kUnavailable, 20}, {kUnavailable, 30}, {kUnavailable, 919}},
       kStatusOk,
       Reason::provider_error},
      {"two and a refusal", kStatusOk, {{kUnavailable, 0}, {kUnavailable, 1}, {kRefused, 900}}, kStatusOk, Reason::refused_once},
      {"UNAUTHENTICATED stays",
       kUnauthenticated,
       {{kUnavailable, 0}, {kUnavailable, 1}, {kUnavailable, 900}},
       kUnauthenticated,
       Reason::provider_error},
      {"MISSING_PERMISSION stays",
       kMissing,
       {{kUnavailable, 0}, {kUnavailable, 1}, {kUnavailable, 900}},
       kMissing,
       Reason::provider_error},
      {"and the next success ends it",
       kStatusOk,
       {{kUnavailable, 0}, {kUnavailable, 1}, {kUnavailable, 900}, {kOk, 1'000}},
       kStatusOk,
       {}},
  };
  for (const Life& life : lives) expect(life);
}

TEST_F(StatusTable, SinceMovesOnlyWithTheStatus) {
  CredentialHealth state = settled(Status::ok);
  const WallTime connected = state.since;
  for (const Step& step : {Step{kOk, 0}, Step{kUnavailable, 10}, Step{kRefused, 20}, Step{kOk, 30}, Step{kRefused, 40}})
    state = check(state, step.kind, step.at);
  EXPECT_EQ(state.since, connected);
  state = check(state, kRefused, 100);
  EXPECT_EQ(state.since, wall(100));
  state = check(state, kRefused, 90'000);
  EXPECT_EQ(state.since, wall(100));
  state = check(state, kOk, 90'001);
  EXPECT_EQ(state.since, wall(90'001));
}

// Refused at the first instant, then again at the second: is it confirmed?
TEST_F(StatusTable, ConfirmationCountsTheSmallerOfBothClocks) {
  struct Row {
    const char* what;
    Instant first, second;
    bool confirmed;
  };
  const Row rows[] = {
      {"both", at(0), at(60), true},
      {"after a restart, wall time alone", at(0), at(60, -999'000, 8), true},
      {"wall jumped ahead", at(0, 0), at(86'400, 5), false},
      {"wall jumped back", at(0, 0), at(-3'600, 90), false},
      {"wall stood still", at(0, 0), at(0, 3'600), false},
      {"machine slept (elapsed time stood still)", at(0, 0), at(3'600, 59), false},
      {"elapsed time just enough, wall too", at(0, 0), at(61, 60), true},
      {"after a restart, too early", at(0), at(59, 1'000'000, 8), false},
      {"after a restart, wall jumped back", at(0), at(-1, 1'000'000, 8), false},
  };
  for (const Row& row : rows) {
    const CredentialHealth state = check(check(settled(Status::ok), kRefused, row.first), kRefused, row.second);
    EXPECT_EQ(state.status == Status::unauthenticated, row.confirmed) << row.what;
  }
}

// The simulation found a login asked for a day every confirm_after, and never confirmed.
TEST_F(StatusTable, AClockSetBackStartsTheTwoAnew) {
  CredentialHealth state = check(settled(Status::ok), kRefused, at(0, 0));
  state = check(state, kRefused, at(-86'400, 60));
  EXPECT_EQ(state.status, Status::ok);
  EXPECT_EQ(state.next_check, wall(-86'400 + 60));
  state = check(state, kRefused, at(-86'400 + 60, 120));
  EXPECT_EQ(state.status, Status::unauthenticated);

  state = check(check(settled(Status::ok), kUnavailable, at(0, 0)), kUnavailable, at(-86'400, 10));
  state = check(state, kUnavailable, at(-86'400 + 900, 910));
  EXPECT_EQ(state.status, Status::temporarily_unavailable);
}

// A check of a refused login that cannot be made must not leave it due at every tick.
TEST_F(StatusTable, ARefusedLoginThatWaitsTooFarAheadWaitsADay) {
  CredentialHealth state = settled(Status::unauthenticated);
  state.next_check = wall(2 * 86'400);
  EXPECT_EQ(check(state, kUnavailable, 0).next_check, wall(86'400));
  state.next_check = wall(3'600);
  EXPECT_EQ(check(state, kUnavailable, 0).next_check, wall(3'600));
}

TEST_F(StatusTable, OutageCountsTheSmallerOfBothClocks) {
  struct Row {
    const char* what;
    Instant last;
    bool out;
  };
  const Row rows[] = {
      {"both", at(900), true},
      {"after a restart", at(900, -5, 8), true},
      {"wall jumped ahead", at(90'000, 10), false},
      {"wall jumped back", at(-90'000, 9'000), false},
      {"elapsed time a second short", at(90'000, 899), false},
  };
  for (const Row& row : rows) {
    CredentialHealth state = check(check(settled(Status::ok), kUnavailable, 0), kUnavailable, 1);
    state = check(state, kUnavailable, row.last);
    EXPECT_EQ(state.status == Status::temporarily_unavailable, row.out) << row.what;
  }
}

TEST_F(StatusTable, TimeBetweenIsNeverNegative) {
  EXPECT_EQ(time_between(at(10), at(0)), microseconds(0));
  EXPECT_EQ(time_between(at(0, 100), at(50, 0)), microseconds(0));
  EXPECT_EQ(time_between(at(0), at(50)), seconds(50));
  EXPECT_EQ(time_between(at(0, 0), at(50, 20)), seconds(20));
  EXPECT_EQ(time_between(at(0, 0, 1), at(50, 20, 2)), seconds(50));
}

TEST_F(StatusTable, AfterALostAnswerTheRefusalIsOfUnknownOutcome) {
  Answer uncertain = answer(kRefused);
  uncertain.is_uncertain = true;
  CredentialHealth state = check(settled(Status::ok), uncertain, 0);
  EXPECT_EQ(state.status, Status::ok);
  EXPECT_EQ(state.reason, Reason::refused_once);
  state = check(state, kUnavailable, 30);
  state = check(state, uncertain, 60);
  EXPECT_EQ(state.status, Status::unauthenticated);
  EXPECT_EQ(state.reason, Reason::refresh_outcome_unknown);
  EXPECT_EQ(connect(settled(Status::ok), uncertain, 0).reason, Reason::refresh_outcome_unknown);

  // The refusal that confirms says what is known by now.
  state = check(check(settled(Status::ok), uncertain, 0), kRefused, 60);
  EXPECT_EQ(state.reason, Reason::refused);
}

TEST_F(StatusTable, WhileTheBreakerIsOpenNothingIsCalledRevoked) {
  struct Row {
    const char* what;
    Status from;
    std::vector<Step> steps;
    Status to;
    Reason reason;
  };
  const Row rows[] = {
      {"confirming refusal", kStatusOk, {{kRefused, 0}, {kRefused, 60}}, kStatusOk, Reason::refused_once},
      {"confirming forbidden", kStatusOk, {{kForbidden, 0}, {kForbidden, 60}}, kStatusOk, Reason::refused_once},
      {"outage_after the first", kStatusOk, {{kRefused, 0}, {kRefused, 900}}, kTemporarily, Reason::provider_refuses_many},
      {"a second early", kStatusOk, {{kRefused, 0}, {kRefused, 899}}, kStatusOk, Reason::refused_once},
      {"MISSING_PERMISSION, refused", kMissing, {{kRefused, 0}, {kRefused, 900}}, kMissing, Reason::refused_once},
      {"UNAUTHENTICATED, forbidden",
       kUnauthenticated,
       {{kForbidden, 0}, {kForbidden, 900}},
       kUnauthenticated,
       Reason::refused_once},
      {"UNAUTHENTICATED, refused", kUnauthenticated, {{kRefused, 0}}, kUnauthenticated, Reason::refused},
  };
  for (const Row& row : rows) {
    CredentialHealth state = settled(row.from);
    policy_.breaker_open = true;
    for (const Step& step : row.steps) state = check(state, step.kind, step.at);
    policy_.breaker_open = false;
    EXPECT_EQ(name_of(state.status), name_of(row.to)) << row.what;
    EXPECT_EQ(state.reason, row.reason) << row.what;
  }
  // A success makes its credential OK, breaker or not.
  policy_.breaker_open = true;
  CredentialHealth state = check(check(settled(Status::ok), kRefused, 0), kRefused, 900);
  EXPECT_TRUE(state.is_suspected);
  state = check(state, kOk, 960);
  EXPECT_EQ(state.status, Status::ok);
  EXPECT_FALSE(state.is_suspected);
}

TEST_F(StatusTable, TheFirstAnswerIsBelievedAtOnce) {
  const struct {
    AnswerKind kind;
    Status status;
    std::optional<Reason> reason;
  } rows[] = {
      {kOk, kStatusOk, {}},
      {kRefused, kUnauthenticated, Reason::refused},
      {kForbidden, kMissing, Reason::permission_denied},
      {kUnavailable, kTemporarily, Reason::provider_error},
  };
  for (const Status before : kAllStatuses)
    for (const bool breaker_open : {false, true})
      for (const auto& row : rows) {
        policy_.breaker_open = false;
        CredentialHealth state = settled(before);
        policy_.breaker_open = breaker_open;  // POST and PUT go on as always
        state = connect(state, row.kind, 0);
        EXPECT_EQ(state.status, row.status);
        EXPECT_EQ(state.reason, row.reason);
        EXPECT_EQ(state.since == wall(0), before != row.status);
        EXPECT_EQ(state.status_cause, Cause::created) << "the breaker takes back what checks did, not POST and PUT";
      }
}

TEST_F(StatusTable, WhatMadeTheStatusWhatItIsIsKnown) {
  for (const Cause cause : {Cause::check, Cause::request, Cause::report, Cause::linked}) {
    policy_.cause = cause;
    CredentialHealth state = check(settled(Status::ok), kRefused, 0);
    EXPECT_EQ(state.status_cause, Cause::created) << "it says OK still, which POST had made it";
    EXPECT_EQ(state.answer_cause, cause);
    state = check(state, kRefused, 60);
    EXPECT_EQ(state.status_cause, cause);
    EXPECT_TRUE(is_of_check(cause)) << "the breaker takes it back";
    policy_.cause = Cause::check;
    EXPECT_EQ(check(state, kRefused, 100'000).status_cause, cause) << "nothing has changed";
    EXPECT_EQ(check(state, kRefused, 100'000).answer_cause, Cause::check);
    EXPECT_EQ(check(state, kOk, 100'000).status_cause, Cause::check);
    EXPECT_EQ(connect(state, kRefused, 100'000).status_cause, Cause::created) << "refused as before, but of another login";
  }
  for (const Cause cause : {Cause::created, Cause::replaced, Cause::breaker, Cause::configuration, Cause::operator_})
    EXPECT_FALSE(is_of_check(cause));
}

// It is told once: the check that it made due.
TEST_F(StatusTable, AnAnswerForgetsWhatMadeItDue) {
  for (const AnswerKind kind : {kOk, kRefused, kForbidden, kUnavailable}) {
    CredentialHealth state = settled(Status::ok);
    state.due_cause = Cause::linked;
    EXPECT_EQ(check(state, kind, 0).due_cause, std::nullopt);
    EXPECT_EQ(connect(state, kind, 0).due_cause, std::nullopt);
  }
}

TEST_F(StatusTable, TheAnswerToPostOrPutIsNoCheck) {
  for (const AnswerKind kind : {kOk, kRefused, kForbidden, kUnavailable}) {
    CredentialHealth state = connect(settled(Status::ok), kind, 0);
    EXPECT_EQ(state.answer_cause, Cause::created);
    EXPECT_FALSE(last_check({}, state, GrantState::held));
    state = check(state, kOk, 60);  // healed: `since` is when it was checked, too
    EXPECT_EQ(state.answer_cause, Cause::check);
    const auto last = last_check({}, state, GrantState::held);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->checked, wall(60));
    EXPECT_FALSE(last->first_refused);
  }
  EXPECT_FALSE(last_check({}, CredentialHealth{}, GrantState::held)) << "never checked";
}

TEST_F(StatusTable, WhatTheBreakerDoesNotCount) {
  const CredentialHealth refused = check(settled(Status::ok), kRefused, 10);
  for (const GrantState grant : {GrantState::held, GrantState::sending})
    EXPECT_EQ(last_check({}, refused, grant)->first_refused, wall(10));
  for (const GrantState grant : {GrantState::unknown, GrantState::resending, GrantState::doubtful, GrantState::confirming})
    EXPECT_EQ(last_check({}, refused, grant)->first_refused, std::nullopt) << "a refusal of unknown outcome";
  CredentialHealth counted = refused;
  counted.is_suspected = true;
  EXPECT_EQ(last_check({}, counted, GrantState::held)->first_refused, std::nullopt) << "an opening has counted it";
}

// Whom the breaker counts: what an outage or the breaker itself took from OK was not revoked before.
TEST_F(StatusTable, WhatWasLastOkIsKnownThroughAnOutage) {
  const auto outage = [&](CredentialHealth state) {
    for (const int when : {0, 500, 1'000}) state = check(state, kUnavailable, when);
    EXPECT_EQ(state.status, Status::temporarily_unavailable);
    return state;
  };
  struct Row {
    const char* what;
    CredentialHealth state;
    bool was_last_ok;
    std::optional<WallTime> first_refusal;
  };
  CredentialHealth counted = check(settled(Status::ok), kRefused, 10);
  counted.is_suspected = true;
  const CredentialHealth never = settled(Status::temporarily_unavailable);
  CredentialHealth taken_by_breaker = never;
  taken_by_breaker.is_suspected = taken_by_breaker.was_last_ok = true;
  const Row rows[] = {
      {"OK", settled(Status::ok), true, {}},
      {"OK and refused", check(settled(Status::ok), kRefused, 10), true, wall(10)},
      {"taken by an outage", outage(settled(Status::ok)), true, {}},
      {"taken by an outage, then refused", check(outage(settled(Status::ok)), kRefused, 2'000), true, wall(2'000)},
      {"OK and refused, counted by a breaker", counted, true, wall(10)},
      {"made unavailable by the breaker", taken_by_breaker, true, {}},
      {"made unavailable by the breaker, then forbidden", check(taken_by_breaker, kForbidden, 10), true, wall(10)},
      {"OK, refused and confirmed", check(check(settled(Status::ok), kRefused, 10), kRefused, 70), false, wall(10)},
      {"OK, forbidden and confirmed", check(check(settled(Status::ok), kForbidden, 10), kForbidden, 70), false, wall(10)},
      {"confirmed, and refused again",
       check(check(check(settled(Status::ok), kRefused, 10), kRefused, 70), kRefused, 90'000),
       false,
       {}},
      {"never known to work", never, false, {}},
      {"never known to work, and refused", check(never, kRefused, 10), false, {}},
      {"never known to work, refused and confirmed", check(check(never, kRefused, 10), kRefused, 70), false, {}},
      {"refused by POST, then forbidden", check(settled(Status::unauthenticated), kForbidden, 10), false, {}},
      {"refused by POST, forbidden and confirmed",
       check(check(settled(Status::unauthenticated), kForbidden, 10), kForbidden, 70),
       false,
       {}},
      {"refused by POST", settled(Status::unauthenticated), false, {}},
      {"refused by POST, in an outage", check(settled(Status::unauthenticated), kUnavailable, 10), false, {}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.state.was_last_ok, row.was_last_ok) << row.what;
    EXPECT_EQ(row.state.first_refusal(), row.first_refusal) << row.what;
  }
}

// The table of docs/reliability.md, cell by cell.
TEST_F(StatusTable, TheTableSaysWhatIsWritten) {
  struct Row {
    Status from;
    AnswerKind answer;
    Effect effect;
    Status to;
  };
  using enum Effect;
  const Row rows[] = {
      {kStatusOk, kOk, becomes, kStatusOk},
      {kStatusOk, kRefused, needs_two, kUnauthenticated},
      {kStatusOk, kForbidden, needs_two, kMissing},
      {kStatusOk, kUnavailable, outage_rule, kTemporarily},
      {kTemporarily, kOk, becomes, kStatusOk},
      {kTemporarily, kRefused, needs_two, kUnauthenticated},
      {kTemporarily, kForbidden, needs_two, kMissing},
      {kTemporarily, kUnavailable, stays, kTemporarily},
      {kMissing, kOk, becomes, kStatusOk},
      {kMissing, kRefused, needs_two, kUnauthenticated},
      {kMissing, kForbidden, stays, kMissing},
      {kMissing, kUnavailable, stays, kMissing},
      {kUnauthenticated, kOk, becomes, kStatusOk},
      {kUnauthenticated, kRefused, stays, kUnauthenticated},
      {kUnauthenticated, kForbidden, needs_two, kMissing},
      {kUnauthenticated, kUnavailable, stays, kUnauthenticated},
  };
  static_assert(std::size(rows) == kAllStatuses.size() * kAnswerKinds);
  for (const Row& row : rows) {
    const StatusRule& rule = kStatusTable[static_cast<std::size_t>(row.from)][static_cast<std::size_t>(row.answer)];
    EXPECT_EQ(rule.effect, row.effect) << name_of(row.from) << ", " << name_of(row.answer);
    EXPECT_EQ(rule.to, row.to) << name_of(row.from) << ", " << name_of(row.answer);
  }
}

}  // namespace

}  // namespace granary
