#include "domain/credential_health.hpp"

#include <algorithm>

namespace granary {

namespace {

constexpr StatusRule becomes(Status to) { return {.effect = Effect::becomes, .to = to}; }
constexpr StatusRule needs_two(Status to) { return {.effect = Effect::needs_two, .to = to}; }
constexpr StatusRule stays(Status in) { return {.effect = Effect::stays, .to = in}; }
constexpr Status kOk = Status::ok, kRefused = Status::unauthenticated, kMissing = Status::missing_permission,
                 kUnavailable = Status::temporarily_unavailable;
constexpr StatusRule kByOutageRule = {.effect = Effect::outage_rule, .to = kUnavailable};

}  // namespace

constexpr StatusTable kStatusTable = {{
    //                             ok             refused              forbidden            unavailable
    /* OK                      */ {becomes(kOk), needs_two(kRefused), needs_two(kMissing), kByOutageRule},
    /* UNAUTHENTICATED         */ {becomes(kOk), stays(kRefused), needs_two(kMissing), stays(kRefused)},
    /* MISSING_PERMISSION      */ {becomes(kOk), needs_two(kRefused), stays(kMissing), stays(kMissing)},
    /* TEMPORARILY_UNAVAILABLE */ {becomes(kOk), needs_two(kRefused), needs_two(kMissing), stays(kUnavailable)},
}};

constexpr std::array<NextTryRule, kSituations> kNextTryTable = {{
    {Situation::ok, Wait::interval, "after `interval`, or before the access token ends"},
    {Situation::ok_unconfirmed, Wait::soon, "within a minute"},
    {Situation::first_of_two, Wait::confirm_after, "`confirm_after` after the first of the two"},
    {Situation::first_of_two_held_back, Wait::interval, "after `interval`"},
    {Situation::password_refused, Wait::day_then_never, "once after 24 h, then never by the clock (three refusals in all)"},
    {Situation::token_refused, Wait::token_steps, "after 10 min, 1 h, 6 h, then every 24 h, each from the try before"},
    {Situation::token_refused_uncertain, Wait::daily, "every 24 h"},
    {Situation::forbidden, Wait::interval, "after `interval`"},
    {Situation::unavailable, Wait::backoff,
     "at random within 30 s, doubled with each one more, at most `interval`; no sooner than `Retry-After` (1 h at most)"},
    {Situation::unusable_key, Wait::never, "never by the clock"},
    {Situation::application_refused, Wait::hourly, "after 1 h, or `interval` if that is longer"},
}};

namespace {

constexpr bool are_in_order() {
  for (std::size_t i = 0; i < kSituations; ++i)
    if (kNextTryTable[i].situation != static_cast<Situation>(i)) return false;
  return true;
}
static_assert(are_in_order(), "a rule for each situation");

WallTime plus(WallTime time, milliseconds wait) { return time + std::chrono::duration_cast<microseconds>(wait); }

void set_status(CredentialHealth& health, Status status, Cause cause, WallTime now) {
  if (health.status != status) health.since = now;
  if (health.status != status || !health.status_cause) health.status_cause = cause;
  health.status = status;
}

void clear_pending(CredentialHealth& health) {
  health.pending = Pending::none;
  health.pending_since.reset();
}

// The waits after each refusal of a token, from the confirming one on, which is the second.
constexpr std::array<milliseconds, 3> kTokenSteps = {std::chrono::minutes(10), std::chrono::hours(1), std::chrono::hours(6)};

milliseconds token_step(std::int32_t refusals) {
  const auto step = static_cast<std::size_t>(std::max(refusals - 2, 0));
  return step < kTokenSteps.size() ? kTokenSteps[step] : kRefusedRetry;
}

// Exponential with full jitter, never longer than the interval.
milliseconds backoff(std::int32_t outages, milliseconds interval, Random& random) {
  const auto longest = std::min<std::int64_t>(kBackoffFirst.count() << std::min(outages, 20), interval.count());
  return milliseconds(1 +
                      static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(std::max<std::int64_t>(longest, 1)))));
}

