// Whether a provider has an incident, as the last checks of one owner's credentials on a lane tell it (docs/api.md, "Providers").
// No I/O; owned by the checks' thread.
#pragma once

#include <deque>
#include <optional>

#include "domain/credential_health.hpp"

namespace granary {

inline constexpr std::size_t kIncidentChecks = 40;  // counted at most
inline constexpr std::int64_t kIncidentMinimum = 3;
inline constexpr std::int64_t kIncidentShare = 5;  // one in so many
inline constexpr std::int64_t kIncidentEnds = 5;   // so many answered in a row end it
inline constexpr std::chrono::hours kIncidentReach{1};

struct Incident {
  WallTime since;
  Reason reason = Reason::unexpected_answer;
  double share = 0;  // of the checks that were counted
};

// What one check found.
struct RecentCheck {
  WallTime time;
  AnswerKind found = AnswerKind::ok;
  Reason reason = Reason::unexpected_answer;  // says nothing where it was ok
};

class RecentChecks {
 public:
  // In the order of their ends. Those count that lie within `interval`, or kIncidentReach if that is longer.
  void record(RecentCheck check, milliseconds interval);
  // nullopt: none. Its `since` stays while it lasts.
  std::optional<Incident> incident(WallTime now, milliseconds interval) const;
  // Of the same checks: how many found something of that kind, or of one of two kinds.
  double share(AnswerKind one, AnswerKind other, WallTime now, milliseconds interval) const;

 private:
  std::deque<RecentCheck> checks_;  // oldest first
  std::optional<WallTime> since_;   // of the incident that there is
};

}  // namespace granary
