#include "check/lane_limits.hpp"

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
      request_slots_(std::max(concurrency - 1, 1)),
      pacing_(std::make_unique<TaskGroup>(executor, [](std::exception_ptr error) { std::rethrow_exception(error); })) {}

bool LaneLimits::has_room(Trigger trigger) const {
  if (used_ == slots_) return false;
  return trigger == Trigger::clock ? used_by_clock_ < clock_slots_ : used_ - used_by_clock_ < request_slots_;
}

void LaneLimits::take_slot(OwnerId owner, Trigger trigger) {
  ++used_;
  if (trigger == Trigger::clock) ++used_by_clock_;
  ++held_[owner];
}

std::shared_ptr<LaneLimits::Waiter> LaneLimits::queue_up(Queue& queue, OwnerId owner, SteadyTime deadline, ExchangePlace place) {
  auto waiter = std::make_shared<Waiter>(executor_);
  waiter->deadline = deadline;
  waiter->place = place;
  queue.push(owner, waiter);
  return waiter;
}

Task<LaneLimits::Entry> LaneLimits::enter(OwnerId owner, Trigger trigger, SteadyTime deadline) {
  if (stopping_) co_return Entry::stopping;
  if (has_room(trigger) && (waiting_.empty() || trigger == Trigger::request || has_own_slot_free())) {
    take_slot(owner, trigger);
    co_return Entry::granted;
  }
  // The clock does not queue: what is due stays due.
  if (trigger == Trigger::clock) co_return Entry::too_late;
  const auto waiter = queue_up(waiting_, owner, deadline);
  co_await waiter->woken.wait();
  co_return waiter->entry;
}

void LaneLimits::leave(OwnerId owner, Trigger trigger, microseconds took) {
  recent_ = recent_ == microseconds(0) ? took : (3 * recent_ + took) / 4;
  --used_;
  if (trigger == Trigger::clock) --used_by_clock_;
  if (const auto held = held_.find(owner); --held->second == 0) held_.erase(held);
  if (waiting_.empty() || stopping_ || !has_room(Trigger::request)) return;
  const int half = (slots_ + 1) / 2;  // rounded up: of two owners who wait, one may always have the slot
  const auto may_have = [&](OwnerId waiting) {
    const auto held = held_.find(waiting);
    return waiting_.keys() == 1 || held == held_.end() || held->second < half;
  };
  auto next = waiting_.pop_if(may_have);
  if (!next) return;
  take_slot(next->first, Trigger::request);
  next->second->decide(Entry::granted);
}

Task<bool> LaneLimits::take_exchange(OwnerId owner, SteadyTime deadline, ExchangePlace place) {
  if (stopping_ && place == ExchangePlace::first) co_return false;
  const SteadyTime now = clock_.elapsed();
  const SteadyTime at = std::max(now, next_exchange_) + gap_ * static_cast<std::int64_t>(exchanges_.ahead_of(owner));
  if (at > deadline) co_return false;
  if (at <= now) {
    next_exchange_ = now + gap_;
    co_return true;
  }
  const auto waiter = queue_up(exchanges_, owner, deadline, place);
  if (!std::exchange(is_pacing_, true)) pacing_->start(pace());
  co_await waiter->woken.wait();
  co_return waiter->entry == Entry::granted;
}

Task<> LaneLimits::pace() {
  while (!exchanges_.empty()) {
    constexpr seconds kStep{1};  // so that it ends soon after all who waited were told of the stop
    const SteadyTime now = clock_.elapsed();
    if (now < next_exchange_) {
      co_await clock_.sleep_until(std::min<SteadyTime>(next_exchange_, now + kStep));
      continue;
    }
    const auto next = exchanges_.pop();
    const bool is_late = next->second->deadline < now;
    constexpr milliseconds kMadeUpMax{1000};  // of a sleep that was too long; more would be a burst
    if (!is_late) next_exchange_ = std::max<SteadyTime>(next_exchange_ + gap_, now + gap_ - kMadeUpMax);
    next->second->decide(is_late ? Entry::too_late : Entry::granted);
  }
  is_pacing_ = false;
}

int LaneLimits::room_for_clock(microseconds patience) const {
  if (stopping_ || !has_room(Trigger::clock)) return 0;
  const int slots = std::min(clock_slots_ - used_by_clock_, slots_ - used_);
  const microseconds backlog =
      std::max(next_exchange_ - clock_.elapsed(), microseconds(0)) + gap_ * static_cast<std::int64_t>(exchanges_.size());
  if (!waiting_.empty() || backlog >= kClockBacklogMax) return has_own_slot_free() && backlog <= patience ? 1 : 0;
  const auto exchanges = (kClockBacklogMax - backlog).count() / std::max<std::int64_t>(gap_.count(), 1);
  return static_cast<int>(std::min<std::int64_t>(slots, std::max<std::int64_t>(exchanges, 1)));
}

std::vector<OwnerId> LaneLimits::owners_with_their_share() const {
  const int share = std::max(slots_ / (static_cast<int>(held_.size()) + 1), 1);
  std::vector<OwnerId> owners;
  for (const auto& [owner, held] : held_)
    if (held >= share) owners.push_back(owner);
  return owners;
}

void LaneLimits::expire(SteadyTime now) {
  for (Queue* queue : {&waiting_, &exchanges_})
    queue->erase_if([&](const std::shared_ptr<Waiter>& waiter) {
      if (waiter->deadline > now) return false;
      waiter->decide(Entry::too_late);
      return true;
    });
}

void LaneLimits::stop() {
  stopping_ = true;
  waiting_.erase_if([](const std::shared_ptr<Waiter>& waiter) {
    waiter->decide(Entry::stopping);
    return true;
  });
  exchanges_.erase_if([](const std::shared_ptr<Waiter>& waiter) {
    if (waiter->place == ExchangePlace::later) return false;
    waiter->decide(Entry::stopping);
    return true;
  });
}

}  // namespace granary
