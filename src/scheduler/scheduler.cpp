#include "scheduler/scheduler.hpp"

#include "operation/check.hpp"
#include "operation/checker.hpp"
#include "operation/expire.hpp"
#include "operation/last_success.hpp"
#include "operation/recording.hpp"

namespace granary {

namespace {

constexpr milliseconds kTick{200};
constexpr milliseconds kBusyTick{20};  // while a lane has more due than it may start
constexpr std::chrono::minutes kExpiryInterval{10};
constexpr seconds kPauseAfterFailure{1};
constexpr int kStartsMax = 200;
constexpr std::chrono::minutes kSuccessInterval{1};
constexpr seconds kStopsWithin{8};  // of the ten that SIGTERM leaves

}  // namespace

Scheduler::Scheduler(Checker& checker)
    : checker_(checker), checks_(checker.executor, [this](std::exception_ptr error) {
        // The row is due still; the store gets a moment before it is asked again.
        paused_until_ = checker_.clock.elapsed() + kPauseAfterFailure;
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& failure) {
          checker_.log.error("the store failed a check; it is tried again", {{"error", failure.what()}});
        }
      }) {}

Task<> Scheduler::run() {
  while (!checker_.stopping) {
    const SteadyTime now = checker_.clock.elapsed();
    bool is_busy = false;
    try {
      for (auto& [key, lane] : checker_.lanes) {
        lane.limits.expire(now);
        const bool may_start = now >= paused_until_ && checker_.held_answers < kHeldAnswersMax;
        if (lane.base_url && may_start) is_busy = co_await start_due(lane) || is_busy;
      }
      co_await tend_breakers(checker_);
      if (now >= next_success_) co_await save_successes();
      if (now >= next_expiry_) co_await expire();
    } catch (const std::exception& failure) {
      paused_until_ = now + kPauseAfterFailure;
      checker_.log.error("the scheduler could not go on; it tries again", {{"error", failure.what()}});
    }
    co_await checker_.clock.sleep_until(now + (is_busy ? kBusyTick : kTick));
  }
  co_await checks_.wait_idle();
  co_await save_successes();
}

void Scheduler::stop() {
  checker_.stopping = true;
  checker_.ends_at = checker_.clock.elapsed() + kStopsWithin;
  for (auto& [key, lane] : checker_.lanes) lane.limits.stop();
}

Task<bool> Scheduler::start_due(LaneState& lane) {
  const WallTime now = checker_.clock.now();
  if (lane.breaker.is_open()) {
    if (!lane.breaker.take_probe(now)) co_return false;
    const auto id = co_await checker_.store.find_probe(lane.lane);
    if (id) checks_.start(check_by_clock(checker_, *id));
    co_return false;
  }
  const int room = std::min(lane.limits.room_for_clock(), kStartsMax);
  if (room <= 0) co_return lane.limits.waiting() == 0;
  const auto [refused, other] = longest_wait(policy_for(checker_, lane));
  // Those under way or held are due until they are recorded, so they stand among the answers.
  const auto ids = co_await checker_.store.list_due(lane.lane, now, {.refused = now + refused, .other = now + other},
                                                    room + lane.provider->concurrency + checker_.held_answers);
  int started = 0;
  for (const CredentialId& id : ids) {
    if (checker_.turns.is_taken(id)) continue;
    if (started == room) co_return true;
    checks_.start(check_by_clock(checker_, id));
    ++started;
  }
  co_return false;
}

Task<> Scheduler::save_successes() {
  next_success_ = checker_.clock.elapsed() + kSuccessInterval;
  co_await save_last_successes(checker_);
}

Task<> Scheduler::expire() {
  const bool is_done = co_await expire_some(checker_);
  if (is_done) next_expiry_ = checker_.clock.elapsed() + kExpiryInterval;
}

}  // namespace granary
