#include "operation/lane_limits.hpp"

#include <algorithm>

namespace granary {

namespace {
// The clock starts no check whose first exchange would have to wait longer for the rate, but for the one in its own slot.
constexpr microseconds kClockBacklogMax{std::chrono::seconds(1)};
}  // namespace

LaneLimits::LaneLimits(Executor executor, Clock& clock, double rate, int concurrency)
    : executor_(executor),
      clock_(clock),
      gap_(static_cast<std::int64_t>(1e6 / rate)),
      slots_(concurrency),
      clock_slots_(concurrency - std::min(concurrency - 1, (concurrency + 3) / 4)),
      request_slots_(std::max(concurrency - 1, 1)) {}

bool LaneLimits::has_room(Trigger trigger) const {
  if (used_ == slots_) return false;
  return trigger == Trigger::clock ? used_by_clock_ < clock_slots_ : used_ - used_by_clock_ < request_slots_;
}

Task<LaneLimits::Entry> LaneLimits::enter(Trigger trigger, SteadyTime deadline) {
  if (stopping_) co_return Entry::stopping;
  if (has_room(trigger) && (waiting_.empty() || trigger == Trigger::request || has_own_slot_free())) {
    ++used_;
    if (trigger == Trigger::clock) ++used_by_clock_;
    co_return Entry::granted;
  }
  // The clock does not queue: what is due stays due.
  if (trigger == Trigger::clock) co_return Entry::too_late;
  const auto waiter = std::make_shared<Waiter>(executor_);
  waiter->deadline = deadline;
  waiting_.push_back(waiter);
  co_await waiter->woken.wait();
  co_return waiter->entry;
}

void LaneLimits::leave(Trigger trigger) {
  --used_;
  if (trigger == Trigger::clock) --used_by_clock_;
  if (waiting_.empty() || stopping_ || !has_room(Trigger::request)) return;
  const auto next = std::move(waiting_.front());
  waiting_.pop_front();
  ++used_;
  next->entry = Entry::granted;
  next->woken.fire();
}

Task<bool> LaneLimits::take_exchange(SteadyTime deadline, ExchangePlace place) {
  const SteadyTime now = clock_.elapsed();
  const SteadyTime at = std::max(now, next_exchange_);
  if (at > deadline) co_return false;
  next_exchange_ = at + gap_;
  const bool may_stop = place == ExchangePlace::first;
  while (clock_.elapsed() < at && !(stopping_ && may_stop)) {
    constexpr seconds kStep{1};  // so that stop() is noticed
    co_await clock_.sleep_until(may_stop ? std::min<SteadyTime>(at, clock_.elapsed() + kStep) : at);
  }
  co_return !(stopping_ && may_stop);
}

int LaneLimits::room_for_clock(microseconds patience) const {
  if (stopping_ || !has_room(Trigger::clock)) return 0;
  const int slots = std::min(clock_slots_ - used_by_clock_, slots_ - used_);
  const microseconds backlog = std::max(next_exchange_ - clock_.elapsed(), microseconds(0));
  if (!waiting_.empty() || backlog >= kClockBacklogMax) return has_own_slot_free() && backlog <= patience ? 1 : 0;
  const auto exchanges = (kClockBacklogMax - backlog).count() / std::max<std::int64_t>(gap_.count(), 1);
  return static_cast<int>(std::min<std::int64_t>(slots, std::max<std::int64_t>(exchanges, 1)));
}

void LaneLimits::expire(SteadyTime now) {
  std::erase_if(waiting_, [&](const std::shared_ptr<Waiter>& waiter) {
    if (waiter->deadline > now) return false;
    waiter->entry = Entry::too_late;
    waiter->woken.fire();
    return true;
  });
}

void LaneLimits::stop() {
  stopping_ = true;
  for (const auto& waiter : waiting_) {
    waiter->entry = Entry::stopping;
    waiter->woken.fire();
  }
  waiting_.clear();
}

}  // namespace granary
