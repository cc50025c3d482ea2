// The breakers of the lanes: what checks tell them, and what their opening and closing do to the stored credentials. On the
// checks' executor. Where the store fails (StoreUnavailable), an opening or a closing is owed, and tend_breaker tries it again.
#pragma once

#include "base/task.hpp"

namespace granary {

struct Answer;
struct CheckState;
struct Checker;
struct LaneState;
struct StoredCredential;

// At start: what the last checks of each lane found, so that a provider that refuses everybody is noticed by a server that is
// killed again and again, too.
Task<> restore_breakers(Checker& checker);
// What a check found, and what `before` it was known of the credential.
Task<> tell_breaker(Checker& checker, LaneState& lane, const StoredCredential& credential, const CheckState& before,
                    const Answer& answer);
// A status that was decided before the breaker opened was recorded after that: it is taken back with the others.
void take_back_later(LaneState& lane, const CheckState& turned);
// Closes the breaker of a lane, by hand or after its successes. That it closed is owed to the store, with the spread of its
// checks: to tend_breaker.
void close_breaker(Checker& checker, LaneState& lane);
// What an open breaker does by itself: credentials refused for long enough become unavailable. And what the store is to be told
// of a breaker still: its closing, which takes a while where there are many credentials, and what came while the store failed.
// Does nothing where another call is at it.
Task<> tend_breaker(Checker& checker, LaneState& lane);

}  // namespace granary