std::optional<WallTime> next_try(Situation situation, const CredentialHealth& health, const CheckPolicy& policy,
                                 const Instant& now, Random& random) {
  switch (kNextTryTable[static_cast<std::size_t>(situation)].wait) {
    case Wait::interval: return spread_next(now.wall, policy.interval, random);
    case Wait::soon: return spread_next(now.wall, std::min(kSoon, policy.interval), random);
    case Wait::confirm_after: {
      if (policy.holds_confirmations) return plus(now.wall, policy.confirm_after);
      // Counted from the first of the two; one that came too early for it does not push it back.
      const auto waited = std::chrono::duration_cast<milliseconds>(time_between(*health.pending_since, now));
      return plus(now.wall, std::max(policy.confirm_after - waited, milliseconds(0)));
    }
    case Wait::day_then_never:
      return health.refusals >= kPasswordTriesMax ? std::nullopt : std::optional(plus(now.wall, kRefusedRetry));
    case Wait::token_steps: return plus(now.wall, token_step(health.refusals));
    case Wait::daily: return plus(now.wall, kRefusedRetry);
    case Wait::backoff: return plus(now.wall, backoff(health.outages - 1, policy.interval, random));
    case Wait::hourly: return spread_next(now.wall, std::max(kApplicationRetry, policy.interval), random);
    case Wait::never: return std::nullopt;
  }
  return std::nullopt;
}

Situation refused_situation(const Answer& answer, const CheckPolicy& policy) {
  if (policy.login == LoginKind::password) return Situation::password_refused;
  return answer.is_uncertain ? Situation::token_refused_uncertain : Situation::token_refused;
}

void apply_ok(CredentialHealth& health, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random) {
  set_status(health, Status::ok, policy.cause, now.wall);
  health.was_last_ok = true;
  health.reason = answer.is_unconfirmed ? std::optional(answer.reason) : std::nullopt;
  clear_pending(health);
  health.refusals = health.outages = health.failures_in_row = 0;
  health.outage_since.reset();
  health.is_suspected = false;
  health.last_success = now.wall;
  health.proved_by = answer.proof;
  WallTime next = *next_try(answer.is_unconfirmed ? Situation::ok_unconfirmed : Situation::ok, health, policy, now, random);
  if (answer.refresh_at) next = std::min(next, *answer.refresh_at);
  health.next_check = next;
}

// A clock was set back, or elapsed time began anew within a boot: nothing could be counted from there.
bool lies_ahead(const Instant& instant, const Instant& now) {
  return instant.wall > now.wall || (instant.boot == now.boot && instant.steady > now.steady);
}

// Refused or forbidden after another answer of that kind.
bool is_second(const CredentialHealth& health, Pending kind, const Instant& now) {
  return health.pending == kind && health.pending_since && !lies_ahead(*health.pending_since, now);
}

// When it began stays known where it was OK before: should it be many, the breaker counts that.
void turn_bad(CredentialHealth& health, Status status, Cause cause, WallTime now) {
  if (!health.was_last_ok) health.pending_since.reset();
  health.pending = Pending::none;
  set_status(health, status, cause, now);
  health.was_last_ok = false;
}

// While many are refused at once, one that was refused for long enough is reported as unavailable, not as revoked.
void apply_breaker(CredentialHealth& health, const CheckPolicy& policy, const Instant& now) {
  if (!policy.breaker_open || !health.pending_since || health.is_bad()) return;
  if (time_between(*health.pending_since, now) < policy.outage_after) return;
  if (health.status == Status::ok) health.is_suspected = true;
  set_status(health, Status::temporarily_unavailable, Cause::breaker, now.wall);
  health.reason = Reason::provider_refuses_many;
}

// The second one that comes late enough confirms the first. One that is OK needs no second where no try is left: others hold the
// same login and have used them up, so theirs count.
bool is_confirmed(const CredentialHealth& health, Pending kind, const CheckPolicy& policy, const Instant& now) {
  if (!policy.may_confirm()) return false;
  if (is_second(health, kind, now)) return time_between(*health.pending_since, now) >= policy.confirm_after;
  return policy.login == LoginKind::password && kind == Pending::refused && health.pending == Pending::none &&
         health.status == Status::ok && health.refusals >= kPasswordTriesMax;
}

