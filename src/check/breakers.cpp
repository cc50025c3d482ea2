#include "check/breakers.hpp"

#include <algorithm>
#include <ranges>

#include "check/commit.hpp"
#include "domain/breaker_rules.hpp"

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
std::vector<Watched> breakers_for(CheckContext& context, LaneState& lane, OwnerId owner) {
  return {{.lane = lane, .owner = owner, .its = ensure_breaker(context, lane, owner)},
          {.lane = lane, .owner = std::nullopt, .its = ensure_breaker(context, lane, std::nullopt)}};
}

// What the opening and the closing of a breaker do to the stored credentials; each is tried again by tend_breakers until the
// store has it. While the store is at work, the breaker may open or close again.
Task<> change(CheckContext& context, Watched breaker, Rows rows, HealthRule rule) {
  co_await change_health(context, breaker.scope(), rows, std::move(rule), Cause::breaker);
}

void owe_opening(LaneBreaker& its, WallTime since) { its.opening_owed = std::min(its.opening_owed.value_or(since), since); }

// That it is open first: a server that dies in between finds it so, and goes on. What turns bad while the store is at work may
// come too late for this pass: it is owed anew (take_back_later), and the next pass takes it back.
Task<> store_opening(CheckContext& context, Watched breaker) {
  const WallTime since = *std::exchange(breaker.its.opening_owed, std::nullopt);
  try {
    co_await context.store.save_breaker(breaker.scope(), breaker.its.breaker.state());
    co_await change(context, breaker, Rows::bad, take_back(since, context.clock.now()));
  } catch (const StoreUnavailable&) {
    if (breaker.its.breaker.is_open()) owe_opening(breaker.its, since);
    throw;
  }
}

// In this order: a server that dies in between finds it open, and closes it again.
Task<> store_closing(CheckContext& context, Watched breaker) {
  const WallTime closed_at = *breaker.its.closing_owed;
  const milliseconds spread = std::min(breaker.lane.interval, kRespreadMax);
  // What is checked while this is stored lies ahead of now as well, and is left alone as all that was checked since.
  constexpr std::chrono::minutes kStoredWithin{1};
  co_await change(context, breaker, Rows::all, spread_again(closed_at, context.clock.now() + kStoredWithin, spread));
  if (breaker.its.closing_owed != closed_at) co_return;
  co_await context.store.save_breaker(breaker.scope(), breaker.its.breaker.state());
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

void log_breaker(CheckContext& context, const Watched& breaker, LogLevel level, std::string_view message) {
  context.log.write(level, message,
                    {{"provider", breaker.lane.lane.provider},
                     {"environment", breaker.lane.lane.environment},
                     {"owner", breaker.owner ? breaker.owner->text() : "all"}});
}

// What the store is to be told of it is owed from now on.
void mark_opened(CheckContext& context, Watched breaker) {
  breaker.its.opening_owed = breaker.its.breaker.state().window_start;
  breaker.its.closing_owed.reset();
  log_breaker(context, breaker, LogLevel::error,
              "the breaker opened: this provider refuses many logins at once, so none is called UNAUTHENTICATED");
}

void mark_closed(CheckContext& context, Watched breaker) {
  breaker.its.breaker.close();
  breaker.its.opening_owed.reset();
  breaker.its.closing_owed = context.clock.now();
  log_breaker(context, breaker, LogLevel::warning, "the breaker closed: this provider's logins are checked again");
}

// As many as there are to probe, where these are fewer than close a breaker. Asked only when a success may be the last.
Task<std::int64_t> count_probed(CheckContext& context, const Watched& breaker) {
  co_return co_await context.store.count_probed(breaker.scope(), kBreakerSuccessesToClose);
}

// An open breaker hears of a credential that was OK before it opened.
Task<> tell_probe(CheckContext& context, Watched breaker, CredentialKey key, const CredentialHealth& before, bool is_ok) {
  Breaker& known = breaker.its.breaker;
  const bool was_ok =
      before.was_last_ok && (before.status != Status::ok || before.since <= known.state().opened_at || known.has_healed(key.id));
  if (!was_ok) co_return;
  const std::int64_t there_are = is_ok ? co_await count_probed(context, breaker) : 0;
  const auto changed = known.record_probe(key, is_ok, there_are);
  if (changed == Breaker::Change::closed) mark_closed(context, breaker);
}

Task<> tend(CheckContext& context, Watched breaker) {
  if (breaker.its.is_tended) co_return;
  const Tending tending(breaker.its);
  if (breaker.its.closing_owed) co_await store_closing(context, breaker);
  if (!breaker.its.breaker.is_open()) co_return;
  if (breaker.its.opening_owed) co_await store_opening(context, breaker);
  const auto wait = std::chrono::duration_cast<microseconds>(context.settings.outage_after);
  const Instant now = context.now();
  const Instant before{.wall = now.wall - wait, .steady = now.steady - wait, .boot = now.boot};
  co_await change(context, breaker, Rows::refused_once, suspect_refused(before, now.wall));
}

void restore(CheckContext& context, Watched breaker, const std::vector<LastCheck>& checks, WallTime now) {
  if (breaker.its.breaker.restore(checks, now) == Breaker::Change::opened) mark_opened(context, breaker);
}

}  // namespace

