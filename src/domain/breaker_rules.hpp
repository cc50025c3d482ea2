// What a breaker, and a change of the configuration, does to the health of many credentials: pure rules, applied by
// Store::change_health.
#pragma once

#include "domain/credential_health.hpp"

namespace granary {

// A breaker has opened: what a check has turned UNAUTHENTICATED or MISSING_PERMISSION since `since` is taken back.
HealthRule take_back(WallTime since, WallTime now);
// While it is open: what was OK, and was refused for the first time before `before` by both clocks, becomes unavailable.
HealthRule suspect_refused(Instant before, WallTime now);
// It has closed: what was not checked since is due within `spread` of that, and starts anew. A refused login keeps its place.
HealthRule spread_again(WallTime closed_at, WallTime now, milliseconds spread);
// A provider has no address any more: what says OK says so no longer. It has one again: what waited for it is due within
// `spread`.
HealthRule mark_not_configured(WallTime now);
HealthRule resume_configured(WallTime now, milliseconds spread);
// `--accept-new-origin`: due within `spread`, except a password whose tries are used up.
HealthRule check_at_new_origin(WallTime now, milliseconds spread);

}  // namespace granary
