// POST: stores a credential, asks its provider once, and commits what came of it before the client is answered. Asks on the
// checks' executor.
#include "check/login_turn.hpp"
#include "check/put.hpp"
#include "check/request_place.hpp"
#include "check/secrets.hpp"
#include "operation/credentials.hpp"
#include "operation/parts.hpp"

namespace granary {

namespace {

// The row as a crash leaves it, should nobody hear the answer: due at once; a password may have been shown once.
NewCredential new_credential(CheckContext& context, OwnerId owner, LeafUserId user, const Provider& provider,
                             const Secrets& secrets, const LoginDigests& login, std::int32_t tries) {
  const LaneState* lane = lane_of(context, provider, secrets.login);
  const WallTime now = context.clock.now();
  NewCredential made;
  StoredCredential& row = made.row;
  row.key = {.owner = owner, .id = CredentialId::random(context.random)};
  row.leaf_user = user;
  row.provider = provider.short_name();
  row.environment = lane ? lane->lane.environment : std::string();
  row.created = now;
  row.secrets_key = context.sealer.new_fields_key(scope_of(row), context.random);
  row.secrets = context.sealer.seal_fields(scope_of(row), row.secrets_key, row.secrets_version, secrets.pack(), context.random);
  row.health.since = now;
  row.login = login;
  if (!context.settings.is_asking) {
    row.health = after_unasked_connect(row.health, Reason::checks_off, Cause::created, now);
    row.health.refusals = tries;
    row.health.next_check = now;  // due at the next start with checks on
    row.health = settle_action({}, row.health);
    made.told_as = Cause::created;
  } else if (lane && lane->base_url) {
    row.health.next_check = now;
    if (provider.login_kind() == LoginKind::password) row.health.refusals = std::max(tries, 1);
  } else {
    row.health = settle_action({}, after_unasked_connect(row.health, Reason::not_configured, Cause::created, now));
    made.told_as = Cause::created;
  }
  const std::string token = token_digest(context, row, secrets.login.value(one_use_field(context, provider)));
  if (!token.empty()) made.token = GrantClaim{.digest = token, .is_guarded = !provider.shared_refresh_tokens};
  return made;
}

HealthRule first_answer(const Asked& asked, const CheckPolicy& policy, const Instant& now) {
  if (asked.outcome == AskOutcome::not_sent || (asked.is_cut_short() && !asked.is_refreshed)) {
    // Not sent, or not to the end: due at once.
    const Reason reason = asked.store_failed ? Reason::not_checked_yet : Reason::rate_limited;
    return [reason, now, tries = asked.subject.tries](const CredentialHealth& health, Random&) {
      CredentialHealth after = after_unasked_connect(health, reason, Cause::created, now.wall);
      after.refusals = tries;
      after.next_check = now.wall;
      return std::optional(after);
    };
  }
  return [answer = first_answer_of(asked), policy, now](const CredentialHealth& health, Random& random) {
    return std::optional(after_connect(health, answer, policy, now, random));
  };
}

Task<Committed::End> commit_first_answer(CheckContext& context, LaneState& lane, Asked asked) {
  const Subject& subject = asked.subject;
  CredentialWrite write = write_of(context, subject.row);
  write.cause = Cause::created;
  const CheckPolicy policy = policy_for(context, lane, subject.row.key.owner, Cause::created);
  write.health = first_answer(asked, policy, context.now());
  if (asked.outcome == AskOutcome::answered && !asked.is_cut_short())
    write.share = share_of(subject, asked.verdict.answer, policy, context.clock.now());
  write.grant = subject.grant;
  if (!subject.is_kept && !is_same(subject.kept, subject.secrets)) {
    seal_into(context, subject.row, subject.secrets, write);
    write.tokens = digests_of(context, *lane.provider, subject);
  }
  forget_secrets(asked);
  co_return (co_await commit(context, subject.row, std::move(write), std::move(asked.events), Holds::tokens)).end;
}

Task<Result<void>> connect_here(CheckContext& context, OwnerId owner, LeafUserId user, const Provider& provider,
                                const Fields& given) {
  const SteadyTime deadline = context.clock.elapsed() + context.settings.timeout;
  const auto place = RequestPlace::take(context, owner);
  if (!place) co_return std::unexpected(place.error());
  Secrets secrets{.login = given.clone(), .grant = {}, .origin = {}};
  LaneState* lane = lane_of(context, provider, secrets.login);
  const LoginDigests login = lane ? login_digests(context, owner, *lane, secrets.login) : LoginDigests();
  const bool is_in_time = co_await wait_for_login(context, login, deadline);
  const LoginTurn turn(context, is_in_time ? login : LoginDigests());
  const std::int32_t tries = login.login.empty() ? 0 : co_await context.store.count_tries(owner, login.login);
  NewCredential made = new_credential(context, owner, user, provider, secrets, login, tries);
  const CredentialLocks::Hold lock(context.locks, made.row.key.id);
  if (made.token) refuse_while_token_is_held(context);
  if (auto added = co_await context.store.add_credential(made); !added) co_return added;
  if (!context.settings.is_asking || !lane || !lane->base_url) co_return Result<void>();
  Subject subject = stored_subject(std::move(made.row), std::move(secrets));
  subject.login = login;
  subject.tries = tries;
  Asked asked{.subject = std::move(subject), .outcome = AskOutcome::not_sent};
  if (is_in_time) asked = co_await ask(context, *lane, std::move(asked.subject), Trigger::request, deadline);
  if (asked.outcome == AskOutcome::stopping) co_return Result<void>();
  if (asked.outcome == AskOutcome::gone) co_return fail(ErrorCode::not_found);
  const auto end = co_await commit_first_answer(context, *lane, std::move(asked));
  if (end != Committed::End::done) co_return fail(ErrorCode::not_found);
  co_return Result<void>();
}

}  // namespace

void add_defaults(const Provider& provider, Fields& fields) {
  for (const RequestField& field : provider.request)
    if (field.fallback && !fields.find(field.name)) fields.set(field.name, Plaintext(*field.fallback));
}

Task<Result<Revealed>> connect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider, Fields fields) {
  add_defaults(provider, fields);
  auto done = co_await run_on(parts.checks.executor, [&] { return connect_here(parts.checks, owner, user, provider, fields); });
  if (!done) co_return std::unexpected(done.error());
  co_return co_await reveal(parts, owner, user, provider);
}

}  // namespace granary
