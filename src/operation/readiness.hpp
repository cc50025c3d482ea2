// Whether this server can serve: it reads its store, and is not about to stop.
#pragma once

#include "base/task.hpp"

namespace granary {

struct Parts;

Task<bool> is_ready(Parts& parts);

}  // namespace granary
