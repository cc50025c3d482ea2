#include "check/put.hpp"

#include "check/login_turn.hpp"
#include "check/secrets.hpp"

namespace granary {

namespace {

// How often a candidate is shown before it is dropped, in all.
enum class Try { first, second };

Subject candidate_subject(const CheckContext& context, StoredCredential row, Secrets candidate) {
  Subject subject{.shown = candidate.of_stored_grant ? Shown::candidate_of_stored_grant : Shown::candidate};
  subject.stored = open_secrets(context.sealer, context.catalog, row);
  subject.kept = candidate.clone();
  subject.secrets = std::move(candidate);
  const FlowPlan& plan = *context.plans.find(row.provider)->second;
  const bool has_token = !plan.one_use_field().empty();
  // Found after a crash: its token may be spent.
  if (has_token && row.candidate->state == CandidateState::sending) subject.grant = GrantState::unknown;
  if (subject.shown == Shown::candidate_of_stored_grant && subject.stored) {
    // The token is the stored one; what it was exchanged for before was for other fields.
    subject.kept = subject.stored->clone();
    subject.secrets.grant = subject.stored->grant.clone();
    for (const auto& [name, value] : subject.stored->grant.given.all())
      if (plan.gives(name) && name != plan.one_use_field()) subject.secrets.grant.given.remove(name);
    subject.secrets.grant.refresh_at.reset();
    subject.grant = row.grant;
  }
  subject.row = std::move(row);
  return subject;
}

Task<> drop(CheckContext& context, const StoredCredential& row) {
  CredentialWrite write = write_of(context, row);
  write.removes_candidate = true;
  co_await commit(context, row, std::move(write));
}

// One that a crash has left may have been accepted already: it waits for a try that is sent.
Task<PutResult> leave_unsent(CheckContext& context, const StoredCredential& row, Try which, Reason reason) {
  if (which == Try::first) co_await drop(context, row);
  co_return PutResult{.reason = reason};
}

// What the provider said, as a PUT counts it.
Answer answer_of(const Asked& asked) {
  Answer answer = first_answer_of(asked);
  if (asked.outcome == AskOutcome::not_sent || asked.had_no_place) answer.reason = Reason::rate_limited;
  if (asked.store_failed) answer.reason = Reason::not_checked_yet;
  return answer;
}

// What the table says, unless that were a login of another account where the client asked for the same.
PutEnd end_of(const Answer& answer, StoredLogin stored, bool is_other_account) {
  const PutEnd end = end_of_put(put_answer_of(answer), stored);
  return end == PutEnd::replaced && is_other_account ? PutEnd::another_account : end;
}

HealthRule rule_of(Answer answer, bool was_asked, bool is_other_account, CheckPolicy policy, Instant now) {
  return [=](const CredentialHealth& health, Random& random) -> std::optional<CredentialHealth> {
    if (end_of(answer, stored_login_of(health), is_other_account) != PutEnd::replaced) return std::nullopt;
    return was_asked ? after_connect(health, answer, policy, now, random)
                     : after_unasked_connect(health, answer.reason, policy.cause, now.wall);
  };
}

// Promotes or removes the candidate, by what the store has when it is written.
Task<std::optional<PutResult>> commit_answer(CheckContext& context, const Provider& provider, LaneState* lane, Asked asked,
                                             Trigger trigger, Try which) {
  Subject& subject = asked.subject;
  const bool was_asked = lane && lane->base_url;
  Answer answer = answer_of(asked);
  answer.is_counted_try = which == Try::second;
  // Of the stored grant: what came for its token, and what became of it, is the stored login's whatever the PUT comes to.
  if (subject.shown == Shown::candidate_of_stored_grant && !subject.is_kept) {
    const Holds for_keeping = trigger == Trigger::clock ? Holds::everything : Holds::tokens;
    if (co_await keep(context, provider, subject, for_keeping) != Committed::End::done) {
      co_await drop(context, subject.row);
      co_return std::nullopt;
    }
  }
  const StoredCredential& row = subject.row;
  Secrets promoted = subject.secrets.clone();
  promoted.origin.clear();
  promoted.of_stored_grant = false;
  const bool is_other_account = std::exchange(promoted.is_other_account, false);
  CredentialWrite write = write_of(context, row, CredentialWrite::Needs::link);
  seal_into(context, row, promoted, write);
  write.environment = lane ? lane->lane.environment : std::string();
  write.origin = was_asked ? lane->base_url->origin() : std::string();
  write.grant = subject.grant;
  write.tokens = digests_of(context, provider, subject);
  write.tokens->held = token_digest(context, row, promoted.value(one_use_field(context, provider)));
  if (subject.stored) write.tokens->secrets = digests_of_change(context, row, provider, &*subject.stored, promoted).secrets;
  write.removes_candidate = true;
  write.login = subject.login;
  write.cause = Cause::replaced;
  const CheckPolicy policy =
      lane ? policy_for(context, *lane, row.key.owner, Cause::replaced) : CheckPolicy{.cause = Cause::replaced};
  write.health = rule_of(answer, was_asked, is_other_account, policy, context.now());
  if (was_asked && !asked.is_cut_short()) write.share = share_of(subject, answer, policy, context.clock.now());
  const bool has_new_token = subject.shown == Shown::candidate && (asked.is_refreshed || subject.has_gifts);
  const Holds holds = trigger == Trigger::clock ? Holds::everything : has_new_token ? Holds::tokens : Holds::briefly;
  forget_secrets(asked);
  const Committed committed = co_await commit(context, row, std::move(write), std::move(asked.events), holds);
  if (committed.end == Committed::End::unlinked) co_await drop(context, row);
  if (committed.end != Committed::End::done) co_return std::nullopt;
  // What the store has done is the answer, also where it was done by an earlier try.
  const PutEnd unchanged = end_of(answer, StoredLogin::was_last_ok, is_other_account);
  co_return PutResult{.end = committed.is_applied ? PutEnd::replaced : unchanged, .reason = answer.reason};
}

Task<std::optional<PutResult>> try_candidate(CheckContext& context, StoredCredential row, Secrets candidate, Trigger trigger,
                                             SteadyTime deadline, Try which) {
  const Provider& provider = *context.catalog.find_short_name(row.provider);
  LaneState* lane = lane_of(context, provider, candidate.login);
  Subject subject = candidate_subject(context, std::move(row), std::move(candidate));
  if (!lane || !lane->base_url) {
    Asked unasked{.subject = std::move(subject)};
    unasked.verdict.answer.reason = Reason::not_configured;
    co_return co_await commit_answer(context, provider, lane, std::move(unasked), trigger, which);
  }
  const OwnerId owner = subject.row.key.owner;
  subject.login = login_digests(context, owner, *lane, subject.secrets.login);
  const bool may_wait = trigger == Trigger::request;
  if (is_shown(context, subject.login) && !(may_wait && co_await wait_for_login(context, subject.login, deadline)))
    co_return co_await leave_unsent(context, subject.row, which, Reason::rate_limited);
  const LoginTurn turn(context, subject.login);
  if (!subject.login.login.empty()) subject.tries = co_await context.store.count_tries(owner, subject.login.login);
  if (which == Try::second && subject.tries >= kPasswordTriesMax) {
    co_await drop(context, subject.row);
    co_return std::nullopt;
  }
  // Nobody but the provider that gave it is shown the token before the last.
  if (is_bound_elsewhere(context, subject.row.origin, *lane->base_url)) subject.secrets.grant.previous_token.reset();
  Asked asked = co_await ask(context, *lane, std::move(subject), trigger, deadline);
  const StoredCredential& known = asked.subject.row;
  switch (asked.outcome) {
    case AskOutcome::answered: co_return co_await commit_answer(context, provider, lane, std::move(asked), trigger, which);
    case AskOutcome::gone: co_await drop(context, known); co_return std::nullopt;
    case AskOutcome::not_sent:
    case AskOutcome::held:
    case AskOutcome::stopping: break;
  }
  const Reason reason = asked.outcome == AskOutcome::stopping ? Reason::timeout : Reason::rate_limited;
  co_return co_await leave_unsent(context, known, which, reason);
}

}  // namespace

Subject stored_subject(StoredCredential row, Secrets secrets) {
  Subject subject{.shown = Shown::stored};
  subject.grant = is_under_way(row.grant) ? after(row.grant, GrantEvent::lost) : row.grant;
  subject.kept = secrets.clone();
  subject.secrets = std::move(secrets);
  subject.row = std::move(row);
  return subject;
}

LaneState* lane_of(CheckContext& context, const Provider& provider, const Fields& login) {
  const std::string environment =
      provider.environment_field.empty() ? std::string() : std::string(login.value(provider.environment_field));
  return context.find_lane(std::string(provider.short_name()), environment);
}

Task<std::optional<PutResult>> try_put(CheckContext& context, StoredCredential row, Secrets candidate, SteadyTime deadline) {
  return try_candidate(context, std::move(row), std::move(candidate), Trigger::request, deadline, Try::first);
}

Task<std::optional<PutResult>> settle_put(CheckContext& context, StoredCredential row, Trigger trigger, SteadyTime deadline) {
  auto candidate = is_tried_again(row.candidate->state) ? open_candidate(context, row) : std::nullopt;
  const bool has_grant = candidate && (!candidate->of_stored_grant || open_secrets(context.sealer, context.catalog, row));
  if (!has_grant) {
    co_await drop(context, row);
    co_return std::nullopt;
  }
  const LaneState* lane = lane_of(context, *context.catalog.find_short_name(row.provider), candidate->login);
  if (!lane || !lane->base_url) co_return PutResult{.reason = Reason::not_configured};  // it waits for an address
  if (is_bound_elsewhere(context, candidate->origin, *lane->base_url)) {
    co_await drop(context, row);  // nobody was told that it is accepted
    co_return std::nullopt;
  }
  co_return co_await try_candidate(context, std::move(row), std::move(*candidate), trigger, deadline, Try::second);
}

}  // namespace granary
