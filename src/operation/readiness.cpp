#include "operation/readiness.hpp"

#include "operation/parts.hpp"

namespace granary {

Task<bool> is_ready(Parts& parts) {
  co_await parts.store.find_setting("token key");
  co_return parts.checks.held_answers == 0 && !parts.store_is_damaged && co_await parts.store.is_writable();
}

bool asks_providers(const Parts& parts) { return parts.checks.settings.is_asking; }

}  // namespace granary
