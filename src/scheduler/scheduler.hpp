// The clock's door to the checks: asks the store what is due, lane by lane, and starts it; tends breakers; lets what is old
// expire. One coroutine on the checks' executor.
#pragma once

#include <memory>

#include "base/task.hpp"
#include "base/time.hpp"

namespace granary {

struct Checker;
struct LaneState;

class Scheduler {
 public:
  explicit Scheduler(Checker& checker);

  // Runs until stop(); then ends once the checks under way have ended.
  Task<> run();
  // No check starts any more.
  void stop();

 private:
  // True when the lane has more due than it could start.
  Task<bool> start_due(LaneState& lane);
  Task<> save_successes();
  Task<> expire();

  Checker& checker_;
  TaskGroup checks_;
  SteadyTime next_success_{}, next_expiry_{};
  SteadyTime paused_until_{};
};

}  // namespace granary
