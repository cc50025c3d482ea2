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

enum class Weather {
  calm,      // before all are refused, and the server stays up
  outage,    // for an interval and an hour before it, the provider fails
  flapping,  // all are refused, until the breaker has opened; accepted, until it has closed; and then refused
  killed,    // while all are refused, the server is killed every thirty seconds, until the breaker is open
};

// Everybody is refused for `lasts`.
MassOutcome refuse_all(milliseconds interval, milliseconds lasts, Weather weather, std::uint64_t seed);
// One in a hundred ends within an interval.
MassOutcome revoke_some(milliseconds interval, std::uint64_t seed);

}  // namespace granary::simulation
