#include "operation/candidate.hpp"

#include "domain/planted.hpp"
#include "operation/recording.hpp"

namespace granary {

namespace {

// Once so soon, then with the checks of the stored fields.
constexpr milliseconds kWaitingRetry{std::chrono::minutes(1)};

// Of a candidate and its token, once it was tried.
struct Known {
  bool is_same_grant = false;  // its token is the stored one, or came for that
  bool was_waiting = false;    // it held what came for its token already
  bool is_given = false;       // it does now, or the answer does
  bool is_unknown = false;     // a request with its token was lost, and it has not been accepted since
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
  return known.is_given && !known.is_same_grant ? CandidateEnd::waiting : CandidateEnd::unavailable;
}

// Stores what was given for a candidate whose probe stayed unsent while the store failed; held until it can be. False when the
// candidate is gone.
Task<bool> keep_waiting(Checker& checker, const StoredCredential& credential, Fields given) {
  given.set(kGivenToCandidate, Plaintext(std::string("1")));
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
Task<CandidateEnd> end_elsewhere(Checker& checker, CredentialId id, std::int64_t link_version) {
  const auto stored = co_await checker.store.find_credential(id);
  if (!stored || !stored->leaf_user || stored->link_version != link_version) co_return CandidateEnd::gone;
  co_return stored->candidate ? CandidateEnd::waiting : CandidateEnd::unavailable;
}

// A request with its token, before this one, was never answered.
bool was_lost_before(const Checker& checker, const Provider* provider, const StoredCredential& credential, bool is_same_grant) {
  if (!provider || one_use_field(checker, *provider).empty()) return false;
  return credential.candidate->progress == Candidate::Progress::sent ||
         (is_same_grant && (credential.state.outcome_unknown || !credential.spending.empty()));
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
CheckState check_soon(CheckState state, WallTime now, Random& random) {
  if (state.status == Status::ok && state.next_check)
    state.next_check = std::min(*state.next_check, spread_next(now, kWaitingRetry, random));
  return state;
}

Fields fields_with_what_came(const Fields& candidate, Asked& asked) {
  auto changed = updated(candidate, asked.verdict.updates);
  asked.verdict.updates.clear();  // what it gave is in the fields alone
  Fields fields = changed ? std::move(*changed) : candidate.clone();
  for (const std::string_view mark : {kCandidateOrigin, kOfStoredGrant, kGivenToCandidate}) fields.remove(mark);
  return fields;
}

// The candidate becomes the stored login, and its answer is believed at once.
void promote(Checker& checker, const LaneState* lane, const Fields& candidate, Asked& asked, bool is_unknown,
             Recording& recording) {
  const bool is_checkable = lane && lane->base_url;
  recording.fields = fields_with_what_came(candidate, asked);
  recording.environment = lane ? lane->lane.environment : std::string();
  recording.origin = is_checkable ? lane->base_url->origin() : std::string();
  recording.withdrawn = std::move(asked.verdict.withdrawn);
  recording.next_state = [&checker, answer = asked.verdict.answer, policy = lane ? policy_for(checker, *lane) : CheckPolicy{},
                          now = checker.now(), is_unknown, is_checkable](CheckState state) {
    state.outcome_unknown = is_unknown;
    state = after_connect(state, answer, policy, now, checker.random);
    if (answer.kind == AnswerKind::forbidden) state.outcome_unknown = false;  // the login itself was accepted
    if (!is_checkable) state.next_check.reset();
    return state;
  };
}

// Of the stored grant: what came for its spent token takes that one's place in the stored login, which stays as it is otherwise.
// The answer is one more check's.
void store_what_came(Checker& checker, const LaneState& lane, const Fields& stored, const Fields& candidate, Asked& asked,
                     bool is_unknown, Recording& recording) {
  const Fields given = fields_with_what_came(candidate, asked);
  Fields fields = stored.clone();
  std::vector<std::string_view> names = checker.plans.find(lane.lane.provider)->second->given_fields();
  names.push_back(kBroughtRefreshToken);
  for (const std::string_view name : names) {
    if (const Plaintext* value = given.find(name)) fields.set(name, value->clone());
    else fields.remove(name);
  }
  recording.fields = std::move(fields);
  recording.withdrawn = std::move(asked.verdict.withdrawn);
  recording.next_state = [&checker, &lane, answer = asked.verdict.answer, now = checker.now(), is_unknown,
                          is_cut_short = asked.is_cut_short()](CheckState state) {
    state.outcome_unknown = is_unknown;
    if (is_cut_short) return check_soon(state, now.wall, checker.random);
    const bool is_believed = is_planted(Fault::put_of_the_same_grant_believed);
    return (is_believed ? after_connect : after_check)(state, answer, policy_for(checker, lane), now, checker.random);
  };
}

// What a candidate that is kept, or dropped, does to the stored login's health.
NextState health_beside(Checker& checker, const Provider* provider, const Known& known, const Answer& answer, CandidateEnd end,
                        bool is_retry) {
  const WallTime now = checker.clock.now();
  if (end == CandidateEnd::waiting)
    return [&checker, now](const CheckState& state) { return check_soon(state, now, checker.random); };
  if (!known.is_same_grant) return [](CheckState state) { return state; };
  // The stored token was shown, with what a client had brought: that says nothing of the login as it is stored, but where it was
  // shown for an answer that had been lost, it is not shown again at once.
  const milliseconds wait =
      std::max<milliseconds>(checker.settings.confirm_after, std::min(answer.retry_after.value_or(seconds(0)), kRetryAfterMax));
  const LoginKind login = provider ? provider->login_kind() : LoginKind::password;
  return [now, wait, login, is_retry, is_unknown = known.is_unknown](CheckState state) {
    state.outcome_unknown = state.outcome_unknown || is_unknown;
    const bool is_due = is_retry && state.next_check && *state.next_check <= now;
    if (is_due && !return_to_refused_place(state, login, now)) state.next_check = now + wait;
    return state;
  };
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
  const CredentialId id = credential.id;
  const std::int64_t link_version = credential.link_version;
  const bool is_retry = credential.candidate->progress != Candidate::Progress::unsent;
  Known known{.is_same_grant = candidate.find(kOfStoredGrant) != nullptr,
              .was_waiting = candidate.find(kGivenToCandidate) != nullptr};
  const auto stored = open_stored(checker, credential);
  Asked asked;
  if (lane && lane->base_url) {
    asked = co_await ask_provider(checker, {.credential = credential,
                                            .fields = candidate,
                                            .lane = *lane,
                                            .other_secrets = stored ? &*stored : nullptr,
                                            .shown = ShownFields::candidate,
                                            .trigger = trigger});
    if (asked.outcome == AskOutcome::gone) co_return co_await end_elsewhere(checker, id, link_version);
    if (asked.outcome == AskOutcome::stopping) co_return CandidateEnd::waiting;
    const bool is_unsent = asked.outcome == AskOutcome::not_sent || asked.outcome == AskOutcome::claimed;
    // One that a crash interrupted may have been accepted already: it waits for a try that is sent.
    if (is_unsent && is_retry) co_return CandidateEnd::waiting;
    if (is_unsent || asked.had_no_place) asked.verdict.answer.reason = Reason::rate_limited;
  } else {
    asked.verdict.answer.reason = Reason::not_configured;
  }

  const bool is_heard = asked.was_given || credential.candidate->progress == Candidate::Progress::given;
  known.is_given = is_heard || known.was_waiting;
  // What came for it, refused in its turn: the request that was thought lost may have arrived after all.
  const bool is_refused_now = asked.verdict.answer.kind == AnswerKind::refused && !asked.was_given;
  const bool may_be_burnt = known.was_waiting && is_refused_now && candidate.find(kAfterLostAnswer);
  const bool was_lost = !is_heard && was_lost_before(checker, provider, credential, known.is_same_grant);
  known.is_unknown = asked.verdict.answer_lost || was_lost || may_be_burnt;
  CandidateEnd end = judge(known, asked.verdict.answer.kind, credential.state.status);
  // Another process is asking with the stored token: replaced by itself, it would lose what comes for it.
  if (known.is_same_grant && asked.outcome == AskOutcome::claimed) end = CandidateEnd::unavailable;
  if (end == CandidateEnd::waiting && !co_await keep_what_came(checker, credential, candidate, asked))
    co_return co_await end_elsewhere(checker, id, link_version);
  const bool came_for_stored = known.is_same_grant && known.is_given && lane && stored;
  const bool is_noted = known.is_same_grant && asked.leaves_note;
  const bool is_noted_as_spent = end == CandidateEnd::promoted || came_for_stored || is_noted;
  Recording recording{.credential = std::move(credential),
                      .events = std::move(asked.events),
                      .clears_spending = is_noted_as_spent && end != CandidateEnd::waiting,
                      .outcome_unknown = known.is_same_grant ? known.is_unknown : asked.verdict.answer_lost,
                      .removes_candidate = end != CandidateEnd::waiting,
                      .holds = held_for(trigger)};
  if (end == CandidateEnd::promoted) {
    promote(checker, lane, candidate, asked, known.is_unknown, recording);
  } else if (came_for_stored) {
    store_what_came(checker, *lane, *stored, candidate, asked, known.is_unknown, recording);
  } else {
    known.is_unknown = known.is_unknown && asked.leaves_note;  // else it is said where it was
    recording.next_state = health_beside(checker, provider, known, asked.verdict.answer, end, is_retry);
  }
  const RecordedEnd recorded = co_await record_answer(checker, std::move(recording));
  if (recorded.kind == RecordedEnd::Kind::recorded) co_return end;
  if (recorded.kind == RecordedEnd::Kind::lost_race) co_return co_await end_elsewhere(checker, id, link_version);
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
  if (!lane || !lane->base_url) co_return Settled::stored;
  const bool is_same_grant = fields->find(kOfStoredGrant) != nullptr;
  // The stored login's origin is its own, and was accepted for both.
  const bool is_accepted = is_same_grant && credential.origin.empty();
  if (!is_accepted && is_bound_elsewhere(checker, fields->value(kCandidateOrigin), *lane->base_url))
    co_return is_same_grant&& is_bound_elsewhere(checker, credential.origin, *lane->base_url) ? Settled::blocked
                                                                                              : Settled::stored;
  switch (co_await try_candidate(checker, credential, std::move(*fields), trigger)) {
    case CandidateEnd::promoted: co_return Settled::checked;
    case CandidateEnd::waiting: co_return is_same_grant ? Settled::blocked : Settled::waiting;
    case CandidateEnd::gone: co_return Settled::gone;
    default: co_return is_same_grant ? Settled::checked : Settled::dropped;
  }
}

}  // namespace granary
