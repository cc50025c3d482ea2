// The table of PUT, as docs/reliability.md prints it.
#include "domain/put_rules.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

TEST(PutRules, EachAnswerOverEachStoredLogin) {
  using enum PutEnd;
  struct Row {
    PutAnswer answer;
    PutEnd over_ok, over_refused, over_forbidden;
  };
  const Row rows[] = {
      {PutAnswer::ok, replaced, replaced, replaced},
      {PutAnswer::refused, refused, refused, refused},
      {PutAnswer::forbidden, refused, replaced, replaced},
      {PutAnswer::unavailable, unavailable, replaced, unavailable},
      {PutAnswer::not_configured, unavailable, replaced, unavailable},
      {PutAnswer::unusable_key, refused, refused, refused},
  };
  static_assert(std::size(rows) == kPutAnswers);
  for (const Row& row : rows) {
    EXPECT_EQ(name_of(end_of_put(row.answer, StoredLogin::was_last_ok)), name_of(row.over_ok)) << name_of(row.answer);
    EXPECT_EQ(name_of(end_of_put(row.answer, StoredLogin::refused)), name_of(row.over_refused)) << name_of(row.answer);
    EXPECT_EQ(name_of(end_of_put(row.answer, StoredLogin::forbidden)), name_of(row.over_forbidden)) << name_of(row.answer);
  }
}

TEST(PutRules, AnAnswerIsCountedByItsKindAndWhatWasNotSentByItsReason) {
  struct Row {
    AnswerKind kind;
    Reason reason;
    PutAnswer answer;
  };
  using enum AnswerKind;
  const Row rows[] = {
      {ok, Reason::unexpected_answer, PutAnswer::ok},
      {ok, Reason::unusable_key, PutAnswer::ok},
      {refused, Reason::refused, PutAnswer::refused},
      {refused, Reason::not_configured, PutAnswer::refused},
      {forbidden, Reason::permission_denied, PutAnswer::forbidden},
      {forbidden, Reason::organization_ambiguous, PutAnswer::forbidden},
      {unavailable, Reason::unusable_key, PutAnswer::unusable_key},
      {unavailable, Reason::not_configured, PutAnswer::not_configured},
      {unavailable, Reason::unreachable, PutAnswer::unavailable},
      {unavailable, Reason::timeout, PutAnswer::unavailable},
      {unavailable, Reason::rate_limited, PutAnswer::unavailable},
      {unavailable, Reason::provider_error, PutAnswer::unavailable},
      {unavailable, Reason::unexpected_answer, PutAnswer::unavailable},
      {unavailable, Reason::not_checked_yet, PutAnswer::unavailable},
      {unavailable, Reason::origin_changed, PutAnswer::unavailable},
  };
  for (const Row& row : rows)
    EXPECT_EQ(name_of(put_answer_of({.kind = row.kind, .reason = row.reason})), name_of(row.answer))
        << name_of(row.kind) << ", " << name_of(row.reason);
}

TEST(PutRules, WasLastOkStandsThroughWhatSaysNothingOfTheLogin) {
  struct Row {
    const char* what;
    Status status;
    bool was_last_ok;
    StoredLogin stored;
  };
  const Row rows[] = {
      {"OK", Status::ok, true, StoredLogin::was_last_ok},
      {"through an outage, the breaker, a changed origin", Status::temporarily_unavailable, true, StoredLogin::was_last_ok},
      {"never OK", Status::temporarily_unavailable, false, StoredLogin::refused},
      {"refused", Status::unauthenticated, false, StoredLogin::refused},
      {"forbidden", Status::missing_permission, false, StoredLogin::forbidden},
  };
  for (const Row& row : rows) {
    CredentialHealth health;
    health.status = row.status;
    health.was_last_ok = row.was_last_ok;
    health.pending = Pending::refused;  // refused once does not count against it
    EXPECT_EQ(name_of(stored_login_of(health)), name_of(row.stored)) << row.what;
  }
}

}  // namespace

}  // namespace granary
