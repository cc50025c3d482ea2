// When a check of each lane last found all well. The store keeps it as a setting, so that an outage that outlives a restart can
// still be told from one that has always been.
#pragma once

#include "check/context.hpp"

namespace granary {

// Before the scheduler runs.
Task<> load_last_successes(CheckContext& context);
// Those that changed. What the store does not take is tried again the next time.
Task<> save_last_successes(CheckContext& context);

}  // namespace granary
