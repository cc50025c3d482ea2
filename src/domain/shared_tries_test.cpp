// What one credential learns of a password, and what it does to others that hold the same one.
#include "domain/shared_tries.hpp"

#include "domain/credential_health_fixture.hpp"

namespace granary {

namespace {

using Kind = LoginNews::Kind;

class SharedTries : public CredentialHealthTest {
 protected:
  CredentialHealth with_refusals(Status status, std::int32_t refusals) {
    CredentialHealth health = settled(status);
    health.refusals = refusals;
    health.next_check = wall(kHour);
    return health;
  }
  static LoginNews news(Kind kind, std::int32_t refusals = 0, std::optional<WallTime> next_check = {}) {
    return {.kind = kind, .from = CredentialId(), .refusals = refusals, .next_check = next_check, .now = wall(0)};
  }
  CredentialHealth hear(const CredentialHealth& health, const LoginNews& told, SentFields fields = SentFields::equal) {
    return after_news(health, told, fields, random_).value_or(health);
  }
};

TEST_F(SharedTries, EachAnswerIsNewsOfItsKind) {
  struct Row {
    AnswerKind answer;
    std::int32_t tries_before;
    Status status;
    std::optional<Kind> kind;
  };
  const Row rows[] = {
      {kOk, 0, Status::ok, Kind::ok},
      {kRefused, 0, Status::ok, Kind::refused},
      {kRefused, 1, Status::unauthenticated, Kind::turned},
      {kForbidden, 0, Status::ok, {}},
      {kForbidden, 1, Status::ok, Kind::taken_back},
      {kUnavailable, 0, Status::ok, {}},
      {kUnavailable, 2, Status::unauthenticated, Kind::taken_back},
  };
  for (const Row& row : rows) {
    LoginShare share{.answer = answer(row.answer), .now = wall(0)};
    share.answer->tries_before = row.tries_before;
    const CredentialHealth after = settled(row.status);
    const auto told = news_of(share, {}, &after);
    EXPECT_EQ(told ? std::optional(told->kind) : std::nullopt, row.kind) << name_of(row.answer) << " " << row.tries_before;
  }
}

TEST_F(SharedTries, NothingIsTurnedWhileNothingIsConfirmed) {
  const CredentialHealth after = settled(Status::unauthenticated);
  const LoginShare share{.answer = answer(kRefused), .may_turn = false, .now = wall(0)};
  EXPECT_EQ(news_of(share, {}, &after)->kind, Kind::refused);
}

TEST_F(SharedTries, AConfirmedRefusalTurnsThoseWithEqualFields) {
  const CredentialHealth before = with_refusals(Status::ok, 1);
  const CredentialHealth twin = hear(before, news(Kind::turned, 2, wall(kDay)));
  EXPECT_EQ(twin.status, Status::unauthenticated);
  EXPECT_EQ(twin.status_cause, Cause::check);
  EXPECT_EQ(twin.next_check, wall(kDay));
  EXPECT_FALSE(twin.was_last_ok);
  const CredentialHealth cousin = hear(before, news(Kind::turned, 2, wall(kDay)), SentFields::other);
  EXPECT_EQ(cousin.status, Status::ok);
  EXPECT_EQ(cousin.refusals, 2);
  EXPECT_EQ(cousin.next_check, before.next_check);
}

TEST_F(SharedTries, TheLastTryIsTheLastForAll) {
  const CredentialHealth cousin = hear(with_refusals(Status::ok, 2), news(Kind::turned, 3), SentFields::other);
  EXPECT_EQ(cousin.status, Status::ok);
  EXPECT_EQ(cousin.next_check, std::nullopt);
  EXPECT_TRUE(is_used_up(cousin));
}

// Found by the simulation: two refused PUTs of the stored password used up its tries, and it stayed OK with no next check.
TEST_F(SharedTries, ARefusedPutTakesNoTryFromOneThatWasLastOk) {
  struct Row {
    Kind kind;
    Status status;
    std::int32_t expected;
  };
  const Row rows[] = {
      {Kind::refused, Status::ok, 1},
      {Kind::counted, Status::ok, 1},
      {Kind::taken_back, Status::ok, 1},
      {Kind::ok, Status::ok, 0},
      {Kind::refused, Status::unauthenticated, 2},
      {Kind::counted, Status::unauthenticated, 2},
      {Kind::taken_back, Status::unauthenticated, 0},
      {Kind::ok, Status::unauthenticated, 0},
  };
  for (const Row& row : rows) {
    LoginNews told = news(row.kind, 2);
    told.from.reset();
    EXPECT_EQ(hear(with_refusals(row.status, 1), told).refusals, row.expected)
        << static_cast<int>(row.kind) << " " << name_of(row.status);
  }
}

TEST_F(SharedTries, AnOkGivesTheTriesBackAndMakesThemDue) {
  CredentialHealth used_up = with_refusals(Status::unauthenticated, 3);
  used_up.next_check.reset();
  const CredentialHealth after = hear(used_up, news(Kind::ok));
  EXPECT_EQ(after.refusals, 0);
  EXPECT_EQ(after.status, Status::unauthenticated) << "until it is asked";
  ASSERT_TRUE(after.next_check);
  EXPECT_LE(*after.next_check, wall(10 * kMinute));
  EXPECT_EQ(hear(with_refusals(Status::ok, 0), news(Kind::ok)), with_refusals(Status::ok, 0));
}

// Found by the simulation (seed 600281421): a clock that jumps a day ahead made the confirming try due at once, and one more of
// the three was spent for nothing.
TEST_F(SharedTries, APasswordThatWasRefusedOnceWaitsUntilTheSecondConfirms) {
  const auto policy = [&](milliseconds confirm_after) { return CheckPolicy{.confirm_after = confirm_after}; };
  CredentialHealth health = with_refusals(Status::ok, 1);
  health.pending = Pending::refused;
  health.pending_since = at(0);
  const Instant jumped{.wall = wall(kDay), .steady = at(9).steady, .boot = at(0).boot};
  const auto left = left_alone(health, policy(seconds(60)), jumped);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->until, wall(kDay + 51));
  EXPECT_FALSE(left_alone(health, policy(seconds(9)), jumped)) << "late enough";
  EXPECT_FALSE(left_alone(with_refusals(Status::ok, 1), policy(seconds(60)), jumped));
  CheckPolicy open = policy(seconds(60));
  open.breaker_open = true;
  EXPECT_FALSE(left_alone(health, open, jumped));
  CheckPolicy token = policy(seconds(60));
  token.login = LoginKind::refresh_token;
  EXPECT_FALSE(left_alone(health, token, jumped));
  health.pending = Pending::forbidden;
  EXPECT_FALSE(left_alone(health, policy(seconds(60)), jumped)) << "the password was taken";
  const auto used_up = left_alone(with_refusals(Status::unauthenticated, 3), policy(seconds(60)), jumped);
  ASSERT_TRUE(used_up);
  EXPECT_FALSE(used_up->until);
}

}  // namespace

}  // namespace granary
