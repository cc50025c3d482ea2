// What is known about a credential's health, and how one answer of its provider changes it: pure functions, and two tables that
// are printed into docs/reliability.md. The store applies them to rows (Store::commit, Store::change_health); nobody else changes
// a status.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "domain/history.hpp"
#include "domain/status.hpp"

namespace granary {

enum class AnswerKind : std::uint8_t { ok, refused, forbidden, unavailable };
inline constexpr std::size_t kAnswerKinds = 4;
std::string_view name_of(AnswerKind kind);

// What a success has proved. Stored as a number: the order stays.
enum class Proof : std::uint8_t { probe, login, refresh };
std::string_view name_of(Proof proof);

// What one exchange, or several, with the provider came to.
struct Answer {
  AnswerKind kind = AnswerKind::unavailable;
  Reason reason = Reason::unexpected_answer;  // says nothing when ok, unless what followed a refresh was not answered
  std::optional<seconds> retry_after;
  std::optional<seconds> token_lifetime;  // of an access token that was given, when the provider says it
  std::optional<WallTime> grant_ends;     // whatever is done: a refresh token's own lifetime, when the provider says it
  std::optional<WallTime> refresh_at;     // when the access token should be replaced, or the refresh token before it ends
  Proof proof = Proof::login;             // when ok
  bool is_uncertain = false;              // refused: a request whose answer was lost may have spent the token (domain/grant.hpp)
  bool is_unconfirmed = false;            // ok: what was asked after the refresh was not answered; asked again soon
  bool is_counted_try = false;            // a try of a password that was counted before it was sent
  std::int32_t tries_before = 0;          // how often the password had been refused, whoever holds it
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

struct CredentialHealth {
  Status status = Status::temporarily_unavailable;
  WallTime since;
  std::optional<Reason> reason = Reason::not_checked_yet;
  std::optional<WallTime> last_checked;  // the last exchange
  std::optional<WallTime> next_check;    // nullopt: the clock does not try again
  std::optional<WallTime> retry_at;      // its provider wants it left alone until then: the last answer said so (Retry-After)
  std::optional<WallTime> last_success;
  std::optional<Proof> proved_by;    // what that proved
  std::int32_t failures_in_row = 0;  // answers since then that were not ok

  bool was_last_ok = false;              // its last status other than TEMPORARILY_UNAVAILABLE was OK
  Pending pending = Pending::none;       // the first of the two that a change needs
  std::optional<Instant> pending_since;  // also of what a check has confirmed, where it was OK before
  std::int32_t refusals = 0;             // since the last ok, POST, PUT or link
  std::int32_t outages = 0;              // unavailable answers since the last ok
  std::optional<Instant> outage_since;
  std::optional<Cause> status_cause;  // what made the status what it is
  std::optional<Cause> answer_cause;  // of the last answer; nullopt: none was heard yet
  std::optional<Cause> due_cause;     // what made the next check due, where it was not the clock
  // It was OK and is refused, and a breaker that was open knows that: it counted the refusal, or called the credential
  // unavailable. Until it is OK again, its refusals open no breaker.
  bool is_suspected = false;
  // Since when a fuse keeps it from spending its token; nullopt: not since its last answer.
  std::optional<Instant> held_since;
  std::optional<WallTime> access_ends;          // of the access token; nullopt where that is not known
  std::optional<WallTime> grant_ends;           // of the grant, whatever Granary does; as it was told last
  std::optional<Action> action = Action::wait;  // follows from the rest (settle_action)

  bool operator==(const CredentialHealth&) const = default;

  bool is_bad() const { return status == Status::unauthenticated || status == Status::missing_permission; }
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
  Cause cause = Cause::check;