// Refused or forbidden by a check. `bad_reason` and `situation` are of one that counts.
void apply_denial(CredentialHealth& health, Pending kind, Reason bad_reason, Situation situation, const CheckPolicy& policy,
                  const Instant& now, Random& random) {
  const Pending before = health.pending;
  const StatusRule rule =
      kStatusTable[static_cast<std::size_t>(health.status)]
                  [static_cast<std::size_t>(kind == Pending::refused ? AnswerKind::refused : AnswerKind::forbidden)];
  const bool turns = rule.effect != Effect::stays && is_confirmed(health, kind, policy, now);
  if (!is_second(health, kind, now)) {
    health.pending = kind;
    health.pending_since = now;
  }
  if (rule.effect == Effect::stays) {
    clear_pending(health);
  } else if (turns) {
    turn_bad(health, rule.to, policy.cause, now.wall);
  } else {
    health.reason = Reason::refused_once;
    // While the breaker is open nothing is confirmed: another credential is probed before this one is asked again. Nor is a
    // password shown each minute where its provider refuses and forbids it by turns.
    const bool alternates = before != Pending::none && before != kind;
    const bool shown_often = alternates && policy.login == LoginKind::password && health.refusals >= kPasswordTriesMax;
    const bool held_back = policy.breaker_open || shown_often;
    health.next_check =
        next_try(held_back ? Situation::first_of_two_held_back : Situation::first_of_two, health, policy, now, random);
    apply_breaker(health, policy, now);
    return;
  }
  health.reason = bad_reason;
  health.next_check = next_try(situation, health, policy, now, random);
}

void apply_unavailable(CredentialHealth& health, const Answer& answer, const CheckPolicy& policy, const Instant& now,
                       Random& random) {
  if (answer.is_counted_try) health.refusals = std::max(health.refusals - 1, 0);
  if (health.outages++ == 0 || !health.outage_since || lies_ahead(*health.outage_since, now)) health.outage_since = now;
  health.reason = answer.reason;
  const StatusRule rule =
      kStatusTable[static_cast<std::size_t>(health.status)][static_cast<std::size_t>(AnswerKind::unavailable)];
  if (rule.effect == Effect::outage_rule && health.outages >= kOutagesForUnavailable &&
      time_between(*health.outage_since, now) >= policy.outage_after)
    set_status(health, rule.to, policy.cause, now.wall);
  const bool is_of_application = answer.reason == Reason::application_refused;
  const Situation situation = is_of_application ? Situation::application_refused : Situation::unavailable;
  if (!keeps_refused_place(health, now.wall)) health.next_check = next_try(situation, health, policy, now, random);
  if (answer.retry_after) {
    health.retry_at = now.wall + std::clamp(*answer.retry_after, seconds(0), kRetryAfterMax);
    if (health.next_check) health.next_check = std::max(*health.next_check, *health.retry_at);
  }
}

void note_answer(CredentialHealth& health, const Answer& answer, const CheckPolicy& policy, WallTime now) {
  health.last_checked = now;
  health.answer_cause = policy.cause;
  health.due_cause.reset();
  health.held_since.reset();
  health.retry_at.reset();
  const bool is_refreshed = answer.kind == AnswerKind::ok && answer.proof == Proof::refresh;
  if (answer.token_lifetime) health.access_ends = now + *answer.token_lifetime;
  else if (is_refreshed) health.access_ends.reset();
  if (answer.grant_ends) health.grant_ends = answer.grant_ends;
  if (answer.kind != AnswerKind::ok) ++health.failures_in_row;
}

Reason refused_reason(const Answer& answer) { return answer.is_uncertain ? Reason::refresh_outcome_unknown : Reason::refused; }

// A new login: what was counted of the one before says nothing of it.
void begin_anew(CredentialHealth& health, Cause cause) {
  clear_pending(health);
  health.refusals = health.outages = 0;
  health.outage_since.reset();
  health.is_suspected = false;
  health.held_since.reset();
  health.retry_at.reset();
  health.access_ends.reset();
  health.grant_ends.reset();
  health.status_cause = cause;
}

// Nothing was sent: no exchange, no failure.
void apply_unusable(CredentialHealth& health, const CheckPolicy& policy, const Instant& now, Random& random) {
  health.reason = Reason::unusable_key;
  health.answer_cause = policy.cause;
  health.next_check = next_try(Situation::unusable_key, health, policy, now, random);
}

}  // namespace

microseconds time_between(const Instant& begin, const Instant& end) {
  microseconds span = end.wall - begin.wall;
  if (begin.boot == end.boot) span = std::min(span, end.steady - begin.steady);
  return std::max(span, microseconds(0));
}

std::optional<WallTime> CredentialHealth::first_refusal() const {
  if (!pending_since) return std::nullopt;
  const bool is_confirmed = pending == Pending::none;  // and was OK: then it is kept
  return is_confirmed || was_last_ok ? std::optional(pending_since->wall) : std::nullopt;
}

