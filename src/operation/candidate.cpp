#include "operation/candidate.hpp"

#include "domain/planted.hpp"
#include "operation/recording.hpp"

namespace granary {

namespace {

// behaviour.md, "PUT": never for the worse.
CandidateEnd judge(AnswerKind answer, Status stored) {
  if (answer == AnswerKind::ok) return CandidateEnd::promoted;
  if (answer == AnswerKind::refused && is_planted(Fault::refused_candidate_stored)) return CandidateEnd::promoted;
  if (answer == AnswerKind::refused) return CandidateEnd::refused;
  if (stored != Status::ok) return CandidateEnd::promoted;
  return answer == AnswerKind::forbidden ? CandidateEnd::refused : CandidateEnd::unavailable;
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
  const bool has_tokens = provider && provider->login_kind() == LoginKind::refresh_token;
  Asked asked;
  if (lane && lane->base_url) {
    asked = co_await ask_provider(checker, {.credential = credential,
                                            .fields = candidate,
                                            .lane = *lane,
                                            .other_secrets = stored ? &*stored : nullptr,
                                            .shown = ShownFields::candidate,
                                            .trigger = trigger});
    if (asked.outcome == AskOutcome::gone) {
      // Deleted or unlinked; or another process was faster with it.
      const auto now_stored = co_await checker.store.find_credential(credential.id);
      const bool is_linked = now_stored && now_stored->leaf_user && now_stored->link_version == credential.link_version;
      co_return is_linked ? CandidateEnd::unavailable : CandidateEnd::gone;
    }
    if (asked.outcome == AskOutcome::stopping) co_return CandidateEnd::unavailable;
    const bool is_unsent = asked.outcome == AskOutcome::not_sent || asked.outcome == AskOutcome::claimed;
    // One that a crash interrupted may have been accepted already: it waits for a try that is sent.
    if (is_unsent && was_sent) co_return CandidateEnd::unavailable;
    if (is_unsent) asked.verdict.answer.reason = Reason::rate_limited;
  } else {
    asked.verdict.answer.reason = Reason::not_configured;
  }

  // A token that was shown before a crash, and whose answer was never heard.
  const bool was_unknown = has_tokens && credential.candidate->progress == Candidate::Progress::sent;
  // Then the candidate must not stay as it was sent: its token would be shown again.
  const bool has_spent = has_tokens && !asked.verdict.updates.empty();
  const Instant now = checker.now();
  const Answer answer = asked.verdict.answer;
  // The stored login is the same grant: what was given takes the place of its spent token, whatever the probe says.
  const bool is_same_grant =
      has_tokens && stored && (asked.spent_stored || stored->holds(candidate.value(kPreviousRefreshToken)));
  const bool was_given = asked.was_given || credential.candidate->progress == Candidate::Progress::given;
  // A lost race with an unlink or a change of status is decided anew on what is stored then.
  const CandidateEnd end = is_same_grant && was_given ? CandidateEnd::promoted : judge(answer.kind, credential.state.status);
  Recording recording{.credential = std::move(credential),
                      .next_state = [](CheckState state) { return state; },
                      .events = std::move(asked.events),
                      .removes_candidate = true,
                      .holds = has_spent ? Holds::everything : held_for(trigger)};
  if (end == CandidateEnd::promoted) {
    auto changed = updated(candidate, asked.verdict.updates);
    recording.fields = changed ? std::move(changed) : candidate.clone();
    recording.environment = lane ? lane->lane.environment : std::string();
    recording.origin = lane && lane->base_url ? lane->base_url->origin() : std::string();
    recording.withdrawn = std::move(asked.verdict.withdrawn);
    recording.clears_spending = true;
    const CheckPolicy policy = lane ? policy_for(checker, *lane) : CheckPolicy{};
    const bool is_checkable = lane && lane->base_url;
    const bool is_unknown = asked.verdict.answer_lost || (was_unknown && answer.kind == AnswerKind::unavailable);
    recording.next_state = [&checker, answer, policy, now, is_checkable, is_unknown](CheckState state) {
      state.outcome_unknown = false;
      state = after_connect(state, answer, policy, now, checker.random);
      state.outcome_unknown = is_unknown;
      if (!is_checkable) state.next_check.reset();
      return state;
    };
  }
  if (end != CandidateEnd::promoted && is_same_grant && (asked.verdict.answer_lost || was_unknown))
    recording.next_state = [](CheckState state) {
      state.outcome_unknown = true;  // of the stored token
      return state;
    };
  asked.verdict.updates.clear();  // what it gave is in the recording alone
  const RecordedEnd recorded = co_await record_answer(checker, std::move(recording));
  if (recorded.kind == RecordedEnd::Kind::recorded) co_return end;
  if (recorded.kind == RecordedEnd::Kind::lost_race) co_return CandidateEnd::unavailable;
  co_return CandidateEnd::gone;
}

Task<bool> settle_candidate(Checker& checker, const StoredCredential& credential, Trigger trigger) {
  const SealScope scope = scope_of(credential);
  const auto packed = checker.sealer.open_candidate(scope, credential.fields_key, credential.candidate->fields);
  auto fields = packed ? Fields::unpack(packed->reveal()) : std::nullopt;
  if (fields && credential.candidate->progress != Candidate::Progress::unsent) {
    const Provider* provider = checker.catalog.find_short_name(credential.provider);
    const LaneState* lane = provider ? lane_of(checker, *provider, *fields) : nullptr;
    // Nothing is sent to another origin, or to none; it waits until there is one.
    if (!lane || !lane->base_url || is_origin_changed(checker, credential, *lane->base_url)) co_return false;
    co_return co_await try_candidate(checker, credential, std::move(*fields), trigger) != CandidateEnd::refused;
  }
  co_await record_answer(
      checker, {.credential = credential, .next_state = [](CheckState state) { return state; }, .removes_candidate = true});
  co_return false;
}

}  // namespace granary