  bool may_confirm() const { return !breaker_open && !holds_confirmations; }
};

// What an answer does to a status.
enum class Effect : std::uint8_t {
  becomes,    // at once
  needs_two,  // of one kind, `confirm_after` apart
  stays,
  outage_rule,  // three unavailable answers over `outage_after`, whatever came between except an ok
};
struct StatusRule {
  Effect effect;
  Status to;
};
// By status and answer, in their order.
using StatusTable = std::array<std::array<StatusRule, kAnswerKinds>, kAllStatuses.size()>;
extern const StatusTable kStatusTable;

// What has happened, as far as the next try depends on it.
enum class Situation : std::uint8_t {
  ok,
  ok_unconfirmed,
  first_of_two,
  first_of_two_held_back,  // the breaker is open, or a password was refused and forbidden by turns
  password_refused,
  token_refused,
  token_refused_uncertain,
  forbidden,
  unavailable,
  unusable_key,
  application_refused,
};
inline constexpr std::size_t kSituations = 11;
enum class Wait : std::uint8_t { interval, soon, confirm_after, day_then_never, token_steps, daily, backoff, hourly, never };
struct NextTryRule {
  Situation situation;
  Wait wait;
  std::string_view text;  // for people
};
extern const std::array<NextTryRule, kSituations> kNextTryTable;

inline constexpr int kPasswordTriesMax = 3;
inline constexpr int kOutagesForUnavailable = 3;
inline constexpr milliseconds kRefusedRetry{std::chrono::hours(24)};
inline constexpr milliseconds kApplicationRetry{std::chrono::hours(1)};
inline constexpr milliseconds kBackoffFirst{std::chrono::seconds(30)};
inline constexpr milliseconds kSoon{std::chrono::seconds(60)};
inline constexpr milliseconds kHeldMax{std::chrono::minutes(10)};  // until a fuse is asked again; also the spread after it
inline constexpr seconds kRetryAfterMax{std::chrono::hours(1)};

// A refused login keeps its place: whatever comes between uses up no try and brings none forward. Says whether this one has
// its place ahead; it is then no further than the day it may wait, should the clock have been set back.
bool keeps_refused_place(CredentialHealth& health, WallTime now);

// A check's answer, by the clock or by request.
CredentialHealth after_check(CredentialHealth health, const Answer& answer, const CheckPolicy& policy, const Instant& now,
                             Random& random);
// The first answer after POST, or after PUT replaced the fields: believed at once.
CredentialHealth after_connect(CredentialHealth health, const Answer& answer, const CheckPolicy& policy, const Instant& now,
                               Random& random);
// What is wrong on our side, so that nothing is sent: said at once, since waiting proves nothing.
CredentialHealth after_obstacle(CredentialHealth health, Reason reason, std::optional<WallTime> next_check, WallTime now);
// A POST or PUT whose login cannot be shown to its provider: nothing is known of it yet.
CredentialHealth after_unasked_connect(CredentialHealth health, Reason reason, Cause cause, WallTime now);
// There was no slot, or not the time: nothing was sent, and it is due at once.
CredentialHealth after_no_place(CredentialHealth health, WallTime now);
// The provider was asked, but not to the end, for reasons of ours: it is not asked again at once.
CredentialHealth after_half_a_check(CredentialHealth health, std::optional<Reason> reason, milliseconds interval, WallTime now,
                                    Random& random);
// A fuse keeps it from spending its token: nothing was sent. Once that has lasted for `outage_after`, and the access token has
// ended, it is unavailable for the fuse's reason.
struct HeldBack {
  Reason reason = Reason::timeout;
  bool is_access_refused = false;  // by a probe: whatever its lifetime, it has ended
};
CredentialHealth after_held(CredentialHealth health, const HeldBack& held, const CheckPolicy& policy, const Instant& now,
                            Random& random);
// What a provider gave for the stored token is kept, and it is not said yet how the login fares with it: it is checked soon. One
// that was refused was so with another token, and does not wait its day.
CredentialHealth after_keeping(CredentialHealth health, WallTime now, Random& random);
// Due no sooner than that; a refused login keeps its place.
CredentialHealth not_checked_before(CredentialHealth health, WallTime not_before, WallTime now);
// A password that has been refused is about to be shown again: it counts before it is sent, whatever becomes of us.
CredentialHealth with_counted_try(CredentialHealth health);
// The clock leaves it alone until then (left_alone, domain/shared_tries.hpp); its status stays.
CredentialHealth with_next_check(CredentialHealth health, std::optional<WallTime> next_check);

// Sets the action by what else is known. The one writer of health calls it (store/credential_write.hpp), and who makes a new row.
CredentialHealth settle_action(const CredentialHealth& before, CredentialHealth health);

// How the moment of a refresh is drawn, so that tokens that were issued at once are not all refreshed at once.
struct RefreshTiming {
  bool is_first = false;                         // after a POST, PUT, link or an outage
  double share = 0;                              // 0 to 1, drawn at random: how early within what is allowed
  milliseconds floor{std::chrono::seconds(10)};  // two refreshes are never closer
};

// When an access token given now should be replaced, so that what GET returns works: at the latest min(max(lifetime / 10, 60 s),
// lifetime / 2) before it ends. The first time anywhere between half of the lifetime and that, later up to a tenth earlier.
WallTime refresh_time(WallTime now, seconds lifetime, const RefreshTiming& timing);

// Somewhere in the last tenth of the interval, so that checks never form a herd and none is late.
WallTime spread_next(WallTime now, milliseconds interval, Random& random);

// The longest that any rule lets a credential wait. One whose next check lies further ahead is due: the clock was set back.
struct LongestWait {
  milliseconds refused;  // UNAUTHENTICATED
  milliseconds other;
};
LongestWait longest_wait(const CheckPolicy& policy);

// What a change of many rows does to one: nullopt leaves it as it is. `random` differs from row to row.
using HealthRule = std::function<std::optional<CredentialHealth>(const CredentialHealth& health, Random& random)>;

}  // namespace granary
