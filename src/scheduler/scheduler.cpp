#include "scheduler/scheduler.hpp"

#include <algorithm>
#include <ranges>

#include "check/breakers.hpp"
#include "check/check.hpp"
#include "check/context.hpp"
#include "check/expire.hpp"
#include "check/fuses.hpp"
#include "check/last_success.hpp"
#include "check/outages.hpp"

namespace granary {

namespace {

constexpr milliseconds kTick{200};
constexpr seconds kClockSlack{60};     // a clock that is nudged back brings nothing forward
constexpr milliseconds kBusyTick{20};  // while a lane has more due than it may start
constexpr std::chrono::minutes kExpiryInterval{10};
constexpr seconds kPauseAfterFailure{1};
constexpr milliseconds kTendInterval{1000};
constexpr int kStartsMax = 200;
constexpr int kTrialsLookedAt = 20;
constexpr std::chrono::minutes kSuccessInterval{1};
constexpr seconds kStopsWithin{8};  // of the ten that SIGTERM leaves
constexpr seconds kAsideAfterFailure{10};
constexpr seconds kAsideForLogin{1};                 // while its login is shown with another credential
constexpr std::chrono::hours kAsideWhileProbing{1};  // at most; sixty probes

}  // namespace

// check() lets no exception out.
Scheduler::Scheduler(CheckContext& context)
    : context_(context), checks_(context.executor, [](std::exception_ptr error) { std::rethrow_exception(error); }) {}

Task<> Scheduler::run() {
  while (!context_.stopping) {
    const SteadyTime now = context_.clock.elapsed();
    context_.locks.expire(now);
    context_.logins.expire(now);
    std::erase_if(aside_, [&](const auto& entry) {
      const auto& [until, probed_in] = entry.second;
      return until <= now || (probed_in && !probed_in->breaker.is_open());
    });
    bool is_busy = false;
    for (auto& [key, lane] : context_.lanes) is_busy = co_await tend(lane) || is_busy;
    if (now >= next_success_) co_await save_successes();
    if (now >= next_expiry_) co_await expire();
    co_await context_.clock.sleep_until(now + (is_busy ? kBusyTick : kTick));
  }
  co_await checks_.wait_idle();
  co_await save_successes();
}

Task<bool> Scheduler::tend(LaneState& lane) {
  const SteadyTime now = context_.clock.elapsed();
  lane.limits.expire(now);
  if (now < lane.paused_until || !context_.settings.is_asking) co_return false;
  // No token is spent while one is held that the store has not got.
  const bool may_spend = context_.held_tokens == 0 || lane.provider->login_kind() != LoginKind::refresh_token;
  bool is_busy = false;
  try {
    const bool is_held = lane.outage.is_held(context_.clock.elapsed());
    if (lane.base_url && may_spend && !is_held && context_.held_answers < kHeldAnswersMax) is_busy = co_await start_due(lane);
  } catch (const std::exception& failure) {
    pause(lane, failure);
  }
  // Beside the others: what a closing does to a large lane takes a while.
  const bool is_to_be_tended = needs_tending(lane) || owes_fuses(lane) || needs_waking(lane) ||
                               (may_spend && !list_due_trials(lane, context_.clock.now()).empty());
  if (is_to_be_tended && now >= lane.next_tending) {
    lane.next_tending = now + kTendInterval;
    checks_.start(tend_lane(lane));
  }
  co_return is_busy;
}

Task<> Scheduler::tend_lane(LaneState& lane) {
  try {
    if (owes_fuses(lane)) co_await save_fuses(context_, lane);
    co_await try_fuses(lane);
    co_await tend_breakers(context_, lane);
    if (needs_waking(lane)) co_await wake_lane(context_, lane);
  } catch (const std::exception& failure) {
    pause(lane, failure);
  }
}

void Scheduler::pause(LaneState& lane, const std::exception& failure) {
  lane.paused_until = context_.clock.elapsed() + kPauseAfterFailure;
  context_.log.error("the scheduler could not go on with a provider; it tries again",
                     {{"provider", lane.lane.provider}, {"error", failure.what()}});
}

Task<> Scheduler::check(LaneState& lane, CredentialKey key, const LaneBreaker* probed_in) {
  try {
    if (co_await check_by_clock(context_, key) == CheckEnd::login_is_taken)
      aside_[key.id] = {.until = context_.clock.elapsed() + kAsideForLogin, .probed_in = nullptr};
  } catch (const std::exception& failure) {
    // The row is due still; the store gets a moment before it is asked again.
    const SteadyTime now = context_.clock.elapsed();
    lane.paused_until = now + kPauseAfterFailure;
    aside_[key.id] = {.until = now + (probed_in ? kAsideWhileProbing : kAsideAfterFailure), .probed_in = probed_in};
    context_.log.error("the store failed a check; it is tried again",
                       {{"credential", key.id.text()}, {"provider", lane.lane.provider}, {"error", failure.what()}});
  }
}

void Scheduler::stop() {
  context_.stopping = true;
  context_.ends_at = context_.clock.elapsed() + kStopsWithin;
  for (auto& [key, lane] : context_.lanes) lane.limits.stop();
}

// Starts what the breakers ask for: one probe a minute for each that is open, and the credentials of a doubt. Returns the owners
// who are held back: no other check of theirs starts. nullopt: no other check of this lane starts.
Task<std::optional<std::vector<OwnerId>>> Scheduler::probe(LaneState& lane, WallTime now) {
  std::vector<OwnerId> held_back;
  for (auto& [owner, its] : lane.breakers) {
    // Without a free slot it would not be asked, and would count as asked all the same.
    const bool has_room = lane.limits.room_for_clock(latest_start(context_.settings, lane.limits)) > 0;
    const auto doubtful = has_room ? its.breaker.take_doubtful(now) : std::nullopt;
    if (doubtful && !is_passed_over(doubtful->id)) checks_.start(check(lane, *doubtful, &its));
    if (!its.holds_back(now)) continue;
    if (its.breaker.is_open() && its.breaker.take_probe(now)) {
      const auto keys = co_await context_.store.list_probes({lane.lane, owner}, now, 1 + passed_over());
      const auto key = std::ranges::find_if_not(keys, [&](CredentialKey known) { return is_passed_over(known.id); });
      if (key != keys.end()) checks_.start(check(lane, *key, &its));
    }
    if (!owner) co_return std::nullopt;
    held_back.push_back(*owner);
  }
  co_return held_back;
}

// A blown fuse lets one token be spent now and then: one of a credential that it holds, which is not due for minutes. Its check
// takes the trial when it sends. Where a breaker is open, the breaker's probe does.
Task<> Scheduler::try_fuses(LaneState& lane) {
  const WallTime now = context_.clock.now();
  for (const auto& owner : list_due_trials(lane, now)) {
    const auto holds_back = [&](const LaneBreaker& its) { return its.holds_back(now); };
    if (context_.stopping || any_breaker(lane, owner.value_or(OwnerId()), holds_back)) continue;
    for (const CredentialKey key :
         co_await context_.store.list_probes({lane.lane, owner}, now, kTrialsLookedAt + passed_over())) {
      if (is_passed_over(key.id)) continue;
      const auto row = co_await context_.store.find_credential(key);
      if (!row || !row->health.held_since) continue;
      checks_.start(check(lane, key, nullptr));
      break;
    }
  }
}

// Those that have their turn (also requests that wait for a slot) or are set aside are due until they are recorded, so they stand
// among the answers.
std::int64_t Scheduler::passed_over() const { return context_.locks.count() + static_cast<std::int64_t>(aside_.size()); }

bool Scheduler::is_passed_over(CredentialId id) const { return context_.locks.is_taken(id) || aside_.contains(id); }

Task<bool> Scheduler::start_due(LaneState& lane) {
  const WallTime now = context_.clock.now();
  const auto held_back = co_await probe(lane, now);
  if (!held_back) co_return false;
  const int room = std::min(lane.limits.room_for_clock(latest_start(context_.settings, lane.limits)), kStartsMax);
  if (room <= 0) co_return lane.limits.waiting() == 0;
  const std::int64_t limit = room + passed_over() + 1;  // one more shows that there is a backlog
  const auto is_busy = [&](CredentialKey key) { return is_passed_over(key.id); };
  auto keys = co_await list_due(lane, now, limit, *held_back);
  std::erase_if(keys, is_busy);
  const bool is_backlog = std::ssize(keys) > room;
  if (is_backlog) {
    // More than can be started: those come first whose owners have few checks under way.
    auto except = lane.limits.owners_with_their_share();
    except.insert(except.end(), held_back->begin(), held_back->end());
    auto first = co_await list_due(lane, now, limit, except);
    std::erase_if(first, is_busy);
    std::erase_if(keys, [&](CredentialKey id) { return std::ranges::find(first, id) != first.end(); });
    keys.insert(keys.begin(), first.begin(), first.end());
  }
  for (const CredentialKey& id : keys | std::views::take(room)) checks_.start(check(lane, id, nullptr));
  // Each tick reads past all that is due of the owners held back: not at the pace of a busy lane.
  co_return is_backlog && held_back->empty();
}

// PUTs that a crash has left first: they are few, and their clients wait for nothing else.
Task<std::vector<CredentialKey>> Scheduler::list_due(const LaneState& lane, WallTime now, std::int64_t limit,
                                                     const std::vector<OwnerId>& except) {
  const auto [refused, other] = longest_wait(policy_for(context_, lane, OwnerId(), Cause::check));
  const Horizon horizon{
      .refused = now + refused, .other = now + other, .held_back = now + kRetryAfterMax, .checked = now + kClockSlack};
  auto keys = co_await context_.store.list_interrupted(lane.lane, limit);
  for (const CredentialKey& key : co_await context_.store.list_due(lane.lane, now, horizon, limit, except))
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  co_return keys;
}

Task<> Scheduler::save_successes() {
  next_success_ = context_.clock.elapsed() + kSuccessInterval;
  co_await save_last_successes(context_);
}

Task<> Scheduler::expire() {
  try {
    const bool is_done = co_await expire_some(context_);
    if (is_done) next_expiry_ = context_.clock.elapsed() + kExpiryInterval;
  } catch (const std::exception& failure) {
    next_expiry_ = context_.clock.elapsed() + kPauseAfterFailure;
    context_.log.error("what is old could not be removed; it is tried again", {{"error", failure.what()}});
  }
}

}  // namespace granary
