// PUT: commits new fields beside the stored ones, shows them to the provider, and answers once they are promoted or gone. Asks on
// the checks' executor.
#include "base/unicode.hpp"
#include "check/put.hpp"
#include "check/request_place.hpp"
#include "check/secrets.hpp"
#include "crypto/primitives.hpp"
#include "domain/old_secrets.hpp"
#include "operation/credentials.hpp"
#include "operation/parts.hpp"

namespace granary {

namespace {

// What the last accepted POST or PUT brought, once more. What the provider gives in a field's place does not count.
bool is_repetition(const FlowPlan& plan, const Fields& stored, const Fields& given) {
  const auto counts = [&](std::string_view name) { return !plan.gives(name) || name == plan.one_use_field(); };
  const auto is_in = [&](const Fields& others) {
    return [&](const auto& field) { return !counts(field.first) || others.value(field.first) == field.second.reveal(); };
  };
  return std::ranges::all_of(given.all(), is_in(stored)) && std::ranges::all_of(stored.all(), is_in(given));
}

// An error that names its reason.
std::unexpected<Error> fail_with(ErrorCode code, Reason reason, const Provider& provider) {
  Error error{.code = code, .fields = {}, .retry_after = seconds(0), .detail = {}};
  error.reason = name_of(reason);
  error.message = message_for(Status::temporarily_unavailable, reason, std::nullopt, provider.name, NextTry::none).value_or("");
  return std::unexpected(std::move(error));
}

Result<void> answer_to(const std::optional<PutResult>& result, const Provider& provider) {
  if (!result) return fail(ErrorCode::not_found);
  switch (result->end) {
    case PutEnd::replaced: return {};
    case PutEnd::refused: return fail_with(ErrorCode::refused, result->reason, provider);
    case PutEnd::another_account: return fail(ErrorCode::another_account);
    case PutEnd::unavailable: break;
  }
  return fail_with(ErrorCode::provider_unavailable, result->reason, provider);
}

// Commits the candidate; an error where that may not be.
Task<Result<StoredCredential>> commit_candidate(CheckContext& context, const Provider& provider, StoredCredential row,
                                                const Secrets& candidate) {
  CredentialWrite write = write_of(context, row, CredentialWrite::Needs::link);
  if (!context.sealer.opens_fields_key(scope_of(row), row.secrets_key)) {
    // A damaged row: what it sealed is lost already, so it gets a new key for what comes.
    row.secrets_key = context.sealer.new_fields_key(scope_of(row), context.random);
    write.secrets_key = row.secrets_key;
  }
  write.candidate = Candidate{.secrets = seal_candidate(context, row, candidate)};
  const std::string token = token_digest(context, row, candidate.login.value(one_use_field(context, provider)));
  if (!token.empty()) write.candidate_claim = GrantClaim{.digest = token, .is_guarded = !provider.shared_refresh_tokens};
  const Committed committed = co_await commit(context, row, write);
  switch (committed.end) {
    case Committed::End::done: break;
    case Committed::End::gone:
    case Committed::End::unlinked: co_return fail(ErrorCode::not_found);
    case Committed::End::token_spent: co_return fail_with(ErrorCode::refused, Reason::refused, provider);
    case Committed::End::token_in_use: co_return fail(ErrorCode::grant_in_use, text_of(*committed.holder));
  }
  row.candidate = write.candidate;
  co_return row;
}

bool was_spent_before_upgrade(const Secrets& stored, std::string_view token) {
  const crypto::Digest digest = crypto::sha256(token);
  return !token.empty() && is_in_old_digests(stored.grant.spent_digests, crypto::view(digest));
}

// Whether both show the provider a user name, and not the same. Where no user name is shown, nobody knows.
bool is_other_account(const Fields& stored, const Fields& given) {
  const std::string_view before = stored.value("username"), after = given.value("username");
  return !before.empty() && !after.empty() && to_nfc(before) != to_nfc(after);
}

Task<Result<void>> reconnect_in_turn(CheckContext& context, CredentialKey key, LeafUserId user, const Provider& provider,
                                     const Fields& given, Account account, SteadyTime deadline) {
  auto row = co_await load_row(context, key);
  if (!row || row->leaf_user != user) co_return fail(ErrorCode::not_found);
  if (provider.login_kind() == LoginKind::refresh_token) refuse_while_token_is_held(context);
  if (row->candidate) {
    // One that a crash has left is settled first: it may hold all that is left of a token.
    const auto settled = co_await settle_put(context, std::move(*row), Trigger::request, deadline);
    if (settled && settled->end == PutEnd::unavailable) co_return answer_to(settled, provider);
    row = co_await load_row(context, key);
    if (!row || row->leaf_user != user) co_return fail(ErrorCode::not_found);
  }
  const FlowPlan& plan = *context.plans.find(provider.short_name())->second;
  Secrets candidate{.login = given.clone(), .grant = {}, .origin = {}};
  const std::string_view token = given.value(plan.one_use_field());
  const auto stored = open_secrets(context.sealer, context.catalog, *row);
  candidate.is_other_account = account == Account::same && stored && is_other_account(stored->login, given);
  if (stored && !plan.one_use_field().empty()) {
    const bool is_guarded = !provider.shared_refresh_tokens;
    if (is_guarded && row->health.was_last_ok && is_repetition(plan, stored->login, given)) co_return Result<void>();
    if (is_guarded && was_spent_before_upgrade(*stored, token))
      co_return fail_with(ErrorCode::refused, Reason::refused, provider);
    candidate.of_stored_grant = stored->value(plan.one_use_field()) == token;
  }
  if (const LaneState* lane = lane_of(context, provider, given); lane && lane->base_url)
    candidate.origin = lane->base_url->origin();
  auto saved = co_await commit_candidate(context, provider, std::move(*row), candidate);
  if (!saved) co_return std::unexpected(saved.error());
  co_return answer_to(co_await try_put(context, std::move(*saved), std::move(candidate), deadline), provider);
}

Task<Result<void>> reconnect_here(CheckContext& context, OwnerId owner, LeafUserId user, const Provider& provider,
                                  const Fields& given, Account account) {
  const SteadyTime deadline = context.clock.elapsed() + context.settings.timeout;
  const auto place = RequestPlace::take(context, owner);
  if (!place) co_return std::unexpected(place.error());
  const auto summary = co_await context.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  if (!context.settings.is_asking) co_return fail_with(ErrorCode::provider_unavailable, Reason::checks_off, provider);
  if (!co_await context.locks.wait_free(summary->key.id, deadline))
    co_return fail_with(ErrorCode::provider_unavailable, Reason::timeout, provider);
  const CredentialLocks::Hold lock(context.locks, summary->key.id);
  co_return co_await reconnect_in_turn(context, summary->key, user, provider, given, account, deadline);
}

}  // namespace

Task<Result<Revealed>> reconnect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider, Fields fields,
                                 Account account) {
  add_defaults(provider, fields);
  auto done = co_await run_on(parts.checks.executor,
                              [&] { return reconnect_here(parts.checks, owner, user, provider, fields, account); });
  if (!done) co_return std::unexpected(done.error());
  co_return co_await reveal(parts, owner, user, provider);
}

}  // namespace granary
