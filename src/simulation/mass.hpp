// Thousands of growers of one provider: all refused at once for a while, or some truly revoked. Whether the breaker tells the
// two apart, at the given interval between checks.
#pragma once

#include <string>

#include "base/time.hpp"

namespace granary::simulation {

struct MassOutcome {
  bool is_as_promised = false;
  std::string row;  // what happened, for people
};

enum class Trial {
  plain,
  outage,    // for an interval and an hour before it, the provider fails
  flapping,  // all are refused for a day, accepted until the breaker has closed and six minutes more, and then refused
  killed,    // while all are refused, the server is killed every thirty seconds, until the breaker is open
};

// Everybody is refused for `lasts`.
MassOutcome refuse_all(milliseconds interval, milliseconds lasts, Trial trial, std::uint64_t seed);
// Of the growers, one in so many ends within an interval.
MassOutcome revoke_some(milliseconds interval, int one_in, std::uint64_t seed);

// Nearly all were called UNAUTHENTICATED within a breaker's window; it opens, and the server is killed while that is taken back.
MassOutcome kill_while_opening(std::uint64_t seed);

}  // namespace granary::simulation
