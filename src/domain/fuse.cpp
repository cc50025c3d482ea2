#include "domain/fuse.hpp"

#include <algorithm>

namespace granary {

bool FuseState::is_worth_keeping() const { return blown_at || std::ranges::any_of(latest, &LatestRequest::is_unknown); }

Fuse::Change Fuse::record(CredentialId id, TokenOutcome outcome, Reason reason, WallTime now) {
  const bool has_mended = outcome == TokenOutcome::succeeded && mend();
  auto& latest = state_.latest;
  std::erase_if(latest, [&](const LatestRequest& known) { return known.id == id; });
  latest.push_back({.id = id, .is_unknown = outcome == TokenOutcome::unknown});
  if (latest.size() > kFuseRequests) latest.erase(latest.begin());
  if (has_mended) return Change::mended;
  const bool are_all_unknown = latest.size() == kFuseRequests && std::ranges::all_of(latest, &LatestRequest::is_unknown);
  return are_all_unknown && blow(reason, now) ? Change::blown : Change::none;
}

bool Fuse::blow(Reason reason, WallTime now) {
  if (is_blown()) return false;
  state_.blown_at = now;
  state_.reason = reason;
  return true;
}

bool Fuse::mend() {
  if (!is_blown()) return false;
  state_ = {};
  return true;
}

bool Fuse::is_trial_due(WallTime now) const {
  if (!is_blown()) return false;
  const WallTime since = state_.last_trial.value_or(*state_.blown_at);
  const seconds wait = std::min(kFuseFirstTrial * (1 << std::min(state_.trials, 6)), kFuseTrialMax);
  return now < since || now - since >= wait;  // before: the clock was set back
}

bool Fuse::take_trial(WallTime now) {
  if (!is_trial_due(now)) return false;
  ++state_.trials;
  state_.last_trial = now;
  return true;
}

std::string pack_latest(const std::vector<LatestRequest>& latest) {
  std::string packed;
  for (const LatestRequest& request : latest) {
    packed += request.is_unknown ? '\1' : '\0';
    packed += request.id.raw();
  }
  return packed;
}

std::vector<LatestRequest> unpack_latest(std::string_view packed) {
  constexpr std::size_t kBytes = 1 + sizeof(IdBytes);
  std::vector<LatestRequest> latest;
  for (; packed.size() >= kBytes && latest.size() < kFuseRequests; packed.remove_prefix(kBytes))
    latest.push_back({.id = CredentialId::from_raw(packed.substr(1, sizeof(IdBytes))), .is_unknown = packed.front() != '\0'});
  return latest;
}

}  // namespace granary
