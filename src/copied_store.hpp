// A copy of a store that is served beside the original spends its refresh tokens. Which machine and folder last asked providers
// stands among the store's settings, so that a start elsewhere says so.
#pragma once

#include "base/task.hpp"

namespace granary {

struct Product;

// Warns where it was another machine or folder. With checks off the note stays as it is: the start that first sends something is
// warned too. StoreUnavailable.
Task<> note_where_served(Product& product);

}  // namespace granary
