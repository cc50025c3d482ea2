// What the operations work with. Built by main (and by tests), used by operation/*.cpp; whoever calls an operation holds
// only a reference. Internal: it names types of store/ and sealing/.
#pragma once

#include <atomic>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/loop_turns.hpp"
#include "base/metrics.hpp"
#include "check/context.hpp"
#include "crypto/password_pool.hpp"
#include "domain/descriptor.hpp"
#include "operation/login_limits.hpp"
#include "operation/tokens.hpp"
#include "sealing/sealer.hpp"
#include "store/store.hpp"

namespace granary {

// One for each thread, since each has its own connection to the store. References outlive it.
struct Parts {
  Store& store;
  const Sealer& sealer;
  Clock& clock;
  Random& random;
  const Catalog& catalog;
  Log& log;
  crypto::PasswordPool& passwords;
  LoginLimits& logins;
  CheckContext& checks;
  TokenVerifier& tokens;
  LoopTurns& turns;
  const std::atomic<bool>& store_is_damaged;
};

}  // namespace granary
