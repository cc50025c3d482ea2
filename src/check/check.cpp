#include "check/check.hpp"

#include "check/ask.hpp"
#include "check/breakers.hpp"
#include "check/fuses.hpp"
#include "check/login_turn.hpp"
#include "check/put.hpp"
#include "check/secrets.hpp"

namespace granary {

namespace {

CheckEnd end_of(Committed::End end) { return end == Committed::End::done ? CheckEnd::recorded : CheckEnd::gone; }

// Nothing can be sent, for a reason on our side.
Task<CheckEnd> commit_obstacle(CheckContext& context, const StoredCredential& row, Reason reason,
                               std::optional<WallTime> next_check) {
  CredentialWrite write = write_of(context, row);
  write.health = [reason, next_check, now = context.clock.now()](const CredentialHealth& health, Random&) {
    return std::optional(after_obstacle(health, reason, next_check, now));
  };
  co_return end_of((co_await commit(context, row, write)).end);
}

// Due at once, and who asked for it is told why.
Task<CheckEnd> commit_no_place(CheckContext& context, const StoredCredential& row) {
  CredentialWrite write = write_of(context, row);
  write.health = [now = context.clock.now()](const CredentialHealth& health, Random&) {
    return std::optional(after_no_place(health, now));
  };
  co_await commit(context, row, write);
  co_return CheckEnd::not_sent;
}

HealthRule rule_of_held(Reason reason, bool is_access_refused, const CheckPolicy& policy, const Instant& now) {
  return [=](const CredentialHealth& health, Random& random) {
    return std::optional(after_held(health, {.reason = reason, .is_access_refused = is_access_refused}, policy, now, random));
  };
}

// The token stays, and the fuse is asked again later.
Task<CheckEnd> commit_held(CheckContext& context, const LaneState& lane, const StoredCredential& row) {
  const OwnerId owner = row.key.owner;
  CredentialWrite write = write_of(context, row);
  write.cause = Cause::breaker;
  const Reason reason = held_by_fuse(lane, owner).value_or(Reason::timeout);
  write.health = rule_of_held(reason, false, policy_for(context, lane, owner, Cause::breaker), context.now());
  co_await commit(context, row, write);
  co_return CheckEnd::not_sent;
}

HealthRule rule_of(const Asked& asked, const CheckPolicy& policy, const Instant& now) {
  if (!asked.is_cut_short())
    return [answer = asked.verdict.answer, policy, now](const CredentialHealth& health, Random& random) {
      return std::optional(after_check(health, answer, policy, now, random));
    };
  // Cut short on our side, which says nothing of the login.
  const auto reason = asked.store_failed ? std::nullopt : std::optional(Reason::rate_limited);
  return [reason, policy, now](const CredentialHealth& health, Random& random) {
    return std::optional(after_half_a_check(health, reason, policy.interval, now.wall, random));
  };
}

// What loses its value once the status is MISSING_PERMISSION.
void seal_without(const CheckContext& context, const Subject& subject, const std::vector<std::string>& withdrawn,
                  CredentialWrite& write) {
  Secrets less = subject.secrets.clone();
  for (const auto& name : withdrawn) less.grant.given.remove(name);
  if (is_same(less, subject.secrets)) return;
  write.secrets_without_permission = seal_next(context, subject.row, less);
}

// What the store fails of it is owed, and tended.
Task<> save_fuses_of(CheckContext& context, LaneState& lane) {
  try {
    co_await save_fuses(context, lane);
  } catch (const StoreUnavailable& failure) {
    context.log.warning("what a check said of the fuse is not stored now; it is tried again",
                        {{"provider", lane.lane.provider}, {"error", failure.what()}});
  }
}

Task<CheckEnd> commit_answer(CheckContext& context, LaneState& lane, Asked asked, Trigger trigger, Cause cause) {
  const Subject& subject = asked.subject;
  const StoredCredential& row = subject.row;
  const OwnerId owner = row.key.owner;
  const Instant now = context.now();
  const Answer answer = asked.verdict.answer;
  if (asked.token_request) record_token_request(context, lane, row.key, *asked.token_request, answer.reason);
  const CheckPolicy policy = policy_for(context, lane, owner, cause);
  CredentialWrite write = write_of(context, row);
  write.cause = asked.is_held ? Cause::breaker : cause;
  write.health = asked.is_held ? rule_of_held(held_by_fuse(lane, owner).value_or(answer.reason), true, policy, now)
                               : rule_of(asked, policy, now);
  if (row.login != subject.login) write.login = subject.login;
  if (!asked.is_cut_short()) write.share = share_of(subject, answer, policy, now.wall);
  if (!subject.is_kept && !is_same(subject.kept, subject.secrets)) {
    seal_into(context, row, subject.secrets, write);
    write.tokens = digests_of(context, *lane.provider, subject);
  }
  // Where the store failed in the middle, it may hold that a token is on its way that never left.
  if (asked.store_failed || row.grant != subject.grant || !subject.is_kept) write.grant = subject.grant;
  seal_without(context, subject, asked.verdict.withdrawn, write);
  forget_secrets(asked);
  const Committed committed = co_await commit(context, row, std::move(write), std::move(asked.events),
                                              trigger == Trigger::clock ? Holds::everything : Holds::tokens);
  if (asked.token_request) co_await save_fuses_of(context, lane);
  if (committed.end != Committed::End::done) co_return CheckEnd::gone;
  if (asked.is_held) co_return CheckEnd::not_sent;
  if (answer.kind == AnswerKind::ok) lane.last_success = now.wall;
  if (asked.is_cut_short()) co_return CheckEnd::recorded;
  lane.recent[owner].record({.time = now.wall, .found = answer.kind, .reason = answer.reason}, lane.interval);
  context.metrics.count_check(lane.lane.provider, name_of(answer.kind));
  if (committed.change && committed.after.is_bad()) take_back_later(lane, owner, committed.after);
  try {
    co_await tell_breakers(context, lane, row, subject.login.login, committed.before, answer);
  } catch (const StoreUnavailable& failure) {
    // The check itself is committed; an opening or a closing is owed, and tended.
    context.log.warning("what a check said of the breaker is not stored now; it is tried again",
                        {{"provider", lane.lane.provider}, {"error", failure.what()}});
  }
  co_return CheckEnd::recorded;
}

Task<CheckEnd> commit_left_alone(CheckContext& context, const StoredCredential& row, const LeftAlone& left) {
  CredentialWrite write = write_of(context, row);
  write.health = [until = left.until](const CredentialHealth& health, Random&) {
    return std::optional(with_next_check(health, until));
  };
  co_return end_of((co_await commit(context, row, write)).end);
}

// `asked_by` counts where nothing else made it due.
Task<CheckEnd> check_in_turn(CheckContext& context, CredentialKey key, Trigger trigger, Cause asked_by, SteadyTime deadline) {
  auto row = co_await load_row(context, key);
  if (!row || !row->leaf_user) co_return CheckEnd::gone;
  if (row->candidate) {
    const auto settled = co_await settle_put(context, std::move(*row), trigger, deadline);
    if (settled && settled->end == PutEnd::replaced) co_return CheckEnd::recorded;
    row = co_await load_row(context, key);
    if (!row || !row->leaf_user) co_return CheckEnd::gone;
    const bool is_due = row->health.next_check && *row->health.next_check <= context.clock.now();
    if (trigger == Trigger::clock && !is_due) co_return CheckEnd::not_sent;  // the stored login was not asked
  }
  LaneState* lane = context.find_lane(row->provider, row->environment);
  if (!lane || !lane->base_url) co_return co_await commit_obstacle(context, *row, Reason::not_configured, std::nullopt);
  const WallTime after_interval = spread_next(context.clock.now(), lane->interval, context.random);
  if (is_bound_elsewhere(context, row->origin, *lane->base_url))
    co_return co_await commit_obstacle(context, *row, Reason::origin_changed, after_interval);
  auto secrets = open_secrets(context.sealer, context.catalog, *row);
  if (!secrets) {
    context.log.error("the sealed fields of a credential do not open; restore it from a backup or connect it again",
                      {{"credential", key.id.text()}, {"provider", row->provider}});
    co_await commit_obstacle(context, *row, Reason::unexpected_answer, after_interval);
    co_return CheckEnd::seal_broken;
  }
  const CheckPolicy policy = policy_for(context, *lane, key.owner, Cause::check);
  const auto left = trigger == Trigger::clock ? left_alone(row->health, policy, context.now()) : std::nullopt;
  if (left) co_return co_await commit_left_alone(context, *row, *left);
  const LoginDigests login = login_digests(context, key.owner, *lane, secrets->login);
  if (is_shown(context, login)) {
    if (trigger == Trigger::clock) co_return CheckEnd::login_is_taken;
    if (!co_await wait_for_login(context, login, deadline)) co_return co_await commit_no_place(context, *row);
    co_return co_await check_in_turn(context, key, trigger, asked_by, deadline);  // by what was learnt of it meanwhile
  }
  const LoginTurn turn(context, login);
  const Cause cause = row->health.due_cause.value_or(asked_by);
  // Before the first answer the POST is counted already.
  const std::int32_t tries = row->health.answer_cause ? row->health.refusals : 0;
  Subject subject = stored_subject(std::move(*row), std::move(*secrets));
  subject.login = login;
  subject.tries = tries;
  Asked asked = co_await ask(context, *lane, std::move(subject), trigger, deadline);
  switch (asked.outcome) {
    case AskOutcome::answered: break;
    case AskOutcome::gone: co_return CheckEnd::gone;
    case AskOutcome::stopping: co_return CheckEnd::not_sent;
    case AskOutcome::held: co_return co_await commit_held(context, *lane, asked.subject.row);
    case AskOutcome::not_sent:
      if (trigger == Trigger::clock) co_return CheckEnd::not_sent;
      co_return co_await commit_no_place(context, asked.subject.row);
  }
  co_return co_await commit_answer(context, *lane, std::move(asked), trigger, cause);
}

Task<CheckEnd> run_check(CheckContext& context, CredentialKey key, Trigger trigger, Cause asked_by, SteadyTime deadline) {
  if (!context.settings.is_asking) co_return CheckEnd::not_sent;  // all stays as it is stored, a PUT left by a crash too
  CredentialLocks::Hold lock(context.locks, key.id);
  lock.tell(CheckEnd::failed);
  const CheckEnd end = co_await check_in_turn(context, key, trigger, asked_by, deadline);
  // The clock's check that had no place is not the one that a request would have had.
  const bool says_nothing = trigger == Trigger::clock && (end == CheckEnd::not_sent || end == CheckEnd::login_is_taken);
  lock.tell(says_nothing ? std::nullopt : std::optional(end));
  co_return end;
}

}  // namespace

Task<CheckEnd> check_by_clock(CheckContext& context, CredentialKey key) {
  if (context.locks.is_taken(key.id)) co_return CheckEnd::not_sent;
  co_return co_await run_check(context, key, Trigger::clock, Cause::check, context.clock.elapsed() + context.settings.timeout);
}

Task<CheckEnd> check_now(CheckContext& context, CredentialKey key, Cause cause) {
  const SteadyTime deadline = context.clock.elapsed() + context.settings.timeout;
  while (context.locks.is_taken(key.id)) {
    const auto [is_too_late, end] = co_await context.locks.wait(key.id, deadline);
    if (is_too_late) co_return CheckEnd::not_sent;
    if (end == CheckEnd::failed) throw StoreUnavailable("the check that was waited for could not be recorded");
    // One that it was gone for may have been linked again since.
    if (end && end != CheckEnd::gone) co_return *end;
  }
  co_return co_await run_check(context, key, Trigger::request, cause, deadline);
}

}  // namespace granary
