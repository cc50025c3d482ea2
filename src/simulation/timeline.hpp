// The simulation's only source of time: what happens next, in the order of moments and then of insertion. Whatever belongs
// to a process dies with it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/time.hpp"

namespace granary::simulation {

// A process of Granary in the simulation: a new number at each start. Nobody's events belong to the world outside.
using ProcessId = std::int64_t;
inline constexpr ProcessId kNobody = 0;

class Timeline {
 public:
  using Run = std::move_only_function<void()>;

  SteadyTime now() const { return now_; }
  void at(SteadyTime when, ProcessId process, Run run) {
    entries_.emplace(Key{when, ++inserted_}, Entry{process, std::move(run)});
  }
  // Runs what comes next and says whose it was; false, at `until`, when nothing comes before that.
  bool step(SteadyTime until, ProcessId& process) {
    if (entries_.empty() || entries_.begin()->first.first > until) {
      now_ = until;
      return false;
    }
    auto node = entries_.extract(entries_.begin());
    now_ = std::max(now_, node.key().first);
    process = node.mapped().process;
    node.mapped().run();
    return true;
  }
  // Everything that a process still waits for is destroyed, and what that destruction adds.
  void drop(ProcessId process) {
    while (true) {
      const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return entry.second.process == process; });
      if (found == entries_.end()) return;
      const auto dropped = entries_.extract(found);
    }
  }

 private:
  using Key = std::pair<SteadyTime, std::uint64_t>;
  struct Entry {
    ProcessId process;
    Run run;
  };
  SteadyTime now_{};
  std::uint64_t inserted_ = 0;
  std::map<Key, Entry> entries_;
};

}  // namespace granary::simulation
