// When a check of each lane last found all well. The store keeps it as a setting, so that an outage that outlives a restart can
// still be told from one that has always been.
#pragma once

#include "operation/checker.hpp"

namespace granary {

// Before the scheduler runs.
Task<> load_last_successes(Checker& checker);
// Those that are newer than what is stored by more than `behind`.
Task<> save_last_successes(Checker& checker, milliseconds behind);

}  // namespace granary
