// Five thousand growers of one provider: all refused at once for a while, or one in a hundred truly revoked. Whether the
// breaker tells the two apart, at the given interval between checks.
#pragma once

#include <string>

#include "base/time.hpp"

namespace granary::simulation {

struct MassOutcome {
  bool is_as_promised = false;
  std::string row;  // what happened, for people
};

// Everybody is refused from the end of the first interval on, for `outage`.
MassOutcome refuse_all(milliseconds interval, milliseconds outage, std::uint64_t seed);
// One in a hundred ends within an interval.
MassOutcome revoke_some(milliseconds interval, std::uint64_t seed);

}  // namespace granary::simulation
