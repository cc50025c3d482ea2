#include "operation/breakers.hpp"

#include <algorithm>

#include "operation/recording.hpp"

namespace granary {

namespace {

constexpr milliseconds kRespreadMax{std::chrono::minutes(10)};
constexpr std::int64_t kLastChecksMax = 100'000;  // of a window at the start; the newest

// One breaker of a lane.
struct Watched {
  LaneState& lane;
  std::optional<OwnerId> owner;
  LaneBreaker& its;

  BreakerScope scope() const { return {.lane = lane.lane, .owner = owner}; }
};

std::vector<Watched> breakers_of(LaneState& lane) {
  std::vector<Watched> all;
  all.reserve(lane.breakers.size());
  for (auto& [owner, its] : lane.breakers) all.push_back({.lane = lane, .owner = owner, .its = its});
  return all;
}

// Those that watch the credentials of one owner.
std::vector<Watched> breakers_for(Checker& checker, LaneState& lane, OwnerId owner) {
  return {{.lane = lane, .owner = owner, .its = ensure_breaker(checker, lane, owner)},
          {.lane = lane, .owner = std::nullopt, .its = ensure_breaker(checker, lane, std::nullopt)}};
}

// What the opening and the closing of a breaker do to the stored credentials; each is tried again by tend_breakers until the
// store has it. The breaker may have moved on while the store was at work.
Task<> store_opening(Checker& checker, Watched breaker) {
  const WallTime since = *breaker.its.opening_owed;
  const auto turned =
      co_await checker.store.open_breaker(breaker.scope(), breaker.its.breaker.state(), since, checker.clock.now());
  for (const auto& [id, before] : turned)
    log_change(checker.log, id, breaker.lane.lane.provider, before, Status::temporarily_unavailable,
               Reason::provider_refuses_many);
  if (breaker.its.opening_owed == since) breaker.its.opening_owed.reset();
}

// In this order: a server that dies in between finds it open, and closes it again.
Task<> store_closing(Checker& checker, Watched breaker) {
  const WallTime closed_at = *breaker.its.closing_owed;
  const milliseconds spread = std::min(breaker.lane.interval, kRespreadMax);
  // What is checked while this is stored lies ahead of now as well, and is left alone as all that was checked since.
  constexpr std::chrono::minutes kStoredWithin{1};
  co_await checker.store.respread(breaker.scope(), closed_at, checker.clock.now() + kStoredWithin, spread);
  if (breaker.its.closing_owed != closed_at) co_return;
  co_await checker.store.save_breaker(breaker.scope(), breaker.its.breaker.state());
  if (breaker.its.closing_owed == closed_at) breaker.its.closing_owed.reset();
}

class Tending {
 public:
  explicit Tending(LaneBreaker& breaker) : breaker_(breaker) { breaker.is_tended = true; }
  ~Tending() { breaker_.is_tended = false; }
  Tending(const Tending&) = delete;
  Tending& operator=(const Tending&) = delete;

