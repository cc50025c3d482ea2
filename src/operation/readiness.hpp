// Whether this server can serve: it reads its store and can write to it, found no damage there, and holds nothing that the store
// could not take.
#pragma once

#include "base/task.hpp"

namespace granary {

struct Parts;

Task<bool> is_ready(Parts& parts);
// False with checks off: it serves what is stored, and sends nothing to anybody.
bool asks_providers(const Parts& parts);

}  // namespace granary
