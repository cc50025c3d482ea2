// How much of a provider may be used at once: slots for checks that run, and a rate of exchanges. One for each lane; on
// the checks' thread only. A quarter of the slots is kept for requests, so that the clock never keeps people waiting. Where there
// are two or more, one is kept for the clock, so that requests that come without end do not end its checks.
#pragma once

#include <deque>
#include <memory>

#include "base/clock.hpp"

namespace granary {

enum class Trigger { clock, request };
enum class ExchangePlace { first, later };  // within one check

class LaneLimits {
 public:
  enum class Entry { granted, too_late, stopping };

  LaneLimits(Executor executor, Clock& clock, double rate, int concurrency);

  // Waits for a slot. Whoever was granted one calls leave().
  Task<Entry> enter(Trigger trigger, SteadyTime deadline);
  void leave(Trigger trigger);
  // Waits until the next exchange may be sent; false when that is after the deadline (then none was taken).
  // After stop() no check sends its first one; what has begun goes on.
  Task<bool> take_exchange(SteadyTime deadline, ExchangePlace place = ExchangePlace::first);
  // How many checks the clock may start now, where the one in its own slot would wait so long for its first exchange.
  int room_for_clock(microseconds patience) const;
  std::size_t waiting() const { return waiting_.size(); }
  // Wakes those whose deadline has passed. Called by the scheduler's tick.
  void expire(SteadyTime now);
  // Nothing is granted any more; who waits is told so.
  void stop();

 private:
  bool has_room(Trigger trigger) const;
  bool has_own_slot_free() const { return slots_ > 1 && used_by_clock_ == 0; }

  struct Waiter {
    explicit Waiter(Executor executor) : woken(executor) {}
    Signal woken;
    SteadyTime deadline;
    Entry entry = Entry::too_late;
  };

  Executor executor_;
  Clock& clock_;
  microseconds gap_;  // between two exchanges
  int slots_, clock_slots_, request_slots_;
  int used_ = 0, used_by_clock_ = 0;
  SteadyTime next_exchange_{};
  std::deque<std::shared_ptr<Waiter>> waiting_;
  bool stopping_ = false;
};

}  // namespace granary