 private:
  LaneBreaker& breaker_;
};

void log_breaker(Checker& checker, const Watched& breaker, LogLevel level, std::string_view message) {
  checker.log.write(level, message,
                    {{"provider", breaker.lane.lane.provider},
                     {"environment", breaker.lane.lane.environment},
                     {"owner", breaker.owner ? breaker.owner->text() : "all"}});
}

// What the store is to be told of it is owed from now on.
void mark_opened(Checker& checker, Watched breaker) {
  breaker.its.opening_owed = breaker.its.breaker.window_start(checker.clock.now());
  breaker.its.closing_owed.reset();
  log_breaker(checker, breaker, LogLevel::error,
              "the breaker opened: this provider refuses many logins at once, so none is called UNAUTHENTICATED");
}

void mark_closed(Checker& checker, Watched breaker) {
  breaker.its.breaker.close();
  breaker.its.opening_owed.reset();
  breaker.its.closing_owed = checker.clock.now();
  log_breaker(checker, breaker, LogLevel::warning, "the breaker closed: this provider's logins are checked again");
}

// As many as there are to probe, where these are fewer than close a breaker. Asked only when a success may be the last.
Task<std::int64_t> count_probed(Checker& checker, const Watched& breaker) {
  co_return co_await checker.store.count_probed(breaker.scope(), kBreakerSuccessesToClose);
}

// An open breaker hears of a credential that was OK before it opened.
Task<> tell_probe(Checker& checker, Watched breaker, const StoredCredential& credential, const CheckState& before, bool is_ok) {
  Breaker& known = breaker.its.breaker;
  const bool was_ok = before.was_last_ok() &&
                      (before.status != Status::ok || before.since <= known.state().opened_at || known.has_healed(credential.id));
  if (!was_ok) co_return;
  const std::int64_t there_are = is_ok ? co_await count_probed(checker, breaker) : 0;
  const auto change = known.record_probe(credential.id, credential.owner, is_ok, there_are);
  if (change == Breaker::Change::closed) mark_closed(checker, breaker);
}

Task<> tend(Checker& checker, Watched breaker) {
  if (breaker.its.is_tended) co_return;
  const Tending tending(breaker.its);
  if (breaker.its.closing_owed) co_await store_closing(checker, breaker);
  if (!breaker.its.breaker.is_open()) co_return;
  if (breaker.its.opening_owed) co_await store_opening(checker, breaker);
  const auto wait = std::chrono::duration_cast<microseconds>(checker.settings.outage_after);
  const Instant now = checker.now();
  const Instant before{.wall = now.wall - wait, .steady = now.steady - wait, .boot = now.boot};
  for (const auto& [id, status] : co_await checker.store.suspect_refused(breaker.scope(), before, now.wall))
    log_change(checker.log, id, breaker.lane.lane.provider, status, Status::temporarily_unavailable,
               Reason::provider_refuses_many);
}

void restore(Checker& checker, Watched breaker, const std::vector<LastCheck>& checks, WallTime now) {
  if (breaker.its.breaker.restore(checks, now) == Breaker::Change::opened) mark_opened(checker, breaker);
}

}  // namespace

Task<> restore_breakers(Checker& checker) {
  const WallTime now = checker.clock.now();
  for (auto& [key, lane] : checker.lanes) {
    if (!lane.base_url) continue;
    try {
      LaneBreaker& whole = ensure_breaker(checker, lane, std::nullopt);
      const auto checks = co_await checker.store.list_last_checks(key, whole.breaker.earliest_start(now), now, kLastChecksMax);
      std::map<OwnerId, std::vector<LastCheck>> by_owner;
      for (const LastCheck& check : checks) by_owner[check.owner].push_back(check);
      for (const auto& [owner, own] : by_owner)
        restore(checker, {.lane = lane, .owner = owner, .its = ensure_breaker(checker, lane, owner)}, own, now);
      restore(checker, {.lane = lane, .owner = std::nullopt, .its = whole}, checks, now);
    } catch (const StoreUnavailable& failure) {
      checker.log.warning("a breaker begins with an empty window: what was checked cannot be read",
                          {{"provider", key.provider}, {"environment", key.environment}, {"error", failure.what()}});
    }
  }
}

Task<> tell_breakers(Checker& checker, LaneState& lane, const StoredCredential& credential, const std::string& login,
                     const CheckState& before, const Answer& answer) {
  const WallTime now = checker.clock.now();
  const bool is_refusal = answer.kind == AnswerKind::refused || answer.kind == AnswerKind::forbidden;
  const bool is_first =
      is_refusal && before.was_last_ok() && before.pending == Pending::none && !before.outcome_unknown && !before.suspected;
  const auto found = is_first                        ? Breaker::Found::first_refusal
                     : is_refusal                    ? Breaker::Found::refused
                     : answer.kind == AnswerKind::ok ? Breaker::Found::works
                                                     : Breaker::Found::unavailable;
  const LastCheck check{.id = credential.id, .owner = credential.owner, .checked = now, .first_refused = {}, .login = login};
  const auto breakers = breakers_for(checker, lane, credential.owner);
  // Each breaker hears of the check before the store can fail. A success that a probe found may be lost then: the next probe
  // tells it.
  std::vector<Watched> were_open;
  for (const Watched& breaker : breakers) {
    if (breaker.its.breaker.is_open()) were_open.push_back(breaker);
    if (breaker.its.breaker.record_check(check, found) == Breaker::Change::opened) mark_opened(checker, breaker);
  }
  for (const Watched& breaker : were_open)
    co_await tell_probe(checker, breaker, credential, before, answer.kind == AnswerKind::ok);
  for (const Watched& breaker : breakers)
    if (breaker.its.opening_owed) co_await store_opening(checker, breaker);
}

void take_back_later(LaneState& lane, OwnerId owner, const CheckState& turned) {
  for (auto& [of, its] : lane.breakers)
    if ((!of || of == owner) && its.breaker.is_open())
      its.opening_owed = std::min(its.opening_owed.value_or(turned.since), turned.since);
}

bool close_breakers_of(Checker& checker, LaneState& lane) {
  bool was_open = false;
  for (const Watched& breaker : breakers_of(lane)) {
    if (!breaker.its.breaker.is_open()) continue;
    mark_closed(checker, breaker);
    was_open = true;
  }
  return was_open;
}

Task<> tend_breakers(Checker& checker, LaneState& lane) {
  for (const Watched& breaker : breakers_of(lane)) co_await tend(checker, breaker);
}

bool needs_tending(const LaneState& lane) {
  return std::ranges::any_of(lane.breakers,
                             [](const auto& entry) { return entry.second.closing_owed || entry.second.breaker.is_open(); });
}

}  // namespace granary
