// The breakers of the lanes, of each owner and of all together: what checks tell them, and what their opening and closing do to
// the stored credentials. On the checks' executor. Where the store fails (StoreUnavailable), an opening or a closing is owed, and
// tend_breakers tries it again.
#pragma once

#include <string>

#include "base/ids.hpp"
#include "base/task.hpp"

namespace granary {

struct Answer;
struct CredentialHealth;
struct CheckContext;
struct LaneState;
struct StoredCredential;

// At start: what the last checks of each lane found, so that a provider that refuses everybody is noticed by a server that is
// killed again and again, too.
Task<> restore_breakers(CheckContext& context);
// What a check found, and what `before` it was known of the credential. `login` is the same for credentials that show the same
// login; empty: for none.
Task<> tell_breakers(CheckContext& context, LaneState& lane, const StoredCredential& row, const std::string& login,
                     const CredentialHealth& before, const Answer& answer);
// A status that was decided before a breaker opened was recorded after that: it is taken back with the others.
void take_back_later(LaneState& lane, OwnerId owner, const CredentialHealth& turned);
// Closes the open breakers of a lane, by hand. That they closed is owed to the store, with the spread of their checks: to
// tend_breakers. False where none was open.
bool close_breakers_of(CheckContext& context, LaneState& lane);
// What open breakers do by themselves: credentials refused for long enough become unavailable. And what the store is to be told
// still: a closing, which takes a while where there are many credentials, and what came while the store failed. Passes over a
// breaker that another call is at.
Task<> tend_breakers(CheckContext& context, LaneState& lane);
// Whether there is anything to tend.
bool needs_tending(const LaneState& lane);

}  // namespace granary
