#include "domain/breaker.hpp"

#include <algorithm>
#include <set>

namespace granary {

namespace {

// What the last answer was, as far as is kept.
AnswerKind last_found(const CredentialHealth& health) {
  if (health.failures_in_row == 0 || !health.reason) return AnswerKind::ok;
  switch (*health.reason) {
    case Reason::refused_once:
    case Reason::refused:
    case Reason::refresh_outcome_unknown: return AnswerKind::refused;
    case Reason::permission_denied:
    case Reason::organization_not_found:
    case Reason::organization_ambiguous: return AnswerKind::forbidden;
    default: return AnswerKind::unavailable;
  }
}

}  // namespace

std::optional<LastCheck> last_check(CredentialKey key, const CredentialHealth& health, GrantState grant) {
  if (!health.last_checked || !health.answer_cause || !is_of_check(*health.answer_cause)) return std::nullopt;
  // One that was refused since its own last check was so with another credential, which holds the same login.
  const auto refused = health.first_refusal();
  const bool counts = !health.is_suspected && !is_uncertain(grant) && refused && *refused <= *health.last_checked;
  return LastCheck{.key = key,
                   .checked = *health.last_checked,
                   .first_refused = counts ? refused : std::nullopt,
                   .found = last_found(health),
                   .reason = health.reason};
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

// From here on it reaches back only as far as the last kBreakerWindowCredentials do.
WallTime Breaker::latest_start(WallTime now) const { return now - std::chrono::duration_cast<microseconds>(policy_.window); }

WallTime Breaker::earliest_start(WallTime now) const {
  return now - std::chrono::duration_cast<microseconds>(std::max(policy_.window, interval_));
}

Breaker::Change Breaker::restore(const std::vector<LastCheck>& checks, WallTime now) {
  entries_.clear();
  by_id_.clear();
  for (const LastCheck& check : checks) by_id_[check.key.id] = entries_.insert(entries_.begin(), check);
  forget_old(now);
  return open_if_many_refused(now);
}

void Breaker::forget_old(WallTime now) {
  const WallTime start = window_start(now);
  while (!entries_.empty() && (entries_.front().checked < start || entries_.front().checked > now)) {
    by_id_.erase(entries_.front().key.id);
    entries_.pop_front();
  }
}

Breaker::Change Breaker::record_check(LastCheck check, Found found) {
  const WallTime now = check.checked;
  check.first_refused = found == Found::first_refusal ? std::optional(now) : std::nullopt;
  if (const auto known = by_id_.find(check.key.id); known != by_id_.end()) {
    if (!check.first_refused) check.first_refused = known->second->first_refused;
    entries_.erase(known->second);
  }
  by_id_[check.key.id] = entries_.insert(entries_.end(), check);
  forget_old(now);
  if (settle_doubt(check, found)) return open(now, is_row_of_several_owners() ? 2 : 1);
  return found == Found::first_refusal ? open_if_many_refused(now) : Change::none;
}

bool Breaker::settle_doubt(const LastCheck& check, Found found) {
  if (state_.open || !has_closed_) return false;
  const bool was_asked = asked_.erase(check.key.id) > 0;
  if (found == Found::unavailable) return false;
  std::erase(worked_, check.key);
  if (found == Found::works) {
    constexpr std::size_t kKept = 16;
    if (worked_.size() == kKept) worked_.erase(worked_.begin());
    worked_.push_back(check.key);
    refused_in_row_.clear();
    doubt_since_.reset();
    asked_.clear();
    asked_refused_ = 0;
    return false;
  }
  // No more than a doubt needs: so many, and one of another owner.
  if (std::ssize(refused_in_row_) < kBreakerDoubt || !is_row_of_several_owners()) {
    if (std::ssize(refused_in_row_) > kBreakerDoubt) refused_in_row_.erase(std::prev(refused_in_row_.end()));
    refused_in_row_[check.key.id] = check.key.owner;
  }
  const bool is_row = std::ssize(refused_in_row_) >= kBreakerDoubt && !worked_.empty();
  if (!doubt_since_ && is_row && (watches_ == Watches::one_owner || is_row_of_several_owners())) doubt_since_ = check.checked;
  return was_asked && is_in_doubt(check.checked) && ++asked_refused_ == kBreakerDoubtAsks;
}

bool Breaker::is_row_of_several_owners() const {
  return std::ranges::any_of(refused_in_row_, [&](const auto& entry) { return entry.second != refused_in_row_.begin()->second; });
}

bool Breaker::is_in_doubt(WallTime now) const {
  return !state_.open && doubt_since_ && now >= *doubt_since_ && now < *doubt_since_ + kBreakerDoubtMax;
}

std::optional<CredentialKey> Breaker::take_doubtful(WallTime now) {
  const bool are_enough = std::ssize(asked_) + asked_refused_ >= kBreakerDoubtAsks;
  if (!is_in_doubt(now) || are_enough || worked_.empty()) return std::nullopt;
  const CredentialKey key = worked_.back();
  worked_.pop_back();
  asked_.insert(key.id);
  return key;
}

Breaker::Count Breaker::count_refused(WallTime start) const {
  const std::int64_t most = watches_ == Watches::one_owner ? INT64_MAX : std::max<std::int64_t>(policy_.minimum / 2, 1);
  std::map<OwnerId, std::int64_t> by_owner;
  std::set<std::string_view> logins;
  Count count;
  for (const LastCheck& check : entries_) {
    if (!check.first_refused || *check.first_refused < start) continue;
    if (!check.login.empty() && !logins.insert(check.login).second) continue;
    if (++by_owner[check.key.owner] <= most) ++count.refused;
  }
  count.owners = static_cast<std::int32_t>(by_owner.size());
  return count;
}

Breaker::Change Breaker::open_if_many_refused(WallTime now) {
  if (state_.open) return Change::none;
  const Count count = count_refused(window_start(now));
  const bool are_many = count.refused >= policy_.minimum &&
                        static_cast<double>(count.refused) > policy_.share * static_cast<double>(entries_.size());
  return are_many ? open(now, count.owners) : Change::none;
}

Breaker::Change Breaker::open(WallTime now, std::int32_t owners) {
  state_ = {.open = true, .opened_at = now, .window_start = window_start(now), .owners = owners};
  successes_.clear();
  last_probe_ = now;
  return Change::opened;
}

Breaker::Change Breaker::record_probe(CredentialKey key, bool succeeded, std::int64_t there_are) {
  if (!state_.open) return Change::none;
  if (!succeeded) {
    successes_.clear();
    return Change::none;
  }
  healed_.insert(key.id);
  successes_[key.id] = key.owner;
  std::set<OwnerId> owners;
  for (const auto& [credential, of] : successes_) owners.insert(of);
  const auto needed = std::min<std::int64_t>(kBreakerSuccessesToClose, std::max<std::int64_t>(there_are, 1));
  const bool are_enough = std::ssize(successes_) >= needed && std::ssize(owners) >= std::min<std::int64_t>(2, state_.owners);
  if (!are_enough) return Change::none;
  close();
  return Change::closed;
}

void Breaker::close() {
  state_ = {};
  entries_.clear();
  by_id_.clear();
  successes_.clear();
  healed_.clear();
  worked_.clear();
  refused_in_row_.clear();
  doubt_since_.reset();
  asked_.clear();
  asked_refused_ = 0;
  has_closed_ = true;
}

bool Breaker::take_probe(WallTime now) {
  if (last_probe_ && now >= *last_probe_ && now - *last_probe_ < kBreakerProbeInterval) return false;
  last_probe_ = now;
  return true;
}

}  // namespace granary
