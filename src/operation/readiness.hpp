// Whether this server can serve: it reads its store and can write to it, found no damage there, and holds nothing that the store
// could not take.
#pragma once

#include "base/task.hpp"

namespace granary {

struct Parts;

Task<bool> is_ready(Parts& parts);

}  // namespace granary
