#include "domain/breaker_rules.hpp"

#include <algorithm>

namespace granary {

namespace {

using Changed = std::optional<CredentialHealth>;

WallTime within(WallTime begin, milliseconds spread, Random& random) {
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(microseconds(spread).count(), 1));
  return begin + microseconds(static_cast<std::int64_t>(random.below(micros)));
}

Changed made_unavailable(CredentialHealth health, Reason reason, Cause cause, WallTime now) {
  health.status = Status::temporarily_unavailable;
  health.since = now;
  health.reason = reason;
  health.status_cause = cause;
  return health;
}

}  // namespace

HealthRule take_back(WallTime since, WallTime now) {
  return [=](const CredentialHealth& known, Random&) -> Changed {
    const bool is_of_a_check = known.status_cause && is_of_check(*known.status_cause);
    if (!known.is_bad() || !is_of_a_check || known.since < since) return std::nullopt;
    CredentialHealth health = *made_unavailable(known, Reason::provider_refuses_many, Cause::breaker, now);
    health.was_last_ok = known.pending_since.has_value();
    health.is_suspected = health.is_suspected || health.was_last_ok;
    health.refusals = 0;
    health.next_check = now;
    return health;
  };
}

HealthRule suspect_refused(Instant before, WallTime now) {
  return [=](const CredentialHealth& known, Random&) -> Changed {
    if (known.status != Status::ok || known.pending == Pending::none || !known.pending_since) return std::nullopt;
    const Instant& since = *known.pending_since;
    const bool is_old = since.wall <= before.wall && (since.boot != before.boot || since.steady <= before.steady);
    if (!is_old) return std::nullopt;
    CredentialHealth health = *made_unavailable(known, Reason::provider_refuses_many, Cause::breaker, now);
    health.is_suspected = true;
    return health;
  };
}

HealthRule spread_again(WallTime closed_at, WallTime now, milliseconds spread) {
  return [=](const CredentialHealth& known, Random& random) -> Changed {
    CredentialHealth health = known;
    const bool is_checked_since = known.last_checked && *known.last_checked > closed_at && *known.last_checked <= now;
    if (!known.next_check || is_checked_since || keeps_refused_place(health, closed_at)) return std::nullopt;
    health = known;
    health.next_check = within(closed_at, spread, random);
    health.is_suspected = known.is_suspected || (known.pending != Pending::none && known.was_last_ok);
    health.pending = Pending::none;
    health.pending_since.reset();
    health.refusals = 0;  // it was the provider: they use up no try
    return health;
  };
}

HealthRule mark_not_configured(WallTime now) {
  return [=](const CredentialHealth& known, Random&) -> Changed {
    const bool was_never_asked = known.reason == Reason::checks_off;
    if (known.status != Status::ok && !was_never_asked) return std::nullopt;
    Changed health =
        was_never_asked ? Changed(known) : made_unavailable(known, Reason::not_configured, Cause::configuration, now);
    health->reason = Reason::not_configured;
    health->next_check.reset();
    return health;
  };
}

HealthRule resume_configured(WallTime now, milliseconds spread) {
  return [=](const CredentialHealth& known, Random& random) -> Changed {
    const bool has_waited = known.reason == Reason::not_configured && !known.next_check;
    if (!has_waited || known.status == Status::unauthenticated) return std::nullopt;
    CredentialHealth health = known;
    health.next_check = within(now, spread, random);
    return health;
  };
}

HealthRule check_at_new_origin(WallTime now, milliseconds spread) {
  return [=](const CredentialHealth& known, Random& random) -> Changed {
    const bool is_used_up = known.status == Status::unauthenticated && !known.next_check;
    if (is_used_up) return std::nullopt;
    CredentialHealth health = known;
    health.next_check = within(now, spread, random);
    return health;
  };
}

}  // namespace granary
