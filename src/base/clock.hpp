// Where time comes from. An interface, because the simulation owns time.
#pragma once

#include "base/task.hpp"
#include "base/time.hpp"

namespace granary {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() = 0;
  virtual SteadyTime elapsed() = 0;
  // Names what elapsed() counts from: moments of one boot can be compared, also those that another process wrote down.
  virtual std::int64_t boot() = 0;
  // Returns at `when` or later, on the caller's executor; also early with boost::system::system_error
  // (operation_aborted) when the executor's context is being destroyed.
  virtual Task<> sleep_until(SteadyTime when) = 0;
};

// The machine's clocks; usable from every thread.
class SystemClock final : public Clock {
 public:
  WallTime now() override;
  SteadyTime elapsed() override;
  std::int64_t boot() override;
  Task<> sleep_until(SteadyTime when) override;
};

}  // namespace granary
