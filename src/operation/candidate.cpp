#include "operation/candidate.hpp"

#include "domain/planted.hpp"
#include "operation/recording.hpp"

namespace granary {

namespace {

// Once so soon, then with the checks of the stored fields.
constexpr milliseconds kWaitingRetry{std::chrono::minutes(1)};

// behaviour.md, "PUT": never for the worse.
CandidateEnd judge(AnswerKind answer, Status stored) {
  if (answer == AnswerKind::ok) return CandidateEnd::promoted;
  if (answer == AnswerKind::refused && is_planted(Fault::refused_candidate_stored)) return CandidateEnd::promoted;
  if (answer == AnswerKind::refused) return CandidateEnd::refused;
  if (stored != Status::ok) return CandidateEnd::promoted;
  return answer == AnswerKind::forbidden ? CandidateEnd::refused : CandidateEnd::unavailable;
}

bool gives(const std::vector<FieldUpdate>& updates, std::string_view field) {
  return !field.empty() && std::ranges::any_of(updates, [&](const FieldUpdate& update) { return update.name == field; });
}

// Stores what was given for a candidate whose probe stayed unsent while the store failed; held until it can be. False when the
// candidate is gone.
Task<bool> keep_waiting(Checker& checker, const StoredCredential& credential, Fields given) {
  HeldAnswer held(checker, credential, Holds::fields, std::move(given));
  while (true) {
    std::optional<StoreUnavailable> failure;
    try {
      const auto fields = held.fields();
      const Sealed sealed = seal_candidate(checker, credential, *fields);
      co_return co_await checker.store.keep_candidate(credential.id, credential.candidate->fields, sealed);
    } catch (const StoreUnavailable& unavailable) {
      failure = unavailable;
    }
    co_await held.wait(*failure);
  }
}

// Where the candidate is not the one that was asked with: deleted or unlinked; settled by another process; or kept by a commit
// that was heard to fail.
Task<CandidateEnd> end_elsewhere(Checker& checker, const StoredCredential& credential) {
  const auto stored = co_await checker.store.find_credential(credential.id);
  if (!stored || !stored->leaf_user || stored->link_version != credential.link_version) co_return CandidateEnd::gone;
  co_return stored->candidate ? CandidateEnd::waiting : CandidateEnd::unavailable;
}

}  // namespace

LaneState* lane_of(Checker& checker, const Provider& provider, const Fields& fields) {
  const std::string environment =
      provider.environment_field.empty() ? std::string() : std::string(fields.value(provider.environment_field));
  return checker.find_lane(std::string(provider.short_name()), environment);
}

Task<CandidateEnd> try_candidate(Checker& checker, StoredCredential credential, Fields candidate, Trigger trigger) {
  const Provider* provider = checker.catalog.find_short_name(credential.provider);
  LaneState* lane = provider ? lane_of(checker, *provider, candidate) : nullptr;
  const auto stored = open_stored(checker, credential);
  const bool was_sent = credential.candidate->progress != Candidate::Progress::unsent;
  Asked asked;
  if (lane && lane->base_url) {
    asked = co_await ask_provider(checker, {.credential = credential,
                                            .fields = candidate,
                                            .lane = *lane,
                                            .other_secrets = stored ? &*stored : nullptr,
                                            .shown = ShownFields::candidate,
                                            .trigger = trigger});
    if (asked.outcome == AskOutcome::gone) co_return co_await end_elsewhere(checker, credential);
    if (asked.outcome == AskOutcome::stopping) co_return CandidateEnd::waiting;
    const bool is_unsent = asked.outcome == AskOutcome::not_sent || asked.outcome == AskOutcome::claimed;
    // One that a crash interrupted may have been accepted already: it waits for a try that is sent.
    if (is_unsent && was_sent) co_return CandidateEnd::waiting;
    if (is_unsent || asked.had_no_place) asked.verdict.answer.reason = Reason::rate_limited;
  } else {
    asked.verdict.answer.reason = Reason::not_configured;
  }

  // A token that was shown before a crash, and whose answer was never heard.
  const std::string_view token_field = provider ? one_use_field(checker, *provider) : std::string_view();
  const bool was_unknown = !token_field.empty() && credential.candidate->progress == Candidate::Progress::sent;
  const Instant now = checker.now();
  const Answer answer = asked.verdict.answer;
  // The stored login is the same grant: what was given takes the place of its spent token, whatever the probe says.
  const bool is_same_grant = candidate.find(kOfStoredGrant) != nullptr;
  // Of the candidate's token, until it is answered.
  const bool is_stored_unknown = credential.state.outcome_unknown || !credential.spending.empty();
  const bool was_lost_before = was_unknown || (is_same_grant && is_stored_unknown);
  const bool was_given = asked.was_given || gives(asked.verdict.updates, token_field) ||
                         credential.candidate->progress == Candidate::Progress::given;
  // A lost race with an unlink or a change of status is decided anew on what is stored then.
  CandidateEnd end = is_same_grant && was_given ? CandidateEnd::promoted : judge(answer.kind, credential.state.status);
  // Another process is asking with the stored token: replaced by itself, it would lose what comes for it.
  if (is_same_grant && asked.outcome == AskOutcome::claimed) end = CandidateEnd::unavailable;
  if (end == CandidateEnd::unavailable && was_given) {
    end = CandidateEnd::waiting;
    auto given = updated(candidate, asked.verdict.updates);
    asked.verdict.updates.clear();  // what is held is in locked memory alone
    // Noted as sent, its token did not leave after all, or was answered without one: it is known not to be lost.
    const bool is_noted = asked.leaves_note && !asked.verdict.answer_lost;
    if (!given && is_noted && credential.candidate->progress == Candidate::Progress::given) given = candidate.clone();
    if (given && !co_await keep_waiting(checker, credential, std::move(*given)))
      co_return co_await end_elsewhere(checker, credential);
  }
  Recording recording{.credential = std::move(credential),
                      .next_state = [](CheckState state) { return state; },
                      .events = std::move(asked.events),
                      .clears_spending = is_same_grant && asked.leaves_note && end != CandidateEnd::waiting,
                      .outcome_unknown = asked.verdict.answer_lost,
                      .removes_candidate = end != CandidateEnd::waiting,
                      .holds = held_for(trigger)};
  if (end == CandidateEnd::promoted) {
    auto changed = updated(candidate, asked.verdict.updates);
    recording.fields = changed ? std::move(changed) : candidate.clone();
    recording.fields->remove(kCandidateOrigin);
    recording.fields->remove(kOfStoredGrant);
    recording.environment = lane ? lane->lane.environment : std::string();
    recording.origin = lane && lane->base_url ? lane->base_url->origin() : std::string();
    recording.withdrawn = std::move(asked.verdict.withdrawn);
    recording.clears_spending = true;
    const CheckPolicy policy = lane ? policy_for(checker, *lane) : CheckPolicy{};
    const bool is_checkable = lane && lane->base_url;
    const bool is_unknown =
        asked.verdict.answer_lost || (was_lost_before && !was_given && answer.kind == AnswerKind::unavailable);
    recording.next_state = [&checker, answer, policy, now, is_checkable, is_unknown](CheckState state) {
      state.outcome_unknown = false;
      state = after_connect(state, answer, policy, now, checker.random);
      state.outcome_unknown = is_unknown;
      if (!is_checkable) state.next_check.reset();
      return state;
    };
  } else if (end == CandidateEnd::waiting) {
    recording.next_state = [&checker, now](CheckState state) {
      if (state.status == Status::ok && state.next_check)
        state.next_check = std::min(*state.next_check, spread_next(now.wall, kWaitingRetry, checker.random));
      return state;
    };
  } else if (is_same_grant && (asked.verdict.answer_lost || (was_lost_before && asked.leaves_note))) {
    recording.next_state = [](CheckState state) {
      state.outcome_unknown = true;  // of the stored token
      return state;
    };
  }
  asked.verdict.updates.clear();  // what it gave is in the recording alone
  const RecordedEnd recorded = co_await record_answer(checker, std::move(recording));
  if (recorded.kind == RecordedEnd::Kind::recorded) co_return end;
  if (recorded.kind == RecordedEnd::Kind::lost_race) co_return CandidateEnd::unavailable;
  co_return CandidateEnd::gone;
}

Task<Settled> settle_candidate(Checker& checker, const StoredCredential& credential, Trigger trigger) {
  // Dropped by the next start, or replaced by the next PUT; its own may be about to send it.
  if (credential.candidate->progress == Candidate::Progress::unsent) co_return Settled::stored;
  const SealScope scope = scope_of(credential);
  const auto packed = checker.sealer.open_candidate(scope, credential.fields_key, credential.candidate->fields);
  auto fields = packed ? Fields::unpack(packed->reveal()) : std::nullopt;
  if (!fields) {
    co_await record_answer(
        checker, {.credential = credential, .next_state = [](CheckState state) { return state; }, .removes_candidate = true});
    co_return Settled::stored;
  }
  const Provider* provider = checker.catalog.find_short_name(credential.provider);
  const LaneState* lane = provider ? lane_of(checker, *provider, *fields) : nullptr;
  if (!lane || !lane->base_url || is_bound_elsewhere(checker, fields->value(kCandidateOrigin), *lane->base_url))
    co_return Settled::stored;
  const bool is_same_grant = fields->find(kOfStoredGrant) != nullptr;
  switch (co_await try_candidate(checker, credential, std::move(*fields), trigger)) {
    case CandidateEnd::promoted: co_return Settled::promoted;
    case CandidateEnd::waiting: co_return is_same_grant ? Settled::blocked : Settled::waiting;
    case CandidateEnd::gone: co_return Settled::gone;
    default: co_return Settled::dropped;
  }
}

}  // namespace granary
