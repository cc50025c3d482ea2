// What unavailable answers in a row say of a lane as a whole: that it is out, and that it is back; and that it is asked too
// often. Pure: time is given. In memory, since it only brings checks forward, or holds them for a while.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "base/ids.hpp"

#include "domain/credential_health.hpp"

namespace granary {

inline constexpr std::size_t kOutOfOrder = 3;  // different credentials in a row
inline constexpr std::chrono::minutes kWakeSpread{10};

// Whether an answer may be one of an outage, which a success on its lane ends for all.
bool may_be_outage(std::optional<Reason> reason);

class LaneOutage {
 public:
  // Of a check, a POST or a PUT.
  void hear(CredentialId id, const Answer& answer, SteadyTime now);

  // How many different credentials in a row had no answer before the last success; 0: none, or it has been taken. Where it is
  // fewer than three, it counts if the lane has no more.
  std::size_t take_ended() { return std::exchange(ended_, 0); }
  bool has_ended() const { return ended_ > 0; }

  // Three answers within a minute said that the lane is asked too often: the clock waits.
  bool is_held(SteadyTime now) const { return now < held_until_; }

 private:
  std::set<CredentialId> out_;  // since the last success; no more than three are kept
  std::size_t ended_ = 0;
  struct Limited {
    SteadyTime at, until;
  };
  std::deque<Limited> limited_;
  SteadyTime held_until_{};
};

// When a credential is checked again after an outage: brought forward, never put off. `place` is its place among all that wait, 0
// to 1, those whose tokens end first in front. nullopt leaves it.
std::optional<CredentialHealth> after_outage(const CredentialHealth& health, WallTime now, microseconds spread, double place);

}  // namespace granary
