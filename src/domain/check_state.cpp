#include "domain/check_state.hpp"

#include <algorithm>

#include "domain/planted.hpp"

namespace granary {

namespace {

void set_status(CheckState& state, Status status, WallTime now) {
  if (state.status != status) state.since = now;
  state.status = status;
}

void clear_pending(CheckState& state) {
  state.pending = Pending::none;
  state.pending_since.reset();
}

// Confirmed. When it began stays known where it was OK before: should it be many, the breaker counts that.
void end_pending(CheckState& state) {
  if (!state.was_last_ok()) state.pending_since.reset();
  state.pending = Pending::none;
}

WallTime plus(WallTime time, milliseconds wait) { return time + std::chrono::duration_cast<microseconds>(wait); }

void apply_ok(CheckState& state, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random) {
  set_status(state, Status::ok, now.wall);
  state.reason.reset();
  clear_pending(state);
  state.refusals = state.outages = state.failures = 0;
  state.outage_since.reset();
  state.outcome_unknown = state.suspected = state.turned_by_check = false;
  WallTime next = spread_next(now.wall, policy.interval, random);
  if (answer.token_lifetime) next = std::min(next, refresh_time(now.wall, *answer.token_lifetime));
  if (answer.refresh_at) next = std::min(next, *answer.refresh_at);
  state.next_check = next;
}

// A clock was set back, or elapsed time began anew within a boot: nothing could be counted from there.
bool lies_ahead(const Instant& instant, const Instant& now) {
  return instant.wall > now.wall || (instant.boot == now.boot && instant.steady > now.steady);
}

// Refused or forbidden: true once the second one of its kind has come late enough.
bool is_confirmed(CheckState& state, Pending kind, const CheckPolicy& policy, const Instant& now) {
  if (is_planted(Fault::confirmed_at_once)) return true;
  if (state.pending != kind || !state.pending_since || lies_ahead(*state.pending_since, now)) {
    state.pending = kind;
    state.pending_since = now;
    return false;
  }
  if (policy.breaker_open || policy.holds_confirmations) return false;
  return time_between(*state.pending_since, now) >= policy.confirm_after;
}

// While many are refused at once, one that was refused for long enough is reported as unavailable, not as revoked.
void apply_breaker(CheckState& state, const CheckPolicy& policy, const Instant& now) {
  if (!policy.breaker_open || !state.pending_since) return;
  if (state.status != Status::ok && state.status != Status::temporarily_unavailable) return;
  if (time_between(*state.pending_since, now) < policy.outage_after) return;
  if (state.status == Status::ok) state.suspected = true;
  set_status(state, Status::temporarily_unavailable, now.wall);
  state.reason = Reason::provider_refuses_many;
}

// `before` is what was pending until now.
void schedule_confirmation(CheckState& state, Pending before, const CheckPolicy& policy, const Instant& now, Random& random) {
  const bool alternates = before != Pending::none && before != state.pending;
  const bool shown_often = alternates && policy.login == LoginKind::password && state.refusals >= kPasswordTriesMax;
  if (policy.breaker_open || shown_often) {
    // Nothing is confirmed now: another credential is probed before this one is asked again. Nor where a provider refuses and
    // forbids by turns: a password is not shown each minute for that.
    state.next_check = spread_next(now.wall, policy.interval, random);
    return;
  }
  if (policy.holds_confirmations) {
    state.next_check = plus(now.wall, policy.confirm_after);
    return;
  }
  // Counted from the first of the two; one that came too early for it does not push it back.
  const auto waited = std::chrono::duration_cast<milliseconds>(time_between(*state.pending_since, now));
  state.next_check = plus(now.wall, std::max(policy.confirm_after - waited, milliseconds(0)));
}

void apply_refused(CheckState& state, const CheckPolicy& policy, const Instant& now, Random& random) {
  const Pending before = state.pending;
  ++state.refusals;
  state.failures = 0;
  const Reason refused = state.outcome_unknown ? Reason::refresh_outcome_unknown : Reason::refused;
  if (state.status == Status::unauthenticated) {
    clear_pending(state);
    state.reason = refused;
    state.next_check = refused_place(state, policy.login);
    return;
  }
  if (is_confirmed(state, Pending::refused, policy, now)) {
    end_pending(state);
    set_status(state, Status::unauthenticated, now.wall);
    state.turned_by_check = true;
    state.reason = refused;
    state.next_check = refused_place(state, policy.login);
    return;
  }
  state.reason = Reason::refused_once;
  schedule_confirmation(state, before, policy, now, random);
  apply_breaker(state, policy, now);
}

void apply_forbidden(CheckState& state, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random) {
  const Pending before = state.pending;
  state.failures = 0;
  state.outcome_unknown = false;  // the login itself was accepted
  if (state.status == Status::missing_permission || is_confirmed(state, Pending::forbidden, policy, now)) {
    end_pending(state);
    if (state.status != Status::missing_permission) state.turned_by_check = true;
    set_status(state, Status::missing_permission, now.wall);
    state.reason = answer.reason;
    state.next_check = spread_next(now.wall, policy.interval, random);
    return;
  }
  state.reason = Reason::refused_once;
  schedule_confirmation(state, before, policy, now, random);
  apply_breaker(state, policy, now);
}

// Exponential with full jitter, never longer than the interval.
milliseconds backoff(std::int32_t failures, milliseconds interval, Random& random) {
  const auto longest = std::min<std::int64_t>(kBackoffFirst.count() << std::min(failures, 20), interval.count());
  return milliseconds(1 +
                      static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(std::max<std::int64_t>(longest, 1)))));
}

