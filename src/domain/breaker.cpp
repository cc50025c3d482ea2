#include "domain/breaker.hpp"

#include <algorithm>

namespace granary {

namespace {
constexpr double kNearlyAll = 0.75;
}  // namespace

std::optional<LastCheck> last_check(CredentialId id, const CheckState& state) {
  if (!state.last_checked || state.answered_connect) return std::nullopt;
  return LastCheck{
      .id = id, .checked = *state.last_checked, .first_refused = state.first_refusal(), .is_suspected = state.suspected};
}

WallTime Breaker::window_start(WallTime now) const {
  WallTime start = latest_start(now);
  if (entries_.size() >= kBreakerWindowCredentials) {
    start = std::min(start, std::next(entries_.rbegin(), kBreakerWindowCredentials - 1)->checked);
  } else if (!entries_.empty()) {
    start = std::min(start, entries_.front().checked);
  }
  return std::max(start, earliest_start(now));
}

WallTime Breaker::latest_start(WallTime now) const { return now - std::chrono::duration_cast<microseconds>(policy_.window); }

WallTime Breaker::earliest_start(WallTime now) const {
  return now - std::chrono::duration_cast<microseconds>(std::max(policy_.window, interval_));
}

Breaker::Change Breaker::restore(const std::vector<LastCheck>& checks, WallTime now) {
  entries_.clear();
  by_id_.clear();
  for (const LastCheck& check : checks) by_id_[check.id] = entries_.insert(entries_.begin(), check);
  forget_old(now);
  return open_if_many_refused(now);
}

void Breaker::forget_old(WallTime now) {
  const WallTime start = window_start(now);
  while (!entries_.empty() && (entries_.front().checked < start || entries_.front().checked > now)) {
    by_id_.erase(entries_.front().id);
    entries_.pop_front();
  }
}

Breaker::Change Breaker::record_check(CredentialId id, WallTime now, Found found) {
  LastCheck check{.id = id, .checked = now, .first_refused = {}};
  if (const auto known = by_id_.find(id); known != by_id_.end()) {
    check.first_refused = known->second->first_refused;
    check.is_suspected = known->second->is_suspected;
    entries_.erase(known->second);
  }
  if (found != Found::no_first_refusal) {
    check.first_refused = now;
    check.is_suspected = found == Found::suspected;
  }
  by_id_[id] = entries_.insert(entries_.end(), check);
  forget_old(now);
  return found == Found::no_first_refusal ? Change::none : open_if_many_refused(now);
}

Breaker::Change Breaker::open_if_many_refused(WallTime now) {
  if (state_.open) return Change::none;
  const WallTime start = window_start(now);
  const auto first = std::ranges::count_if(entries_, [&](const LastCheck& check) {
    return check.first_refused && *check.first_refused >= start && !check.is_suspected;
  });
  const bool are_many =
      first >= policy_.minimum && static_cast<double>(first) > policy_.share * static_cast<double>(entries_.size());
  if (!are_many && !are_nearly_all_refused()) return Change::none;
  state_ = {.open = true, .opened_at = now, .successes = 0};
  last_probe_ = now;
  return Change::opened;
}

// Of those checked last, together with those that an earlier opening has counted: these may really have left, but are not nearly
// all. Where there are none of them, the share of all alone decides.
bool Breaker::are_nearly_all_refused() const {
  const auto size = std::min<std::size_t>(entries_.size(), kBreakerWindowCredentials);
  if (size == 0) return false;
  const auto oldest = std::next(entries_.end(), -static_cast<std::ptrdiff_t>(size));
  std::int64_t refused = 0, suspected = 0;
  for (auto check = oldest; check != entries_.end(); ++check) {
    if (!check->first_refused || *check->first_refused < oldest->checked) continue;
    ++refused;
    suspected += check->is_suspected;
  }
  return suspected > 0 && refused >= policy_.minimum &&
         static_cast<double>(refused) > std::max(policy_.share, kNearlyAll) * static_cast<double>(size);
}

Breaker::Change Breaker::record_probe(CredentialId id, bool succeeded) {
  if (!state_.open) return Change::none;
  if (succeeded) healed_.insert(id);
  state_.successes = succeeded ? state_.successes + 1 : 0;
  if (state_.successes < kBreakerSuccessesToClose) return Change::none;
  close();
  return Change::closed;
}

void Breaker::close() {
  state_ = {};
  entries_.clear();
  by_id_.clear();
  healed_.clear();
}

bool Breaker::take_probe(WallTime now) {
  if (last_probe_ && now >= *last_probe_ && now - *last_probe_ < kBreakerProbeInterval) return false;
  last_probe_ = now;
  return true;
}

}  // namespace granary
