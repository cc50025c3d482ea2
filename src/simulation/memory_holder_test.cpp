// Puts the simulation's store under the stores' contract suite.
#include "simulation/memory_store.hpp"
#include "store/store_fixture.hpp"

namespace granary {

namespace {

class MemoryHolder final : public StoreHolder {
 public:
  Store& store() override { return store_; }

 private:
  simulation::Database database_;
  simulation::MemoryStore store_{database_, nullptr, 1};
};

}  // namespace

std::unique_ptr<StoreHolder> make_memory_store() { return std::make_unique<MemoryHolder>(); }

}  // namespace granary
