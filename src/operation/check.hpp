// Asks the provider whether a credential still works, and records what came of it. The scheduler and POST .../check are
// two doors to the same code. Runs on the checks' executor.
#pragma once

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/task.hpp"
#include "domain/records.hpp"

namespace granary {

struct Checker;
struct LaneState;
enum class Trigger;

enum class CheckEnd { recorded, not_sent, gone, seal_broken };

// By the clock: does nothing when the credential is being checked already.
Task<> check_by_clock(Checker& checker, CredentialId id);
// By request: waits for a check under way and lets its answer count.
Task<CheckEnd> check_now(Checker& checker, CredentialId id);

// Closes the breaker of a lane by hand or after its successes, and spreads the lane's checks.
Task<> close_breaker(Checker& checker, LaneState& lane);
// What an open breaker does by itself: credentials refused for long enough become unavailable.
Task<> tend_breakers(Checker& checker);

}  // namespace granary
