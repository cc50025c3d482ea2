// Tells a provider that refuses everybody from growers whose logins ended: one breaker for each provider and
// environment (behaviour.md, "Breaker"). No I/O; owned by the checks' thread.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "domain/check_state.hpp"

namespace granary {

struct BreakerPolicy {
  milliseconds window{std::chrono::minutes(10)};
  int minimum = 10;
  double share = 0.05;
};

// What survives a restart.
struct BreakerState {
  bool open = false;
  WallTime opened_at;
  std::int32_t successes = 0;  // in a row, since it opened
};

// Of one credential.
struct LastCheck {
  CredentialId id;
  WallTime checked;
  std::optional<WallTime> first_refused;  // it was OK then
  bool is_suspected = false;              // that one has been counted by an earlier opening, too
};

// As its health tells it; nullopt where there was none, or what was last heard answered a POST or PUT.
std::optional<LastCheck> last_check(CredentialId id, const CheckState& state);

inline constexpr int kBreakerWindowCredentials = 40;
inline constexpr int kBreakerSuccessesToClose = 5;
inline constexpr seconds kBreakerProbeInterval{60};

class Breaker {
 public:
  enum class Change { none, opened, closed };
  // Of one that was OK and was refused or forbidden for the first time: `suspected`, where an earlier opening has counted it and
  // it was not OK since.
  enum class Found { no_first_refusal, first_refusal, suspected };

  Breaker(BreakerPolicy policy, milliseconds interval, BreakerState state)
      : policy_(policy), interval_(interval), state_(state) {}

  BreakerState state() const { return state_; }
  bool is_open() const { return state_.open; }
  // Where the window begins now.
  WallTime window_start(WallTime now) const;
  // Where it begins at the latest, and no longer reaches back once kBreakerWindowCredentials were checked in it; and at the
  // earliest.
  WallTime latest_start(WallTime now) const;
  WallTime earliest_start(WallTime now) const;

  // At start: the last checks that it may reach, newest first; none lies ahead of now.
  Change restore(const std::vector<LastCheck>& checks, WallTime now);
  // A check has ended.
  Change record_check(CredentialId id, WallTime now, Found found);
  // While open: a credential that was OK before it opened was checked (by the clock or by request).
  Change record_probe(CredentialId id, bool succeeded);
  // Whether it has healed by such a check since: it counts again.
  bool has_healed(CredentialId id) const { return healed_.contains(id); }
  void close();
  // Whether one more credential may be probed now; the caller probes when true.
  bool take_probe(WallTime now);

 private:
  void forget_old(WallTime now);
  Change open_if_many_refused(WallTime now);
  bool are_nearly_all_refused() const;

  BreakerPolicy policy_;
  milliseconds interval_;
  BreakerState state_;
  std::list<LastCheck> entries_;  // oldest first
  std::unordered_map<CredentialId, std::list<LastCheck>::iterator> by_id_;
  std::unordered_set<CredentialId> healed_;  // since it opened, or the start
  std::optional<WallTime> last_probe_;
};

}  // namespace granary
