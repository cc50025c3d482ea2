#include "domain/breaker.hpp"

#include <algorithm>

namespace granary {

std::optional<LastCheck> last_check(CredentialId id, const CheckState& state) {
  const auto first_refused = state.first_refusal();
  const bool is_of_connect = !first_refused && state.last_checked == state.since;
  if (!state.last_checked || is_of_connect) return std::nullopt;
  return LastCheck{.id = id, .checked = *state.last_checked, .first_refused = first_refused};
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

Breaker::Change Breaker::record_check(CredentialId id, WallTime now, bool first_refusal) {
  LastCheck entry{.id = id, .checked = now, .first_refused = {}};
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    entry.first_refused = found->second->first_refused;
    entries_.erase(found->second);
  }
  if (first_refusal) entry.first_refused = now;
  by_id_[id] = entries_.insert(entries_.end(), entry);
  forget_old(now);
  return first_refusal ? open_if_many_refused(now) : Change::none;
}

Breaker::Change Breaker::open_if_many_refused(WallTime now) {
  if (state_.open) return Change::none;
  const WallTime start = window_start(now);
  const auto refused =
      std::ranges::count_if(entries_, [&](const LastCheck& e) { return e.first_refused && *e.first_refused >= start; });
  if (refused < policy_.minimum || static_cast<double>(refused) <= policy_.share * static_cast<double>(entries_.size()))
    return Change::none;
  state_ = {.open = true, .opened_at = now, .successes = 0};
  last_probe_ = now;
  return Change::opened;
}

Breaker::Change Breaker::record_probe(bool succeeded) {
  if (!state_.open) return Change::none;
  state_.successes = succeeded ? state_.successes + 1 : 0;
  if (state_.successes < kBreakerSuccessesToClose) return Change::none;
  close();
  return Change::closed;
}

void Breaker::close() {
  state_ = {};
  entries_.clear();
  by_id_.clear();
}

bool Breaker::take_probe(WallTime now) {
  if (last_probe_ && now >= *last_probe_ && now - *last_probe_ < kBreakerProbeInterval) return false;
  last_probe_ = now;
  return true;
}

}  // namespace granary