Task<> restore_breakers(CheckContext& context) {
  const WallTime now = context.clock.now();
  for (auto& [key, lane] : context.lanes) {
    if (!lane.base_url) continue;
    try {
      LaneBreaker& whole = ensure_breaker(context, lane, std::nullopt);
      const auto checks = co_await context.store.list_last_checks(key, whole.breaker.earliest_start(now), now, kLastChecksMax);
      std::map<OwnerId, std::vector<LastCheck>> by_owner;
      for (const LastCheck& check : checks) by_owner[check.key.owner].push_back(check);
      for (const auto& [owner, own] : by_owner)
        restore(context, {.lane = lane, .owner = owner, .its = ensure_breaker(context, lane, owner)}, own, now);
      restore(context, {.lane = lane, .owner = std::nullopt, .its = whole}, checks, now);
      // Of an incident the same is known: the last check of each.
      for (const LastCheck& check : std::views::reverse(checks))
        lane.recent[check.key.owner].record(
            {.time = check.checked, .found = check.found, .reason = check.reason.value_or(Reason::unexpected_answer)},
            lane.interval);
    } catch (const StoreUnavailable& failure) {
      context.log.warning("a breaker begins with an empty window: what was checked cannot be read",
                          {{"provider", key.provider}, {"environment", key.environment}, {"error", failure.what()}});
    }
  }
}

Task<> tell_breakers(CheckContext& context, LaneState& lane, const StoredCredential& row, const std::string& login,
                     const CredentialHealth& before, const Answer& answer) {
  const WallTime now = context.clock.now();
  const bool is_refusal = answer.kind == AnswerKind::refused || answer.kind == AnswerKind::forbidden;
  const bool is_first =
      is_refusal && before.was_last_ok && before.pending == Pending::none && !answer.is_uncertain && !before.is_suspected;
  const auto found = is_first                        ? Breaker::Found::first_refusal
                     : is_refusal                    ? Breaker::Found::refused
                     : answer.kind == AnswerKind::ok ? Breaker::Found::works
                                                     : Breaker::Found::unavailable;
  const LastCheck check{
      .key = row.key, .checked = now, .first_refused = {}, .login = login, .found = answer.kind, .reason = answer.reason};
  const auto breakers = breakers_for(context, lane, row.key.owner);
  // Each breaker hears of the check before the store can fail. A success that a probe found may be lost then: the next probe
  // tells it.
  std::vector<Watched> were_open;
  for (const Watched& breaker : breakers) {
    if (breaker.its.breaker.is_open()) were_open.push_back(breaker);
    if (breaker.its.breaker.record_check(check, found) == Breaker::Change::opened) mark_opened(context, breaker);
  }
  for (const Watched& breaker : were_open) co_await tell_probe(context, breaker, row.key, before, answer.kind == AnswerKind::ok);
  for (const Watched& breaker : breakers)
    if (breaker.its.opening_owed) co_await store_opening(context, breaker);
}

void take_back_later(LaneState& lane, OwnerId owner, const CredentialHealth& turned) {
  for (auto& [of, its] : lane.breakers)
    if ((!of || of == owner) && its.breaker.is_open()) owe_opening(its, turned.since);
}

bool close_breakers_of(CheckContext& context, LaneState& lane) {
  bool was_open = false;
  for (const Watched& breaker : breakers_of(lane)) {
    if (!breaker.its.breaker.is_open()) continue;
    mark_closed(context, breaker);
    was_open = true;
  }
  return was_open;
}

Task<> tend_breakers(CheckContext& context, LaneState& lane) {
  for (const Watched& breaker : breakers_of(lane)) co_await tend(context, breaker);
}

bool needs_tending(const LaneState& lane) {
  return std::ranges::any_of(lane.breakers,
                             [](const auto& entry) { return entry.second.closing_owed || entry.second.breaker.is_open(); });
}

}  // namespace granary
