// Asks the provider whether a credential still works, and commits what came of it. The scheduler and POST .../check are
// two doors to the same code. Runs on the checks' executor.
#pragma once

#include "base/ids.hpp"
#include "base/task.hpp"
#include "check/credential_locks.hpp"
#include "domain/history.hpp"

namespace granary {

struct CheckContext;

// By the clock: does nothing when the credential is being checked already, or its login with another. A PUT that a crash
// interrupted is settled.
Task<CheckEnd> check_by_clock(CheckContext& context, CredentialKey key);
// By request or after a client's report, as `cause` says: waits for a check under way and lets its answer count. No longer than
// `timeout`. StoreUnavailable.
Task<CheckEnd> check_now(CheckContext& context, CredentialKey key, Cause cause = Cause::request);

}  // namespace granary
