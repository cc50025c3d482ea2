#include "domain/outage.hpp"

#include <algorithm>

namespace granary {

namespace {

constexpr std::size_t kLimitedForHold = 3;
constexpr std::chrono::minutes kLimitedWithin{1};
constexpr std::chrono::seconds kUsualHold{60};

}  // namespace

bool may_be_outage(std::optional<Reason> reason) {
  return reason == Reason::unreachable || reason == Reason::timeout || reason == Reason::provider_error ||
         reason == Reason::unexpected_answer;
}

void LaneOutage::hear(CredentialId id, const Answer& answer, SteadyTime now) {
  if (answer.kind == AnswerKind::ok) {
    ended_ = std::max(ended_, out_.size());
    out_.clear();
    return;
  }
  if (answer.kind != AnswerKind::unavailable) return;
  if (may_be_outage(answer.reason) && out_.size() < kOutOfOrder) out_.insert(id);
  if (answer.reason != Reason::rate_limited) return;
  limited_.push_back({.at = now, .until = now + answer.retry_after.value_or(kUsualHold)});
  std::erase_if(limited_, [&](const Limited& one) { return one.at + kLimitedWithin <= now; });
  if (limited_.size() > kLimitedForHold) limited_.pop_front();
  if (limited_.size() < kLimitedForHold) return;
  for (const Limited& one : limited_) held_until_ = std::max(held_until_, one.until);
}

std::optional<CredentialHealth> after_outage(const CredentialHealth& health, WallTime now, microseconds spread, double place) {
  const bool is_held = health.retry_at && *health.retry_at > now;
  if (!may_be_outage(health.reason) || is_held || !health.next_check) return std::nullopt;
  const WallTime soon = now + std::chrono::duration_cast<microseconds>(spread * place);
  if (*health.next_check <= soon) return std::nullopt;
  CredentialHealth after = health;
  after.next_check = soon;
  return after;
}

}  // namespace granary