void apply_unavailable(CheckState& state, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random) {
  if (state.outages++ == 0 || !state.outage_since || lies_ahead(*state.outage_since, now)) state.outage_since = now;
  state.reason = answer.reason;
  if (state.status == Status::ok && state.outages >= kOutagesForUnavailable &&
      time_between(*state.outage_since, now) >= policy.outage_after) {
    set_status(state, Status::temporarily_unavailable, now.wall);
    state.turned_by_check = true;
  }

  if (!keeps_refused_place(state, now.wall)) state.next_check = plus(now.wall, backoff(state.failures, policy.interval, random));
  if (state.next_check && answer.retry_after) {
    const seconds hold = std::clamp(*answer.retry_after, seconds(0), kRetryAfterMax);
    state.next_check = std::max(*state.next_check, now.wall + hold);
  }
  if (is_planted(Fault::no_next_check_after_an_outage)) state.next_check.reset();
  ++state.failures;
}

}  // namespace

microseconds time_between(const Instant& begin, const Instant& end) {
  microseconds span = end.wall - begin.wall;
  if (begin.boot == end.boot && !is_planted(Fault::elapsed_time_not_looked_at)) span = std::min(span, end.steady - begin.steady);
  return std::max(span, microseconds(0));
}

std::optional<WallTime> CheckState::first_refusal() const {
  if (!pending_since || outcome_unknown) return std::nullopt;
  const bool is_confirmed = pending == Pending::none;  // and was OK: then it is kept
  return is_confirmed || was_last_ok() ? std::optional(pending_since->wall) : std::nullopt;
}

std::optional<WallTime> refused_place(const CheckState& state, LoginKind login) {
  const bool used_up = login == LoginKind::password && state.refusals >= kPasswordTriesMax;
  const milliseconds wait = is_planted(Fault::refused_token_asked_for_again) ? milliseconds(1000) : kRefusedRetry;
  return used_up || !state.last_checked ? std::nullopt : std::optional(plus(*state.last_checked, wait));
}

bool return_to_refused_place(CheckState& state, LoginKind login, WallTime now) {
  if (state.status != Status::unauthenticated || state.pending != Pending::none || state.refusals == 0) return false;
  const auto place = refused_place(state, login);
  if (place && *place <= now) return false;
  // And no further than the day it may wait, should the clock have been set back.
  state.next_check = place ? std::optional(std::min(*place, plus(now, kRefusedRetry))) : std::nullopt;
  return true;
}

bool keeps_refused_place(CheckState& state, WallTime now) {
  if (state.status != Status::unauthenticated || state.pending != Pending::none) return false;
  if (!state.next_check) return true;  // no try is left
  if (*state.next_check <= now) return false;
  state.next_check = std::min(*state.next_check, plus(now, kRefusedRetry));
  return true;
}

CheckState after_check(CheckState state, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random) {
  state.last_checked = now.wall;
  state.answered_connect = false;
  switch (answer.kind) {
    case AnswerKind::ok: apply_ok(state, answer, policy, now, random); break;
    case AnswerKind::refused: apply_refused(state, policy, now, random); break;
    case AnswerKind::forbidden: apply_forbidden(state, answer, policy, now, random); break;
    case AnswerKind::unavailable:
      if (is_planted(Fault::outage_counts_as_refusal)) apply_refused(state, policy, now, random);
      else apply_unavailable(state, answer, policy, now, random);
      break;
  }
  return state;
}

CheckState after_connect(CheckState state, const Answer& answer, const CheckPolicy& policy, const Instant& now, Random& random) {
  clear_pending(state);
  state.last_checked = now.wall;
  state.answered_connect = true;
  state.refusals = state.outages = state.failures = 0;
  state.outage_since.reset();
  state.suspected = state.turned_by_check = false;
  switch (answer.kind) {
    case AnswerKind::ok: apply_ok(state, answer, policy, now, random); break;
    case AnswerKind::refused:
      set_status(state, Status::unauthenticated, now.wall);
      state.reason = state.outcome_unknown ? Reason::refresh_outcome_unknown : Reason::refused;
      state.refusals = 2;  // believed at once, it counts as the first and the confirming one
      state.next_check = refused_place(state, policy.login);
      break;
    case AnswerKind::forbidden:
      set_status(state, Status::missing_permission, now.wall);
      state.reason = answer.reason;
      state.next_check = spread_next(now.wall, policy.interval, random);
      break;
    case AnswerKind::unavailable:
      set_status(state, Status::temporarily_unavailable, now.wall);
      apply_unavailable(state, answer, policy, now, random);
      break;
  }
  return state;
}

WallTime refresh_time(WallTime now, seconds lifetime) {
  const microseconds whole = lifetime;
  return now + whole - std::min(std::max(whole / 10, microseconds(seconds(60))), whole / 2);
}

WallTime spread_next(WallTime now, milliseconds interval, Random& random) {
  const auto tenth = static_cast<std::uint64_t>(std::max<std::int64_t>(interval.count() / 10, 1));
  return plus(now, interval - milliseconds(static_cast<std::int64_t>(random.below(tenth))));
}

LongestWait longest_wait(const CheckPolicy& policy) {
  const milliseconds other = std::max({policy.interval, policy.confirm_after, milliseconds(kRetryAfterMax)});
  return {.refused = std::max(other, kRefusedRetry), .other = other};
}

}  // namespace granary
