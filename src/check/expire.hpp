// Lets go what has been kept long enough: events after 30 days, credentials that nobody was linked to for 30 days,
// history after `[history] keep`.
#pragma once

#include "base/task.hpp"

namespace granary {

struct CheckContext;

// One small batch; true when nothing is left to do for now.
Task<bool> expire_some(CheckContext& context);

}  // namespace granary
