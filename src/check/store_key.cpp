#include "check/store_key.hpp"

#include "crypto/primitives.hpp"

namespace granary {

Task<Plaintext> load_store_key(Store& store, const Sealer& sealer, Random& random, std::string name) {
  // Read first: only the start that makes the key needs a store that can write.
  auto stored = co_await store.find_setting(name);
  if (!stored) {
    const Plaintext made(random.bytes(crypto::kKeyBytes));
    stored = co_await store.ensure_setting(name, sealer.seal_setting(name, made, random).bytes);
  }
  auto key = sealer.open_setting(name, {*stored});
  if (!key) throw StartRefused("the " + name + " does not open: the store is damaged, restore it from a backup");
  co_return std::move(*key);
}

}  // namespace granary
