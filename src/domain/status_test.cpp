// The words a status is told in: names as documented, and one sentence for each case that a person can read out.
#include "domain/status.hpp"

#include <gtest/gtest.h>

#include <set>

namespace granary {

namespace {

std::vector<Reason> all_reasons() {
  std::vector<Reason> reasons;
  for (std::size_t i = 0; i < kReasonCount; ++i) reasons.push_back(static_cast<Reason>(i));
  return reasons;
}

struct Standing {
  Status status;
  Reason reason;
  NextTry next;
};

std::vector<Standing> all_standings() {
  std::vector<Standing> standings;
  for (const Status status : kAllStatuses)
    for (const Reason reason : all_reasons())
      for (const NextTry next : {NextTry::by_itself, NextTry::none}) standings.push_back({status, reason, next});
  return standings;
}

std::optional<std::string> message_of(Status status, std::optional<Reason> reason, NextTry next) {
  auto action = action_for(status, reason, next, {});
  if (status == Status::unauthenticated && action == Action::wait) action = Action::reconnect;
  return message_for(status, reason, action, "Valley", next);
}

TEST(StatusNames, AreTheDocumentedOnes) {
  const std::pair<Status, std::string_view> names[] = {{Status::ok, "OK"},
                                                       {Status::unauthenticated, "UNAUTHENTICATED"},
                                                       {Status::missing_permission, "MISSING_PERMISSION"},
                                                       {Status::temporarily_unavailable, "TEMPORARILY_UNAVAILABLE"}};
  for (const auto& [status, name] : names) {
    EXPECT_EQ(name_of(status), name);
    EXPECT_EQ(status_named(name), status);
  }
  for (const char* name : {"", "ok", "Ok", "OK ", " OK", "OKAY", "UNAUTHORIZED", "INVALID", "WAITING", "LIMITED_PERMISSION"})
    EXPECT_EQ(status_named(name), std::nullopt) << name;
}

TEST(StatusNames, ReasonsAreThoseOfTheStatusBody) {
  const std::vector<std::string_view> names = {"not_checked_yet",
                                               "refused_once",
                                               "refused",
                                               "refresh_outcome_unknown",
                                               "permission_denied",
                                               "organization_not_found",
                                               "organization_ambiguous",
                                               "unreachable",
                                               "timeout",
                                               "rate_limited",
                                               "provider_error",
                                               "unexpected_answer",
                                               "not_configured",
                                               "origin_changed",
                                               "unusable_key",
                                               "provider_refuses_many",
                                               "application_refused",
                                               "egress_refused",
                                               "checks_off"};
  ASSERT_EQ(names.size(), kReasonCount);
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(name_of(static_cast<Reason>(i)), names[i]);
}

TEST(StatusMessages, AreNullWhenAllIsWell) {
  for (const Status status : kAllStatuses) EXPECT_EQ(message_of(status, std::nullopt, NextTry::by_itself), std::nullopt);
}

TEST(StatusMessages, AreOneSentenceThatNamesTheProvider) {
  for (const auto& [status, reason, next] : all_standings()) {
    const auto message = message_of(status, reason, next);
    ASSERT_TRUE(message) << name_of(reason);
    EXPECT_TRUE(message->front() >= 'A' && message->front() <= 'Z') << *message;
    EXPECT_TRUE(message->ends_with('.')) << *message;
    EXPECT_EQ(message->find_first_of(".!?"), message->size() - 1) << *message;
    EXPECT_NE(message->find("Valley"), std::string::npos) << *message;
    EXPECT_EQ(message->find("{}"), std::string::npos) << *message;
    EXPECT_EQ(message->find(name_of(reason)),
              reason == Reason::refused || reason == Reason::timeout ? message->find(name_of(reason)) : std::string::npos)
        << "a name for programs stands in a sentence for people: " << *message;
  }
}

TEST(StatusMessages, PromiseATryOnlyWhereOneComes) {
  int promised = 0;
  for (const auto& [status, reason, next] : all_standings()) {
    const bool says_so = message_of(status, reason, next)->contains("tried again by itself");
    promised += says_so;
    EXPECT_FALSE(says_so && next == NextTry::none) << name_of(reason);
  }
  EXPECT_EQ(promised, 6 * 4) << "of what is not the login's fault, whatever the status";
}

TEST(StatusMessages, SayWhatDiffers) {
  std::set<std::string> messages;
  for (const Reason reason : all_reasons())
    messages.insert(*message_of(Status::temporarily_unavailable, reason, NextTry::by_itself));
  EXPECT_EQ(messages.size(), kReasonCount);
}

TEST(StatusMessages, TellWhoMustReconnect) {
  for (const Reason reason : all_reasons()) {
    const bool says_reconnect =
        message_of(Status::unauthenticated, reason, NextTry::none)->find("connect again") != std::string::npos;
    EXPECT_EQ(says_reconnect, reason != Reason::application_refused) << name_of(reason);
    // While the status is OK nobody is sent to the grower, whatever the last check met.
    if (reason == Reason::refused || reason == Reason::refresh_outcome_unknown) continue;
    EXPECT_EQ(message_of(Status::ok, reason, NextTry::by_itself)->find("connect again"), std::string::npos) << name_of(reason);
  }
}

TEST(StatusActions, FollowFromStatusAndReason) {
  struct Row {
    Status status;
    Reason reason;
    NextTry next;
    std::optional<Action> before, expected;
  };
  using enum Reason;
  constexpr auto kOk = Status::ok, kUnauthenticated = Status::unauthenticated, kMissing = Status::missing_permission,
                 kUnavailable = Status::temporarily_unavailable;
  constexpr auto kNext = NextTry::by_itself, kNone = NextTry::none;
  const Row rows[] = {
      {kUnavailable, not_checked_yet, kNext, {}, Action::wait},
      {kOk, refused_once, kNext, {}, Action::wait},
      {kOk, refused, kNext, {}, Action::wait},
      {kUnavailable, refused, kNext, {}, Action::wait},
      {kUnavailable, refused, kNone, {}, Action::reconnect},
      {kUnauthenticated, refused, kNext, {}, Action::reconnect},
      {kUnauthenticated, refresh_outcome_unknown, kNone, {}, Action::reconnect},
      {kUnauthenticated, application_refused, kNext, {}, Action::fix_application},
      {kUnauthenticated, application_refused, kNext, Action::reconnect, Action::reconnect},
      {kUnauthenticated, refused, kNext, Action::fix_application, Action::reconnect},
      {kUnauthenticated, timeout, kNext, Action::fix_application, Action::fix_application},
      {kUnauthenticated, refused_once, kNext, Action::reconnect, Action::reconnect},
      {kUnauthenticated, not_configured, kNone, Action::reconnect, Action::operator_},
      {kMissing, permission_denied, kNext, {}, Action::grant_permission},
      {kMissing, refused_once, kNext, Action::grant_permission, Action::grant_permission},
      {kMissing, egress_refused, kNext, Action::grant_permission, Action::grant_permission},
      {kUnavailable, egress_refused, kNext, {}, Action::operator_},
      {kUnavailable, application_refused, kNext, {}, Action::fix_application},
      {kUnavailable, unusable_key, kNone, {}, Action::reconnect},
      {kUnavailable, provider_refuses_many, kNext, {}, Action::wait},
      {kUnavailable, checks_off, kNone, {}, Action::operator_},
  };
  for (const Row& row : rows)
    EXPECT_EQ(action_for(row.status, row.reason, row.next, row.before), row.expected)
        << name_of(row.status) << " " << name_of(row.reason);
  EXPECT_EQ(action_for(kOk, std::nullopt, kNext, Action::wait), std::nullopt);
  for (const Action action : kAllActions) EXPECT_EQ(action_named(name_of(action)), action);
  for (const char* name : {"", "Wait", "none", "operator_"}) EXPECT_EQ(action_named(name), std::nullopt) << name;
}

}  // namespace

}  // namespace granary
