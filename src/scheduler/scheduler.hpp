// The clock's door to the checks: asks the store what is due, lane by lane, and starts it; tends breakers; lets what is old
// expire. One coroutine on the checks' executor.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/task.hpp"
#include "base/time.hpp"

namespace granary {

struct CheckContext;
struct LaneBreaker;
struct LaneState;

class Scheduler {
 public:
  explicit Scheduler(CheckContext& context);

  // Runs until stop(); then ends once the checks under way have ended.
  Task<> run();
  // No check starts any more.
  void stop();

 private:
  // Both say true when the lane has more due than could be started. What the store fails of one lane keeps no other waiting.
  Task<bool> tend(LaneState& lane);
  Task<bool> start_due(LaneState& lane);
  Task<std::vector<CredentialKey>> list_due(const LaneState& lane, WallTime now, std::int64_t limit,
                                            const std::vector<OwnerId>& except);
  Task<std::optional<std::vector<OwnerId>>> probe(LaneState& lane, WallTime now);
  Task<> try_fuses(LaneState& lane);
  std::int64_t passed_over() const;
  bool is_passed_over(CredentialId id) const;
  // `probed_in`: the breaker whose probe it is; null where it is none.
  Task<> check(LaneState& lane, CredentialKey key, const LaneBreaker* probed_in);
  Task<> tend_lane(LaneState& lane);
  void pause(LaneState& lane, const std::exception& failure);
  Task<> save_successes();
  Task<> expire();

  CheckContext& context_;
  TaskGroup checks_;
  SteadyTime next_success_{}, next_expiry_{};
  // Credentials whose check the store failed: the others of the lane go first for a while. No more than can be started in it.
  struct Aside {
    SteadyTime until;
    const LaneBreaker* probed_in;  // and no longer than its breaker is open; null: it was no probe
  };
  std::map<CredentialId, Aside> aside_;
};

}  // namespace granary
