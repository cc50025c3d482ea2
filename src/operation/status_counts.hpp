// How many credentials have which status, for /metrics. Counting goes through every credential, so a count serves every
// scrape of the next 10 seconds, however many there are. One for each thread, used on that thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/task.hpp"
#include "store/store.hpp"

namespace granary {

class StatusCounts {
 public:
  using Count = std::function<Task<std::vector<StatusCount>>()>;

  // `count` asks the store; `clock` outlives this.
  StatusCounts(Clock& clock, Count count) : clock_(clock), count_(std::move(count)) {}

  // At most 10 seconds old. Who asks while a count is under way waits for that one. Throws what the store throws; then the
  // next caller counts anew.
  Task<std::vector<StatusCount>> find();

 private:
  Clock& clock_;
  Count count_;
  std::shared_ptr<Signal> counting_;  // fires when the count that is under way has ended; null when there is none
  std::vector<StatusCount> counts_;
  std::optional<SteadyTime> good_until_;
};

}  // namespace granary
