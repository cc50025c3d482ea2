// What is known about a credential's health, and how one answer of its provider changes it: pure functions, the rules
// of behaviour.md, "Checks". Called by operation/ with the time and the randomness passed in.
#pragma once

#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "domain/status.hpp"

namespace granary {

enum class AnswerKind : std::uint8_t { ok, refused, forbidden, unavailable };

// What one exchange, or several, with the provider came to.
struct Answer {
  AnswerKind kind = AnswerKind::unavailable;
  Reason reason = Reason::unexpected_answer;  // says nothing when ok
  std::optional<seconds> retry_after;
  std::optional<seconds> token_lifetime;  // of an access token that was given, when the provider says it
  std::optional<WallTime> refresh_at;     // of an access token that still works: when it should be replaced
};

// What the provider is shown: wrong passwords lock accounts, so they are tried a limited number of times.
enum class LoginKind : std::uint8_t { password, refresh_token };

// A moment by both clocks. Elapsed time counts within one boot of the machine only.
struct Instant {
  WallTime wall;
  SteadyTime steady;
  std::int64_t boot = 0;

  bool operator==(const Instant&) const = default;
};

// The smaller of wall time and elapsed time (a clock that jumps confirms nothing); never negative.
microseconds time_between(const Instant& begin, const Instant& end);

enum class Pending : std::uint8_t { none, refused, forbidden };

struct CheckState {
  Status status = Status::temporarily_unavailable;
  WallTime since;
  std::optional<Reason> reason = Reason::not_checked_yet;
  std::optional<WallTime> last_checked;
  std::optional<WallTime> next_check;  // nullopt: the clock does not try again

  Pending pending = Pending::none;       // the first of the two that a change needs
  std::optional<Instant> pending_since;  // also of what a check has confirmed, where it was OK before
  std::int32_t refusals = 0;             // since the last ok, POST, PUT or link
  std::int32_t outages = 0;              // unavailable answers since the last ok
  std::optional<Instant> outage_since;
  std::int32_t failures = 0;      // unavailable answers in a row
  bool outcome_unknown = false;   // a token was spent and the answer was lost
  bool suspected = false;         // was OK, and an opening has counted its refusals, or made it unavailable; not OK since
  bool turned_by_check = false;   // a check, not POST or PUT, made it what it is: the breaker may take that back
  bool answered_connect = false;  // what was last heard of it answered a POST or PUT, which is no check

  bool operator==(const CheckState&) const = default;

  // Nothing that was said of the login itself has ended its OK; an outage, what was wrong on our side, or the breaker may have.
  bool was_last_ok() const {
    return status == Status::ok || (status == Status::temporarily_unavailable && (turned_by_check || suspected));
  }
  // When a check refused or forbade it for the first time, it having been OK, as a breaker counts that.
  std::optional<WallTime> first_refusal() const;
};

struct CheckPolicy {
  milliseconds interval{std::chrono::hours(6)};
  milliseconds confirm_after{std::chrono::seconds(60)};
  milliseconds outage_after{std::chrono::minutes(15)};
  LoginKind login = LoginKind::password;
  bool breaker_open = false;
  bool holds_confirmations = false;  // for a moment: a breaker has just closed, or is in doubt
};

inline constexpr int kPasswordTriesMax = 3;
inline constexpr int kOutagesForUnavailable = 3;
inline constexpr milliseconds kRefusedRetry{std::chrono::hours(24)};
inline constexpr milliseconds kBackoffFirst{std::chrono::seconds(30)};
inline constexpr seconds kRetryAfterMax{std::chrono::hours(1)};

// A refused login keeps its place: whatever comes between uses up no try and brings none forward. Says whether this one has
// its place ahead; it is then no further than the day it may wait, should the clock have been set back.
bool keeps_refused_place(CheckState& state, WallTime now);
// That place: a day after its last try; none where no try is left.
std::optional<WallTime> refused_place(const CheckState& state, LoginKind login);
// Brings a refused login that was due for another's sake back there. False where that has come anyway, and where it has none:
// linked anew, it is to be checked.
bool return_to_refused_place(CheckState& state, LoginKind login, WallTime now);

// A check's answer, by the clock or by request.
CheckState after_check(CheckState state, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random);
// The first answer after POST, or after PUT replaced the fields: believed at once.
CheckState after_connect(CheckState state, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random);

// When an access token given now should be replaced, so that what GET returns works.
WallTime refresh_time(WallTime now, seconds lifetime);

// Somewhere in the last tenth of the interval, so that checks never form a herd and none is late.
WallTime spread_next(WallTime now, milliseconds interval, Random& random);

// The longest that any rule lets a credential wait. One whose next check lies further ahead is due: the clock was set back.
struct LongestWait {
  milliseconds refused;  // UNAUTHENTICATED
  milliseconds other;
};
LongestWait longest_wait(const CheckPolicy& policy);

}  // namespace granary
