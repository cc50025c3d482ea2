#include "operation/breakers.hpp"

#include "operation/recording.hpp"

namespace granary {

namespace {

constexpr milliseconds kRespreadMax{std::chrono::minutes(10)};
constexpr std::int64_t kLastChecksMax = 100'000;  // of a window at the start; the newest

// What the opening and the closing of a breaker do to the stored credentials; each is tried again by tend_breaker until the
// store has it. The lane may have moved on while the store was at work.
Task<> store_opening(Checker& checker, LaneState& lane) {
  const WallTime since = *lane.opening_owed;
  const auto turned = co_await checker.store.open_breaker(lane.lane, lane.breaker.state(), since, checker.clock.now());
  for (const auto& [id, before] : turned)
    log_change(checker.log, id, lane.lane.provider, before, Status::temporarily_unavailable, Reason::provider_refuses_many);
  if (lane.opening_owed == since) lane.opening_owed.reset();
}

// In this order: a server that dies in between finds it open, and closes it again.
Task<> store_closing(Checker& checker, LaneState& lane) {
  const WallTime closed_at = *lane.closing_owed;
  co_await checker.store.respread(lane.lane, closed_at, checker.clock.now(), std::min(lane.interval, kRespreadMax));
  if (lane.closing_owed != closed_at) co_return;
  co_await checker.store.save_breaker(lane.lane, lane.breaker.state());
  if (lane.closing_owed == closed_at) lane.closing_owed.reset();
}

class Tending {
 public:
  explicit Tending(LaneState& lane) : lane_(lane) { lane.is_tended = true; }
  ~Tending() { lane_.is_tended = false; }
  Tending(const Tending&) = delete;
  Tending& operator=(const Tending&) = delete;

 private:
  LaneState& lane_;
};

// What the store is to be told of it is owed from now on.
void mark_opened(Checker& checker, LaneState& lane) {
  lane.opening_owed = lane.breaker.window_start(checker.clock.now());
  lane.closing_owed.reset();
  checker.log.error("the breaker opened: this provider refuses many logins at once, so none is called UNAUTHENTICATED",
                    {{"provider", lane.lane.provider}, {"environment", lane.lane.environment}});
}

}  // namespace

Task<> restore_breakers(Checker& checker) {
  const WallTime now = checker.clock.now();
  for (auto& [key, lane] : checker.lanes) {
    if (!lane.base_url) continue;
    try {
      auto checks = co_await checker.store.list_last_checks(key, lane.breaker.latest_start(now), now, kLastChecksMax);
      if (checks.size() < kBreakerWindowCredentials)
        checks = co_await checker.store.list_last_checks(key, lane.breaker.earliest_start(now), now, kBreakerWindowCredentials);
      if (lane.breaker.restore(checks, now) == Breaker::Change::opened) mark_opened(checker, lane);
    } catch (const StoreUnavailable& failure) {
      checker.log.warning("a breaker begins with an empty window: what was checked cannot be read",
                          {{"provider", key.provider}, {"environment", key.environment}, {"error", failure.what()}});
    }
  }
}

Task<> tell_breaker(Checker& checker, LaneState& lane, const StoredCredential& credential, const CheckState& before,
                    const Answer& answer) {
  const WallTime now = checker.clock.now();
  const bool is_refusal = answer.kind == AnswerKind::refused || answer.kind == AnswerKind::forbidden;
  const bool was_open = lane.breaker.is_open();
  const WallTime opened_at = lane.breaker.state().opened_at;
  const bool is_first = is_refusal && before.was_last_ok() && before.pending == Pending::none && !before.outcome_unknown;
  const Breaker::Found found = !is_first          ? Breaker::Found::no_first_refusal
                               : before.suspected ? Breaker::Found::suspected
                                                  : Breaker::Found::first_refusal;
  if (lane.breaker.record_check(credential.id, now, found) == Breaker::Change::opened) {
    mark_opened(checker, lane);
    co_await store_opening(checker, lane);
    co_return;
  }
  if (!was_open) co_return;
  const bool was_ok = before.was_last_ok() &&
                      (before.status != Status::ok || before.since <= opened_at || lane.breaker.has_healed(credential.id));
  if (!was_ok) co_return;
  const auto change = lane.breaker.record_probe(credential.id, answer.kind == AnswerKind::ok);
  if (change == Breaker::Change::closed) close_breaker(checker, lane);
  else if (lane.opening_owed) co_await store_opening(checker, lane);
  else co_await checker.store.save_breaker(lane.lane, lane.breaker.state());
}

void take_back_later(LaneState& lane, const CheckState& turned) {
  lane.opening_owed = std::min(lane.opening_owed.value_or(turned.since), turned.since);
}

void close_breaker(Checker& checker, LaneState& lane) {
  lane.breaker.close();
  lane.opening_owed.reset();
  lane.closing_owed = checker.clock.now();
  checker.log.warning("the breaker closed: this provider's logins are checked again",
                      {{"provider", lane.lane.provider}, {"environment", lane.lane.environment}});
}

Task<> tend_breaker(Checker& checker, LaneState& lane) {
  if (lane.is_tended) co_return;
  const Tending tending(lane);
  if (lane.closing_owed) co_await store_closing(checker, lane);
  if (!lane.breaker.is_open()) co_return;
  if (lane.opening_owed) co_await store_opening(checker, lane);
  const auto wait = std::chrono::duration_cast<microseconds>(checker.settings.outage_after);
  const Instant now = checker.now();
  const Instant before{.wall = now.wall - wait, .steady = now.steady - wait, .boot = now.boot};
  for (const auto& [id, status] : co_await checker.store.suspect_refused(lane.lane, before, now.wall))
    log_change(checker.log, id, lane.lane.provider, status, Status::temporarily_unavailable, Reason::provider_refuses_many);
}

}  // namespace granary