bool keeps_refused_place(CredentialHealth& health, WallTime now) {
  if (health.status != Status::unauthenticated || health.pending != Pending::none) return false;
  if (!health.next_check) return true;  // no try is left
  if (*health.next_check <= now) return false;
  health.next_check = std::min(*health.next_check, plus(now, kRefusedRetry));
  return true;
}

CredentialHealth after_check(CredentialHealth health, const Answer& answer, const CheckPolicy& policy, const Instant& now,
                             Random& random) {
  if (answer.kind == AnswerKind::unavailable && answer.reason == Reason::unusable_key) {
    apply_unusable(health, policy, now, random);
    if (!health.is_bad()) set_status(health, Status::temporarily_unavailable, policy.cause, now.wall);
    return health;
  }
  note_answer(health, answer, policy, now.wall);
  switch (answer.kind) {
    case AnswerKind::ok: apply_ok(health, answer, policy, now, random); break;
    case AnswerKind::refused:
      if (!answer.is_counted_try) ++health.refusals;
      apply_denial(health, Pending::refused, refused_reason(answer), refused_situation(answer, policy), policy, now, random);
      break;
    case AnswerKind::forbidden:
      if (answer.is_counted_try) health.refusals = std::max(health.refusals - 1, 0);
      apply_denial(health, Pending::forbidden, answer.reason, Situation::forbidden, policy, now, random);
      break;
    case AnswerKind::unavailable: apply_unavailable(health, answer, policy, now, random); break;
  }
  return health;
}

CredentialHealth after_connect(CredentialHealth health, const Answer& answer, const CheckPolicy& policy, const Instant& now,
                               Random& random) {
  begin_anew(health, policy.cause);
  health.refusals = answer.tries_before;  // with other credentials that hold the same login
  if (answer.kind == AnswerKind::unavailable && answer.reason == Reason::unusable_key) {
    set_status(health, Status::temporarily_unavailable, policy.cause, now.wall);
    apply_unusable(health, policy, now, random);
    return health;
  }
  note_answer(health, answer, policy, now.wall);
  // Whoever posts a login has just given the application's key with it.
  if (answer.kind == AnswerKind::unavailable && answer.reason == Reason::application_refused) {
    turn_bad(health, Status::unauthenticated, policy.cause, now.wall);
    health.reason = answer.reason;
    health.next_check = next_try(Situation::application_refused, health, policy, now, random);
    return health;
  }
  switch (answer.kind) {
    case AnswerKind::ok: apply_ok(health, answer, policy, now, random); break;
    case AnswerKind::refused:
      // Believed at once, it counts as the first and the confirming one.
      health.refusals = std::max(answer.tries_before + 1, 2);
      turn_bad(health, Status::unauthenticated, policy.cause, now.wall);
      health.reason = refused_reason(answer);
      health.next_check = next_try(refused_situation(answer, policy), health, policy, now, random);
      break;
    case AnswerKind::forbidden:
      turn_bad(health, Status::missing_permission, policy.cause, now.wall);
      health.reason = answer.reason;
      health.next_check = next_try(Situation::forbidden, health, policy, now, random);
      break;
    case AnswerKind::unavailable:
      set_status(health, Status::temporarily_unavailable, policy.cause, now.wall);
      apply_unavailable(health, answer, policy, now, random);
      if (answer.is_counted_try) health.refusals = std::max(answer.tries_before, 1);  // a crash hid what came of it
      break;
  }
  return health;
}

CredentialHealth after_obstacle(CredentialHealth health, Reason reason, std::optional<WallTime> next_check, WallTime now) {
  health.reason = reason;
  // Nothing would bring a refused login's place back, where there is no next check.
  const bool keeps_place = !next_check && health.status == Status::unauthenticated;
  if (!keeps_place && !keeps_refused_place(health, now)) health.next_check = next_check;
  if (health.status == Status::ok)  // what the provider refused or forbade stays so
    set_status(health, Status::temporarily_unavailable, Cause::configuration, now);
  return health;
}

CredentialHealth after_unasked_connect(CredentialHealth health, Reason reason, Cause cause, WallTime now) {
  begin_anew(health, cause);
  set_status(health, Status::temporarily_unavailable, cause, now);
  health.answer_cause = cause;
  health.reason = reason;
  health.next_check.reset();
  return health;
}

CredentialHealth after_no_place(CredentialHealth health, WallTime now) {
  health.reason = Reason::rate_limited;
  if (!keeps_refused_place(health, now)) health.next_check = now;
  return health;
}

