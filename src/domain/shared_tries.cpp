#include "domain/shared_tries.hpp"

#include <algorithm>

namespace granary {

namespace {

using Kind = LoginNews::Kind;

constexpr std::chrono::minutes kDueWithin{10};

void hear_ok(CredentialHealth& health, const LoginNews& news, Random& random) {
  const bool is_our_fault = health.reason == Reason::unusable_key || health.reason == Reason::not_configured;
  const bool has_waited = health.refusals > 0 || health.status == Status::unauthenticated ||
                          health.status == Status::temporarily_unavailable || !health.next_check;
  health.refusals = 0;
  if (health.pending == Pending::refused) {
    health.pending = Pending::none;
    health.pending_since.reset();
  }
  const WallTime latest = news.now + kDueWithin;
  const bool is_due_soon = health.next_check && *health.next_check <= latest;
  if (!has_waited || is_our_fault || is_due_soon) return;
  health.next_check = news.now + microseconds(static_cast<std::int64_t>(random.below(microseconds(kDueWithin).count())));
}

// Refused as the other was, though it was not asked.
void turn(CredentialHealth& health, const LoginNews& news) {
  if (health.status != Status::unauthenticated) {
    health.since = news.now;
    health.status_cause = Cause::check;
    health.pending_since = health.was_last_ok ? news.pending_since : std::nullopt;
  }
  health.status = Status::unauthenticated;
  health.was_last_ok = false;
  health.pending = Pending::none;
  health.reason = news.reason;
  health.next_check = news.next_check;
}

void hear_refusal(CredentialHealth& health, const LoginNews& news, SentFields fields) {
  health.refusals = std::max(health.refusals, news.refusals);
  // Its own first refusal is to be confirmed: that turns the other as well.
  const bool is_of_two = health.pending == Pending::refused;
  if (is_used_up(health) || (is_of_two && health.refusals >= kPasswordTriesMax && fields == SentFields::other)) {
    if (!news.next_check) health.next_check.reset();
  }
  // The other one is to be confirmed first: a try that comes between would be one less for that.
  if (news.confirmed_at && health.next_check && !is_of_two && health.status != Status::unauthenticated)
    health.next_check = std::max(*health.next_check, *news.confirmed_at);
}

}  // namespace

std::optional<LoginNews> news_of(const LoginShare& share, CredentialId asked, const CredentialHealth* after) {
  LoginNews news{.login = share.login, .now = share.now};
  if (after) news.from = asked;
  if (!share.answer) return news;
  const Answer& answer = *share.answer;
  switch (answer.kind) {
    case AnswerKind::ok: news.kind = Kind::ok; return news;
    case AnswerKind::forbidden:
    case AnswerKind::unavailable:
      news.kind = Kind::taken_back;
      return answer.tries_before > 0 ? std::optional(news) : std::nullopt;
    case AnswerKind::refused: break;
  }
  news.kind = Kind::refused;
  news.refusals = answer.tries_before + 1;
  if (!after) return news;
  news.refusals = after->refusals;
  news.next_check = after->next_check;
  news.reason = after->reason.value_or(answer.reason);
  news.pending_since = after->pending_since;
  const bool is_confirmed = after->status == Status::unauthenticated && after->pending == Pending::none;
  if (is_confirmed && share.may_turn) news.kind = Kind::turned;
  if (!is_confirmed) news.confirmed_at = after->next_check;
  return news;
}

std::optional<CredentialHealth> after_news(const CredentialHealth& health, const LoginNews& news, SentFields fields,
                                           Random& random) {
  // A PUT's refusal is told with 422 and changes nothing (behaviour.md): whoever was last OK keeps the tries its own status
  // needs.
  const bool is_of_put = !news.from && news.kind != Kind::ok;
  if (is_of_put && health.was_last_ok) return std::nullopt;
  CredentialHealth after = health;
  switch (news.kind) {
    case Kind::counted: ++after.refusals; break;
    case Kind::taken_back: after.refusals = std::max(after.refusals - 1, 0); break;
    case Kind::ok: hear_ok(after, news, random); break;
    case Kind::refused: hear_refusal(after, news, fields); break;
    case Kind::turned:
      hear_refusal(after, news, fields);
      if (fields == SentFields::equal) turn(after, news);
      break;
  }
  return after == health ? std::nullopt : std::optional(after);
}

bool is_used_up(const CredentialHealth& health) {
  return health.refusals >= kPasswordTriesMax && health.pending == Pending::none &&
         (health.status == Status::ok || health.status == Status::unauthenticated);
}

std::optional<LeftAlone> left_alone(const CredentialHealth& health, const CheckPolicy& policy, const Instant& now) {
  if (policy.login != LoginKind::password || !policy.may_confirm()) return std::nullopt;
  if (is_used_up(health)) return LeftAlone{};
  const bool is_first = health.pending == Pending::refused && health.pending_since && health.pending_since->wall <= now.wall;
  if (!is_first) return std::nullopt;
  const auto waited = std::chrono::duration_cast<milliseconds>(time_between(*health.pending_since, now));
  if (waited >= policy.confirm_after) return std::nullopt;
  return LeftAlone{.until = now.wall + microseconds(policy.confirm_after - waited)};
}

}  // namespace granary
