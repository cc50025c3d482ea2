// The fuses of the lanes, of each owner and of all together: what checks tell them, and whether the clock may spend a token. On
// the checks' executor.
#pragma once

#include <optional>
#include <vector>

#include "check/context.hpp"

namespace granary {

// A request that spent a stored login's one-use token, or tried to.
struct TokenRequest {
  TokenOutcome outcome = TokenOutcome::unknown;
  // It had refreshed before, and this was no second try of a lost token. Others count neither way; but what succeeds mends.
  bool counts = false;
};

// At start. StoreUnavailable.
Task<> restore_fuses(CheckContext& context);

// At once, whatever becomes of the store: what it is to be told is owed to it from then on. `reason` is an unknown outcome's.
void record_token_request(CheckContext& context, LaneState& lane, CredentialKey key, const TokenRequest& request, Reason reason);
// StoreUnavailable: it is owed still.
Task<> save_fuses(CheckContext& context, LaneState& lane);
bool owes_fuses(const LaneState& lane);

// Why the clock spends no token of this owner's here; nullopt: it does.
std::optional<Reason> held_by_fuse(const LaneState& lane, OwnerId owner);
// Whether it may spend one all the same, to find out.
bool is_trial_due(const LaneState& lane, OwnerId owner, WallTime now);
// The same, and the caller spends it: durable when it returns, so that no restart brings one more. StoreUnavailable.
Task<bool> take_trial(CheckContext& context, LaneState& lane, OwnerId owner);
// One of whose credentials each is to be tried now; nullopt: of anybody's.
std::vector<std::optional<OwnerId>> list_due_trials(const LaneState& lane, WallTime now);

}  // namespace granary