CredentialHealth after_half_a_check(CredentialHealth health, std::optional<Reason> reason, milliseconds interval, WallTime now,
                                    Random& random) {
  constexpr milliseconds kAfterHalfACheck{std::chrono::seconds(30)};
  if (reason) health.reason = reason;
  if (!keeps_refused_place(health, now)) health.next_check = spread_next(now, std::min(interval, kAfterHalfACheck), random);
  return health;
}

CredentialHealth after_held(CredentialHealth health, const HeldBack& held, const CheckPolicy& policy, const Instant& now,
                            Random& random) {
  if (!health.held_since || lies_ahead(*health.held_since, now)) health.held_since = now;
  const microseconds left = policy.outage_after - time_between(*health.held_since, now);
  const bool has_ended = held.is_access_refused || !health.access_ends || *health.access_ends <= now.wall;
  if (health.status == Status::ok && left <= microseconds(0) && has_ended) {
    set_status(health, Status::temporarily_unavailable, Cause::breaker, now.wall);
    health.reason = held.reason;
  }
  const auto longest = static_cast<std::uint64_t>(std::max<std::int64_t>(std::min(policy.interval, kHeldMax).count(), 1));
  WallTime next = plus(now.wall, milliseconds(1 + static_cast<std::int64_t>(random.below(longest))));
  // No later than it becomes unavailable.
  if (health.status == Status::ok)
    next = std::min(next, has_ended ? now.wall + left : std::max(now.wall + left, *health.access_ends));
  health.next_check = next;
  return health;
}

CredentialHealth after_keeping(CredentialHealth health, WallTime now, Random& random) {
  const WallTime soon = health.status == Status::unauthenticated ? now : spread_next(now, kSoon, random);
  health.next_check = health.next_check ? std::min(*health.next_check, soon) : soon;
  return health;
}

CredentialHealth not_checked_before(CredentialHealth health, WallTime not_before, WallTime now) {
  if (health.next_check && !keeps_refused_place(health, now)) health.next_check = std::max(*health.next_check, not_before);
  return health;
}

CredentialHealth with_counted_try(CredentialHealth health) {
  ++health.refusals;
  return health;
}

CredentialHealth with_next_check(CredentialHealth health, std::optional<WallTime> next_check) {
  health.next_check = next_check;
  return health;
}

CredentialHealth settle_action(const CredentialHealth& before, CredentialHealth health) {
  const bool is_same = before.status == health.status && before.is_bad();
  health.action = action_for(health.status, health.reason, health.next_check ? NextTry::by_itself : NextTry::none,
                             is_same ? before.action : std::nullopt);
  // The first answer may already be one that says nothing: a status that a breaker took back, and gave again.
  if (health.is_bad() && health.action == Action::wait)
    health.action = health.status == Status::unauthenticated ? Action::reconnect : Action::grant_permission;
  return health;
}

WallTime refresh_time(WallTime now, seconds lifetime, const RefreshTiming& timing) {
  const microseconds whole = lifetime;
  const microseconds latest = whole - std::min(std::max(whole / 10, microseconds(seconds(60))), whole / 2);
  const microseconds earliest = timing.is_first ? whole / 2 : std::max(latest - whole / 10, whole / 2);
  const auto early = std::chrono::duration_cast<microseconds>((latest - earliest) * timing.share);
  return now + std::max(latest - early, microseconds(timing.floor));
}

WallTime spread_next(WallTime now, milliseconds interval, Random& random) {
  const auto tenth = static_cast<std::uint64_t>(std::max<std::int64_t>(interval.count() / 10, 1));
  return plus(now, interval - milliseconds(static_cast<std::int64_t>(random.below(tenth))));
}

LongestWait longest_wait(const CheckPolicy& policy) {
  const milliseconds other = std::max(policy.interval, policy.confirm_after);
  return {.refused = std::max(other, kRefusedRetry), .other = other};
}

std::string_view name_of(AnswerKind kind) {
  constexpr std::array<std::string_view, kAnswerKinds> kNames = {"ok", "refused", "forbidden", "unavailable"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name_of(Proof proof) {
  constexpr std::array<std::string_view, 3> kNames = {"probe", "login", "refresh"};
  return kNames[static_cast<std::size_t>(proof)];
}

std::string_view name_of(Cause cause) {
  constexpr std::array<std::string_view, kCauses> kNames = {"created", "replaced", "linked",        "check",   "request",
                                                            "report",  "breaker",  "configuration", "operator"};
  return kNames[static_cast<std::size_t>(cause)];
}

}  // namespace granary
