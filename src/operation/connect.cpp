// POST and PUT: both ask the provider on the checks' executor, so both are written for that side and called from here.
#include "operation/candidate.hpp"
#include "operation/credentials.hpp"
#include "operation/parts.hpp"
#include "operation/recording.hpp"
#include "operation/request_place.hpp"
#include "provider/spent_tokens.hpp"

namespace granary {

namespace {

// A first answer that could not be had: due at once where asking is possible, never otherwise.
CheckState not_asked(CheckState state, Reason reason, std::optional<WallTime> next_check) {
  state.reason = reason;
  state.next_check = next_check;
  return state;
}

Task<RecordedEnd::Kind> record_first_answer(Checker& checker, LaneState& lane, StoredCredential credential, Fields fields) {
  Asked asked =
      co_await ask_provider(checker, {.credential = credential, .fields = fields, .lane = lane, .trigger = Trigger::request});
  const Instant now = checker.now();
  const OwnerId owner = credential.owner;
  if (asked.outcome == AskOutcome::stopping || asked.outcome == AskOutcome::claimed) co_return RecordedEnd::Kind::recorded;
  if (asked.outcome == AskOutcome::gone) {
    // Deleted; or another process was faster, and what it was given is stored.
    const auto stored = co_await checker.store.find_credential(credential.id);
    co_return stored ? RecordedEnd::Kind::lost_race : RecordedEnd::Kind::gone;
  }
  NextState next_state;
  if (asked.outcome == AskOutcome::not_sent || asked.had_no_place) {
    next_state = [&](CheckState state) { return not_asked(state, Reason::rate_limited, now.wall); };
  } else if (asked.store_failed) {
    next_state = [&](CheckState state) { return not_asked(state, Reason::not_checked_yet, now.wall); };
  } else {
    next_state = [&](CheckState state) {
      state = after_connect(state, asked.verdict.answer, policy_for(checker, lane, owner), now, checker.random);
      state.outcome_unknown = state.outcome_unknown || asked.verdict.answer_lost;
      return state;
    };
  }
  Recording recording{.credential = std::move(credential),
                      .next_state = next_state,
                      .fields = updated(fields, asked.verdict.updates),
                      .withdrawn = asked.verdict.withdrawn,
                      .events = std::move(asked.events),
                      .clears_spending = asked.leaves_note,
                      .outcome_unknown = asked.verdict.answer_lost};
  asked.verdict.updates.clear();  // what it gave is in the recording alone
  co_return (co_await record_answer(checker, std::move(recording))).kind;
}

Task<Result<void>> connect_here(Checker& checker, OwnerId owner, LeafUserId user, const Provider& provider,
                                const Fields& fields) {
  const auto place = RequestPlace::take(checker, owner);
  if (!place) co_return std::unexpected(place.error());
  LaneState* lane = lane_of(checker, provider, fields);
  const WallTime now = checker.clock.now();
  const bool can_ask = lane && lane->base_url;
  StoredCredential credential;
  credential.id = CredentialId::random(checker.random);
  credential.owner = owner;
  credential.leaf_user = user;
  credential.provider = provider.short_name();
  credential.environment = lane ? lane->lane.environment : std::string();
  credential.created = now;
  const SealScope scope = scope_of(credential);
  credential.fields_key = checker.sealer.new_fields_key(scope, checker.random);
  credential.fields =
      checker.sealer.seal_fields(scope, credential.fields_key, credential.fields_version, fields.pack(), checker.random);
  credential.state.since = now;
  // Due at once, should we not live to hear the answer.
  credential.state = not_asked(credential.state, can_ask ? Reason::not_checked_yet : Reason::not_configured,
                               can_ask ? std::optional(now) : std::nullopt);

  const Turns::Hold turn(checker.turns, credential.id);
  if (provider.login_kind() == LoginKind::refresh_token) refuse_while_token_is_held(checker);
  if (auto added = co_await checker.store.add_credential(credential); !added) co_return added;
  if (!can_ask) co_return Result<void>();
  const auto kind = co_await record_first_answer(checker, *lane, std::move(credential), fields.clone());
  if (kind == RecordedEnd::Kind::gone || kind == RecordedEnd::Kind::unlinked) co_return fail(ErrorCode::not_found);
  co_return Result<void>();
}

// Whether a token is the newest of the grant in these fields, or one that it has spent.
bool is_of_grant(const Fields& fields, std::string_view field, std::string_view token) {
  const auto names = {field, kFirstRefreshToken, kBroughtRefreshToken, kPreviousRefreshToken};
  const bool is_kept = std::ranges::any_of(names, [&](std::string_view name) { return fields.value(name) == token; });
  return !token.empty() && (is_kept || is_spent(fields.value(kSpentRefreshTokens), token));
}

// What a client brings, as a candidate. A token of the stored grant gives way to the stored login's own: a spent one, shown once
// more, would cost the grant. So a client may send what it sent before.
Fields candidate_of(const Checker& checker, const std::optional<Fields>& stored, const Provider& provider, const Fields& given) {
  Fields fields = given.clone();
  const std::string_view field = one_use_field(checker, provider);
  const Plaintext* token = given.find(field);
  if (!stored || !token) return fields;
  const std::string_view brought = token->reveal();
  if (!is_of_grant(*stored, field, brought)) return fields;
  if (stored->value(kFirstRefreshToken) != brought) fields.set(kBroughtRefreshToken, token->clone());
  fields.set(kOfStoredGrant, Plaintext(std::string("1")));
  fields.remove(field);
  return fields;
}

// Whether an interrupted PUT had brought the same: settling it is trying this one.
bool is_repeated(const Checker& checker, const Fields& candidate, const std::optional<Fields>& stored, const Provider& provider,
                 const Fields& given) {
  const std::string_view field = one_use_field(checker, provider);
  const FlowPlan& plan = *checker.plans.find(provider.short_name())->second;
  const auto is_other = [&](const auto& entry) {
    return !plan.gives(entry.first) && candidate.value(entry.first) != entry.second.reveal();
  };
  if (std::ranges::any_of(given.all(), is_other)) return false;
  if (field.empty()) return true;
  if (candidate.find(kOfStoredGrant)) return candidate_of(checker, stored, provider, given).find(kOfStoredGrant) != nullptr;
  return is_of_grant(candidate, field, given.value(field));
}

Result<void> answer_to(CandidateEnd end) {
  switch (end) {
    case CandidateEnd::promoted: return {};
    case CandidateEnd::refused: return fail(ErrorCode::refused);
    case CandidateEnd::unavailable:
    case CandidateEnd::waiting: return fail(ErrorCode::provider_unavailable);
    case CandidateEnd::gone: break;
  }
  return fail(ErrorCode::not_found);
}

Task<Result<void>> reconnect_here(Checker& checker, OwnerId owner, LeafUserId user, const Provider& provider,
                                  const Fields& given) {
  const auto place = RequestPlace::take(checker, owner);
  if (!place) co_return std::unexpected(place.error());
  const auto summary = co_await checker.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  co_await checker.turns.wait_free(summary->id);
  const Turns::Hold turn(checker.turns, summary->id);
  auto credential = co_await checker.store.find_credential(summary->id);
  if (!credential || credential->leaf_user != user) co_return fail(ErrorCode::not_found);
  if (provider.login_kind() == LoginKind::refresh_token) refuse_while_token_is_held(checker);
  auto stored = open_stored(checker, *credential);
  if (credential->candidate) {
    // One that was interrupted is settled first: it may hold all that is left of a token.
    const auto candidate =
        credential->candidate->progress == Candidate::Progress::unsent ? std::nullopt : open_candidate(checker, *credential);
    const bool is_this = candidate && is_repeated(checker, *candidate, stored, provider, given);
    const bool is_precious = candidate && candidate->find(kGivenToCandidate);
    const auto end = (co_await settle_candidate(checker, *credential, Trigger::request)).end;
    // One that cannot be asked any more gives way to this one, unless it holds what came for the token that both bring.
    if (is_this && (end || is_precious)) co_return answer_to(end.value_or(CandidateEnd::waiting));
    credential = co_await checker.store.find_credential(summary->id);
    if (!credential || credential->leaf_user != user) co_return fail(ErrorCode::not_found);
    if (end == CandidateEnd::waiting) co_return fail(ErrorCode::provider_unavailable);
    stored = open_stored(checker, *credential);
  }
  Fields fields = candidate_of(checker, stored, provider, given);
  const LaneState* lane = lane_of(checker, provider, fields);
  if (lane && lane->base_url) {
    // The newest token of the grant goes where it came from; elsewhere goes what the client brings, and nothing else.
    const std::string_view token = one_use_field(checker, provider);
    const bool is_ours = fields.find(kOfStoredGrant) && stored->value(token) != given.value(token);
    if (is_ours && is_bound_elsewhere(checker, credential->origin, *lane->base_url))
      co_return fail(ErrorCode::provider_unavailable);
    fields.set(kCandidateOrigin, Plaintext(lane->base_url->origin()));
  }
  const SealScope scope = scope_of(*credential);
  if (!checker.sealer.opens_fields_key(scope, credential->fields_key)) {
    // A damaged row: what it sealed is lost already, so it gets a new key for what comes.
    credential->fields_key = checker.sealer.new_fields_key(scope, checker.random);
    co_await checker.store.record_check({.id = credential->id,
                                         .fields_version = credential->fields_version,
                                         .state_version = credential->state_version,
                                         .link_version = credential->link_version,
                                         .fields_key = credential->fields_key});
  }
  const Sealed sealed = seal_candidate(checker, *credential, fields);
  if (!co_await checker.store.save_candidate(credential->id, sealed)) co_return fail(ErrorCode::not_found);
  credential->candidate = Candidate{.fields = sealed};
  co_return answer_to(co_await try_candidate(checker, std::move(*credential), std::move(fields), Trigger::request));
}

// Absent fields that the descriptor gives a value to.
void add_defaults(const Provider& provider, Fields& fields) {
  for (const RequestField& field : provider.request)
    if (field.fallback && !fields.find(field.name)) fields.set(field.name, Plaintext(*field.fallback));
}

}  // namespace

Task<Result<Revealed>> connect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider, Fields fields) {
  add_defaults(provider, fields);
  auto done = co_await run_on(parts.checker.executor, [&] { return connect_here(parts.checker, owner, user, provider, fields); });
  if (!done) co_return std::unexpected(done.error());
  co_return co_await reveal(parts, owner, user, provider);
}

Task<Result<Revealed>> reconnect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider, Fields fields) {
  add_defaults(provider, fields);
  auto done =
      co_await run_on(parts.checker.executor, [&] { return reconnect_here(parts.checker, owner, user, provider, fields); });
  if (!done) co_return std::unexpected(done.error());
  co_return co_await reveal(parts, owner, user, provider);
}

}  // namespace granary
