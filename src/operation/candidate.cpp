#include "operation/candidate.hpp"

#include "domain/planted.hpp"
#include "operation/recording.hpp"

namespace granary {

namespace {

// Once so soon, then with the checks of the stored fields.
constexpr milliseconds kWaitingRetry{std::chrono::minutes(1)};

// Of a candidate and its token, once it was tried.
struct Known {
  bool of_stored_grant = false;
  bool was_waiting = false;  // it held what came for a token of its own already
  bool is_given = false;     // it does now, or the answer does
  bool is_unknown = false;   // a request with the token was lost, and it has not been accepted since
};

// behaviour.md, "PUT": never for the worse. Nor does a candidate that waits, whose client was told 503, replace a login that
// only an outage hides.
CandidateEnd judge(const Known& known, AnswerKind answer, Status stored) {
  if (answer == AnswerKind::ok) return CandidateEnd::promoted;
  if (answer == AnswerKind::refused)
    return is_planted(Fault::refused_candidate_stored) ? CandidateEnd::promoted : CandidateEnd::refused;
  const bool is_outage = stored == Status::temporarily_unavailable && answer == AnswerKind::unavailable;
  const bool may_replace = stored != Status::ok && !(is_outage && known.was_waiting);
  if (answer == AnswerKind::forbidden) return may_replace ? CandidateEnd::promoted : CandidateEnd::refused;
  if (may_replace) return CandidateEnd::promoted;
  return known.is_given && !known.of_stored_grant ? CandidateEnd::waiting : CandidateEnd::unavailable;
}

// Stores what was given for a candidate whose probe stayed unsent while the store failed; held until it can be. False when the
// candidate is gone.
Task<bool> keep_waiting(Checker& checker, const StoredCredential& credential, Fields given) {
  HeldAnswer held(checker, credential, Holds::fields, std::move(given));
  co_return co_await held.until_done([&]() -> Task<bool> {
    auto fields = held.fields();
    co_return (co_await keep_given_to_candidate(checker, credential, *fields)).has_value();
  });
}

// What its answer tells of the candidate's token; `one_use` is the field that holds it.
void learn(Known& known, const StoredCredential& credential, const Fields& candidate, std::string_view one_use,
           const Asked& asked) {
  const Candidate::Progress progress = credential.candidate->progress;
  const bool is_heard = asked.was_given || progress == Candidate::Progress::given;
  known.is_given = is_heard || known.was_waiting;
  const bool was_lost = known.of_stored_grant ? !asked.was_given && credential.has_lost_answer()
                                              : !is_heard && progress == Candidate::Progress::sent && !one_use.empty();
  // What came for it, refused in its turn: the request that was thought lost may have arrived after all.
  const bool is_refused_now = asked.verdict.answer.kind == AnswerKind::refused && !asked.was_given;
  known.is_unknown =
      asked.verdict.answer_lost || was_lost || (is_refused_now && known.was_waiting && candidate.find(kAfterLostAnswer));
}

// For so long, the provider asks to be left alone.
milliseconds hold_of(const Answer& answer) { return std::min(answer.retry_after.value_or(seconds(0)), kRetryAfterMax); }

// Where the candidate is not the one that was asked with: deleted or unlinked; settled by another process; or kept by a commit
// that was heard to fail.
Task<CandidateEnd> end_elsewhere(Checker& checker, CredentialId id, std::int64_t link_version) {
  const auto stored = co_await checker.store.find_credential(id);
  if (!stored || !stored->leaf_user || stored->link_version != link_version) co_return CandidateEnd::gone;
  co_return stored->candidate ? CandidateEnd::waiting : CandidateEnd::unavailable;
}

// A candidate that is kept: what came for its token since, if anything did. False when it is gone.
Task<bool> keep_what_came(Checker& checker, const StoredCredential& credential, const Fields& candidate, Asked& asked) {
  auto given = updated(candidate, asked.verdict.updates);
  asked.verdict.updates.clear();  // what is held is in locked memory alone
  // Noted as sent, its token did not leave after all, or was answered without one: it is known not to be lost.
  const bool is_noted = asked.leaves_note && !asked.verdict.answer_lost;
  if (!given && is_noted && credential.candidate->progress == Candidate::Progress::given) given = candidate.clone();
  co_return !given || co_await keep_waiting(checker, credential, std::move(*given));
}

// Nothing was heard that counts, and something waits to be.
CheckState check_soon(CheckState state, WallTime now, milliseconds wait, Random& random) {
  if (state.status == Status::ok && state.next_check)
    state.next_check = std::min(*state.next_check, std::max(spread_next(now, kWaitingRetry, random), now + wait));
  return state;
}

// The candidate becomes the stored login, and its answer is believed at once.
void promote(Checker& checker, const LaneState* lane, const Fields& candidate, Asked& asked, bool is_unknown,
             Recording& recording) {
  const bool is_checkable = lane && lane->base_url;
  auto changed = updated(candidate, asked.verdict.updates);
  recording.fields = changed ? std::move(changed) : candidate.clone();
  for (const std::string_view mark : {kCandidateOrigin, kOfStoredGrant, kGivenToCandidate}) recording.fields->remove(mark);
  recording.environment = lane ? lane->lane.environment : std::string();
  recording.origin = is_checkable ? lane->base_url->origin() : std::string();
  recording.withdrawn = std::move(asked.verdict.withdrawn);
  recording.next_state = [&checker, answer = asked.verdict.answer,
                          policy = lane ? policy_for(checker, *lane, recording.credential.owner) : CheckPolicy{},
                          now = checker.now(), is_unknown, is_checkable](CheckState state) {
    state.outcome_unknown = is_unknown;
    state = after_connect(state, answer, policy, now, checker.random);
    if (answer.kind == AnswerKind::forbidden) state.outcome_unknown = false;  // the login itself was accepted
    if (!is_checkable) state.next_check.reset();
    return state;
  };
}

// Of the stored grant, and not promoted: the stored login has what came for its token, and is to be checked itself. What was said
// of that token with a client's other fields says nothing of it with the stored ones.
NextState health_of_stored_grant(Checker& checker, const LaneState* lane, OwnerId owner, const Known& known, const Asked& asked,
                                 bool is_retry) {
  const Answer& answer = asked.verdict.answer;
  return [&checker, lane, owner, answer, hold = hold_of(answer), now = checker.now(), is_retry, was_given = asked.was_given,
          is_unknown = known.is_unknown && asked.leaves_note](CheckState state) {
    state.outcome_unknown = (state.outcome_unknown && !was_given) || is_unknown;
    if (was_given && is_planted(Fault::put_of_the_same_grant_believed))
      return after_connect(state, answer, policy_for(checker, *lane, owner), now, checker.random);
    // Due for the candidate's sake; its token, shown for an answer that had been lost, is not shown again at once.
    const bool is_due = is_retry && state.next_check && *state.next_check <= now.wall;
    if (!is_due || was_given) return was_given ? check_soon(state, now.wall, hold, checker.random) : state;
    if (!return_to_refused_place(state, LoginKind::refresh_token, now.wall))
      state.next_check = now.wall + std::max(checker.settings.confirm_after, hold);
    return state;
  };
}

void lay_over(const Checker& checker, const Provider& provider, const Fields& stored, Fields& candidate) {
  for (const std::string_view name :
       {one_use_field(checker, provider), kFirstRefreshToken, kPreviousRefreshToken, kSpentRefreshTokens, kAfterLostAnswer})
    if (const Plaintext* known = stored.find(name)) candidate.set(name, known->clone());
  const Plaintext* brought = stored.find(kBroughtRefreshToken);
  if (brought && !candidate.find(kBroughtRefreshToken)) candidate.set(kBroughtRefreshToken, brought->clone());
}

}  // namespace

LaneState* lane_of(Checker& checker, const Provider& provider, const Fields& fields) {
  const std::string environment =
      provider.environment_field.empty() ? std::string() : std::string(fields.value(provider.environment_field));
  return checker.find_lane(std::string(provider.short_name()), environment);
}

std::optional<Fields> open_candidate(const Checker& checker, const StoredCredential& credential) {
  const auto packed = checker.sealer.open_candidate(scope_of(credential), credential.fields_key, credential.candidate->fields);
  return packed ? Fields::unpack(packed->reveal()) : std::nullopt;
}

Task<CandidateEnd> try_candidate(Checker& checker, StoredCredential credential, Fields candidate, Trigger trigger) {
  const Provider* provider = checker.catalog.find_short_name(credential.provider);
  LaneState* lane = provider ? lane_of(checker, *provider, candidate) : nullptr;
  const CredentialId id = credential.id;
  const std::int64_t link_version = credential.link_version;
  const bool is_retry = credential.candidate->progress != Candidate::Progress::unsent;
  Known known{.of_stored_grant = candidate.find(kOfStoredGrant) != nullptr,
              .was_waiting = candidate.find(kGivenToCandidate) != nullptr};
  auto stored = open_stored(checker, credential);
  if (known.of_stored_grant) lay_over(checker, *provider, *stored, candidate);
  Asked asked;
  if (lane && lane->base_url) {
    // Nobody but the provider that gave it is shown the token before the last.
    if (is_bound_elsewhere(checker, credential.origin, *lane->base_url)) candidate.remove(kPreviousRefreshToken);
    asked = co_await ask_provider(checker, {.credential = credential,
                                            .fields = candidate,
                                            .lane = *lane,
                                            .stored = stored ? &*stored : nullptr,
                                            .shown = ShownFields::candidate,
                                            .of_stored_grant = known.of_stored_grant,
                                            .trigger = trigger});
    if (asked.outcome == AskOutcome::gone) co_return co_await end_elsewhere(checker, id, link_version);
    if (asked.outcome == AskOutcome::stopping) co_return CandidateEnd::waiting;
    const bool is_unsent = asked.outcome == AskOutcome::not_sent || asked.outcome == AskOutcome::claimed;
    // One that a crash interrupted may have been accepted already: it waits for a try that is sent.
    if (is_unsent && is_retry) co_return CandidateEnd::waiting;
    if (is_unsent || asked.had_no_place) asked.verdict.answer.reason = Reason::rate_limited;
    if (asked.store_failed) asked.verdict.answer.reason = Reason::not_checked_yet;
  } else {
    asked.verdict.answer.reason = Reason::not_configured;
  }

  const Verdict& verdict = asked.verdict;
  learn(known, credential, candidate, provider ? one_use_field(checker, *provider) : std::string_view(), asked);
  CandidateEnd end = judge(known, verdict.answer.kind, credential.state.status);
  // Another process is asking with the stored token: replaced by itself, it would lose what comes for it.
  if (known.of_stored_grant && asked.outcome == AskOutcome::claimed) end = CandidateEnd::unavailable;
  if (end == CandidateEnd::waiting && !co_await keep_what_came(checker, credential, candidate, asked))
    co_return co_await end_elsewhere(checker, id, link_version);
  Recording recording{.credential = std::move(credential),
                      .next_state = [](const CheckState& state) { return state; },
                      .events = std::move(asked.events),
                      .clears_spending = end == CandidateEnd::promoted || (known.of_stored_grant && asked.leaves_note),
                      .outcome_unknown = known.of_stored_grant ? known.is_unknown : verdict.answer_lost,
                      .removes_candidate = end != CandidateEnd::waiting,
                      .holds = held_for(trigger)};
  if (end == CandidateEnd::promoted) {
    promote(checker, lane, candidate, asked, known.is_unknown, recording);
  } else if (known.of_stored_grant) {
    if (stored) recording.fields = updated(*stored, for_stored_login(checker, *provider, verdict.updates));
    recording.next_state = health_of_stored_grant(checker, lane, recording.credential.owner, known, asked, is_retry);
  } else if (end == CandidateEnd::waiting) {
    recording.next_state = [&checker, hold = hold_of(verdict.answer), now = checker.clock.now()](const CheckState& state) {
      return check_soon(state, now, hold, checker.random);
    };
  }
  asked.verdict.updates.clear();  // what it gave is in the recording alone
  const RecordedEnd recorded = co_await record_answer(checker, std::move(recording));
  if (recorded.kind == RecordedEnd::Kind::recorded) co_return end;
  if (recorded.kind == RecordedEnd::Kind::lost_race) co_return co_await end_elsewhere(checker, id, link_version);
  co_return CandidateEnd::gone;
}

Task<Settled> settle_candidate(Checker& checker, const StoredCredential& credential, Trigger trigger) {
  // Dropped by the next start, or replaced by the next PUT; its own may be about to send it.
  if (credential.candidate->progress == Candidate::Progress::unsent) co_return Settled{};
  auto fields = open_candidate(checker, credential);
  const bool of_stored_grant = fields && fields->find(kOfStoredGrant);
  if (!fields || (of_stored_grant && !open_stored(checker, credential))) {
    co_await record_answer(
        checker, {.credential = credential, .next_state = [](CheckState state) { return state; }, .removes_candidate = true});
    co_return Settled{};
  }
  const Provider* provider = checker.catalog.find_short_name(credential.provider);
  const LaneState* lane = provider ? lane_of(checker, *provider, *fields) : nullptr;
  if (!lane || !lane->base_url || is_bound_elsewhere(checker, fields->value(kCandidateOrigin), *lane->base_url))
    co_return Settled{};
  co_return Settled{.end = co_await try_candidate(checker, credential, std::move(*fields), trigger),
                    .of_stored_grant = of_stored_grant};
}

}  // namespace granary
