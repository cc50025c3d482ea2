// Keys of the store as a whole: made with the first start, sealed under the ring, the same for all who open the store.
#pragma once

#include <string>

#include "base/plaintext.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "sealing/sealer.hpp"
#include "store/store.hpp"

namespace granary {

// StartRefused where the key does not open.
Task<Plaintext> load_store_key(Store& store, const Sealer& sealer, Random& random, std::string name);

}  // namespace granary
