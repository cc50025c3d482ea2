// How much of a provider may be used at once: slots for checks that run, and a rate of exchanges. One for each lane; on the
// checks' thread only.
//
// A quarter of the slots is kept for requests, so that the clock never keeps people waiting. Where there are two or more, one is
// kept for the clock, so that requests that come without end do not end its checks. Owners take turns, at the slots and at the
// rate; while another owner waits for a slot, nobody is given more than half of them (rounded up).
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/fair_queue.hpp"
#include "base/ids.hpp"
#include "base/task.hpp"

namespace granary {

enum class Trigger { clock, request };
enum class ExchangePlace { first, later };  // within one check

class LaneLimits {
 public:
  enum class Entry { granted, too_late, stopping };

  LaneLimits(Executor executor, Clock& clock, double rate, int concurrency);

  // Waits for a slot. Whoever was granted one calls leave(), with the time that the check took in it.
  Task<Entry> enter(OwnerId owner, Trigger trigger, SteadyTime deadline);
  void leave(OwnerId owner, Trigger trigger, microseconds took);
  // Waits until the next exchange may be sent; false when that is after the deadline (then none was taken).
  // After stop() no check sends its first one; what has begun goes on.
  Task<bool> take_exchange(OwnerId owner, SteadyTime deadline, ExchangePlace place = ExchangePlace::first);
  // How long the checks of this lane took lately: one that has less time left would not come to its end.
  microseconds recent_duration() const { return recent_; }

  // How many checks the clock may start now, where the one in its own slot would wait so long for its first exchange.
  int room_for_clock(microseconds patience) const;
  // Those who hold as many slots as each had if one more owner came: others go first.
  std::vector<OwnerId> owners_with_their_share() const;
  std::size_t waiting() const { return waiting_.size(); }
  // Wakes those whose deadline has passed. Called by the scheduler's tick.
  void expire(SteadyTime now);
  // No slot and no first exchange is granted any more; whoever waits for one is told so. Later exchanges of a check go on.
  void stop();

 private:
  struct Waiter {
    explicit Waiter(Executor executor) : woken(executor) {}
    void decide(Entry end) {
      entry = end;
      woken.fire();
    }
    Signal woken;
    SteadyTime deadline;
    ExchangePlace place = ExchangePlace::first;
    Entry entry = Entry::too_late;
  };
  using Queue = FairQueue<OwnerId, std::shared_ptr<Waiter>>;

  bool has_room(Trigger trigger) const;
  bool has_own_slot_free() const { return slots_ > 1 && used_by_clock_ == 0; }
  void take_slot(OwnerId owner, Trigger trigger);
  std::shared_ptr<Waiter> queue_up(Queue& queue, OwnerId owner, SteadyTime deadline, ExchangePlace place = ExchangePlace::first);
  // Lets those who wait for the rate go, one at a time.
  Task<> pace();

  Executor executor_;
  Clock& clock_;
  microseconds gap_;  // between two exchanges
  int slots_, clock_slots_, request_slots_;
  int used_ = 0, used_by_clock_ = 0;
  std::map<OwnerId, int> held_;  // slots by owner
  microseconds recent_{0};
  SteadyTime next_exchange_{};
  Queue waiting_;    // requests, for a slot
  Queue exchanges_;  // for the rate
  std::unique_ptr<TaskGroup> pacing_;
  bool is_pacing_ = false;
  bool stopping_ = false;
};

}  // namespace granary
