// What the end of an outage does to a lane's credentials: those that wait for their own backoff are checked soon. On the checks'
// executor.
#pragma once

#include "check/context.hpp"

namespace granary {

// Whether there is an end to tell of.
bool needs_waking(const LaneState& lane);
// StoreUnavailable: what is left waits for its backoff.
Task<> wake_lane(CheckContext& context, LaneState& lane);

}  // namespace granary
