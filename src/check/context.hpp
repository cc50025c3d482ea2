// What the checks' thread owns: the locks of the credentials, the limits and breakers of each lane, the keys of the days. Made
// by main before the threads start; afterwards used on that thread alone, so nothing here needs a lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/loop_turns.hpp"
#include "base/metrics.hpp"
#include "check/credential_locks.hpp"
#include "check/lane_limits.hpp"
#include "check/recent_reports.hpp"
#include "crypto/primitives.hpp"
#include "domain/breaker.hpp"
#include "domain/descriptor.hpp"
#include "domain/fuse.hpp"
#include "domain/incident.hpp"
#include "domain/outage.hpp"
#include "domain/records.hpp"
#include "http/transport.hpp"
#include "provider/flow.hpp"
#include "sealing/sealer.hpp"
#include "store/store.hpp"

namespace granary {

struct CheckSettings {
  bool is_asking = true;                 // false: checks are off, nothing is sent to anybody
  std::optional<milliseconds> interval;  // of [checks]; stands above a descriptor's
  milliseconds confirm_after{std::chrono::seconds(60)};
  milliseconds refresh_floor{std::chrono::seconds(10)};  // two refreshes that a lifetime asks for are never closer
  milliseconds outage_after{std::chrono::minutes(15)};
  milliseconds timeout{std::chrono::seconds(10)};
  // How long after its beginning a check may still send a one-use token: with the last quarter of the time the answer would be
  // lost by our own waiting.
  milliseconds latest_token() const { return timeout - timeout / 4; }
  milliseconds history_kept{std::chrono::days(90)};
  BreakerPolicy breaker;
  // Origins that a credential need not be bound to.
  std::function<bool(const Url&)> is_exempt_origin = [](const Url&) { return false; };
};

// A breaker, and what the store is to be told of it still.
struct LaneBreaker {
  Breaker breaker;
  std::optional<WallTime> opening_owed;  // where its window began
  std::optional<WallTime> closing_owed;  // when it closed
  bool is_tended = false;                // by tend_breakers, just now

  // It has closed, and the store has not yet spread its checks: what was refused while it was open is not to be confirmed by what
  // comes meanwhile. For a minute at most, or a damaged row keeps the store from it.
  bool is_closing(WallTime now) const {
    constexpr std::chrono::minutes kClosesWithin{1};
    return closing_owed && now >= *closing_owed && now < *closing_owed + kClosesWithin;
  }
  // Nothing is confirmed, and the clock starts nothing but what the breaker asks for.
  bool holds_back(WallTime now) const { return breaker.is_open() || breaker.is_in_doubt(now) || is_closing(now); }
};

// A fuse, and whether the store is to be told of it still.
struct LaneFuse {
  Fuse fuse;
  bool is_owed = false;
};

// One provider and environment, as far as checks care.
struct LaneState {
  Lane lane;
  const Provider* provider;
  const Url* base_url;  // null: not configured
  milliseconds interval;
  LaneLimits limits;
  std::map<std::optional<OwnerId>, LaneBreaker> breakers;  // by owner; nullopt: of all owners together, always there
  std::map<std::optional<OwnerId>, LaneFuse> fuses;        // by owner, of those that were told of anything; nullopt: of all
  std::map<OwnerId, RecentChecks> recent;                  // of each owner, what the last checks found
  std::optional<WallTime> last_success;                    // of a check
  std::optional<WallTime> stored_success;                  // as the store has it
  LaneOutage outage;                                       // what answers in a row say of all
  SteadyTime paused_until{};                               // the store failed one of its checks
  SteadyTime next_tending{};                               // of its breakers and fuses
};

// How long after its beginning a check on this lane may send its first request: later there is not the time left that its checks
// take. At least a quarter of the time is left, and no more than three.
inline microseconds latest_start(const CheckSettings& settings, const LaneLimits& limits) {
  const microseconds timeout = settings.timeout;
  return timeout - std::clamp(limits.recent_duration(), timeout / 4, 3 * timeout / 4);
}

// With so many answers waiting for the store, the clock asks for no more: they could not be stored either.
inline constexpr int kHeldAnswersMax = 100;

struct CheckContext {
  CheckContext(Executor checks_executor, Store& checks_store, const Sealer& the_sealer, Clock& the_clock, Random& the_random,
               const Catalog& the_catalog, http::HttpTransport& the_transport, Log& the_log, Metrics& the_metrics,
               CheckSettings the_settings)
      : executor(checks_executor),
        store(checks_store),
        sealer(the_sealer),
        clock(the_clock),
        random(the_random),
        catalog(the_catalog),
        transport(the_transport),
        log(the_log),
        metrics(the_metrics),
        settings(std::move(the_settings)),
        locks(checks_executor),
        logins(checks_executor),
        redactions(checks_executor) {}

  Executor executor;
  Store& store;
  const Sealer& sealer;
  Clock& clock;
  Random& random;
  const Catalog& catalog;
  http::HttpTransport& transport;
  Log& log;
  Metrics& metrics;
  CheckSettings settings;

  Plaintext digest_key;  // of the store (load_store_key); logins and tokens are compared by their digests under it
  std::map<std::string, std::unique_ptr<FlowPlan>, std::less<>> plans;  // by provider's short name
  std::map<Lane, LaneState> lanes;
  CredentialLocks locks;
  LoginLocks logins;
  LoopTurns redactions;             // an owner's answers are redacted in turn with other owners'
  std::map<OwnerId, int> requests;  // of each owner, that wait for providers (RequestPlace)
  RecentReports reports;
  std::map<std::int32_t, Plaintext> day_keys;
  bool stopping = false;
  SteadyTime ends_at{};  // when stopping: what cannot be stored until then is lost
  // Answers that exist only here, since the store cannot write them now. Readable from every thread.
  std::atomic<int> held_answers = 0;
  int held_tokens = 0;       // of these, with fields that the provider gave
  bool events_fail = false;  // the last answer could be recorded without its events only

  Instant now() { return {.wall = clock.now(), .steady = clock.elapsed(), .boot = clock.boot()}; }
  LaneState* find_lane(const std::string& provider, const std::string& environment);
};

// The field whose value is spent by being sent; empty where the provider has none.
std::string_view one_use_field(const CheckContext& context, const Provider& provider);

// Whether secrets that are bound to `origin` (empty: to none yet) may not be sent here: it is another one, and not exempt.
inline bool is_bound_elsewhere(const CheckContext& context, std::string_view origin, const Url& base_url) {
  return !origin.empty() && origin != base_url.origin() && !context.settings.is_exempt_origin(base_url);
}

// What a rule of health goes by on a lane, for one owner's credential, now.
CheckPolicy policy_for(CheckContext& context, const LaneState& lane, OwnerId owner, Cause cause);

// The breakers that watch one owner's credentials on a lane: of all owners together, and the owner's own where there is one.
template <class Predicate>
bool any_breaker(const LaneState& lane, OwnerId owner, Predicate is_so) {
  const auto own = lane.breakers.find(owner);
  return is_so(lane.breakers.at(std::nullopt)) || (own != lane.breakers.end() && is_so(own->second));
}

// An owner's breaker on a lane, or (nullopt) that of all owners together; made where there is none yet. It stays where it is.
LaneBreaker& ensure_breaker(const CheckContext& context, LaneState& lane, std::optional<OwnerId> owner, BreakerState state = {});

// Reads every provider's parameters and makes the lanes. The error's detail names provider and parameter.
Result<void> prepare_lanes(CheckContext& context, const std::map<BreakerScope, BreakerState>& breakers);

}  // namespace granary
