#include "operation/check.hpp"

#include "domain/planted.hpp"
#include "operation/breakers.hpp"
#include "operation/candidate.hpp"
#include "operation/recording.hpp"

namespace granary {

namespace {

constexpr milliseconds kAfterHalfACheck{std::chrono::seconds(30)};

std::string_view name_of(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::ok: return "ok";
    case AnswerKind::refused: return "refused";
    case AnswerKind::forbidden: return "forbidden";
    case AnswerKind::unavailable: return "unavailable";
  }
  return "unavailable";
}

// What is wrong on our side, so that nothing is sent: said at once, since waiting proves nothing.
CheckState after_local_obstacle(CheckState state, Reason reason, std::optional<WallTime> next_check, WallTime now) {
  state.reason = reason;
  // Nothing would bring a refused login's place back, where there is no next check.
  const bool keeps_place = !next_check && state.status == Status::unauthenticated;
  if (!keeps_place && !keeps_refused_place(state, now)) state.next_check = next_check;
  if (state.status == Status::ok) {  // what the provider refused or forbade stays so
    state.status = Status::temporarily_unavailable;
    state.turned_by_check = true;
    state.since = now;
  }
  return state;
}

Task<CheckEnd> record_obstacle(Checker& checker, StoredCredential credential, Reason reason, std::optional<WallTime> next_check) {
  const WallTime now = checker.clock.now();
  Recording recording{.credential = std::move(credential),
                      .next_state = [&](CheckState state) { return after_local_obstacle(state, reason, next_check, now); }};
  const RecordedEnd end = co_await record_answer(checker, std::move(recording));
  co_return end.kind == RecordedEnd::Kind::recorded ? CheckEnd::recorded : CheckEnd::gone;
}

// The same for fields with the same user name and password; empty where the provider is shown no password.
std::string login_digest(const Checker& checker, const Provider& provider, const Fields& fields) {
  if (provider.login_kind() != LoginKind::password) return {};
  const std::string_view username = fields.value("username"), password = fields.value("password");
  if (username.empty() || password.empty()) return {};
  std::string both = std::string(username) + '\0' + std::string(password);
  const auto digest = crypto::hmac_sha256(checker.login_key.reveal(), both);
  wipe(both);
  return std::string(crypto::view(digest));
}

// Cut short on our side, which says nothing of the login; but its provider was asked, and is not asked again at once.
CheckState after_half_a_check(CheckState state, const LaneState& lane, const Asked& asked, WallTime now, Random& random) {
  if (!asked.store_failed) state.reason = Reason::rate_limited;
  if (!keeps_refused_place(state, now)) state.next_check = spread_next(now, std::min(lane.interval, kAfterHalfACheck), random);
  return state;
}

Task<CheckEnd> record_check(Checker& checker, LaneState& lane, StoredCredential credential, const Fields& fields, Asked asked,
                            Trigger trigger) {
  const Instant now = checker.now();
  const Answer answer = asked.verdict.answer;
  // A token that an earlier check left noted as spent: its answer never came. Or what came of the try after that, and may have
  // been revoked by the request that was thought lost.
  const bool is_forgotten = is_planted(Fault::lost_answer_forgotten);
  const bool may_be_burnt = answer.kind == AnswerKind::refused && fields.find(kAfterLostAnswer);
  const bool was_unknown = (credential.has_lost_answer() || may_be_burnt) && !asked.was_given && !is_forgotten;
  const CheckState before = credential.state;
  const OwnerId owner = credential.owner;
  const std::string login = login_digest(checker, *lane.provider, fields);
  Recording recording{.credential = std::move(credential),
                      .next_state =
                          [&, lost = asked.verdict.answer_lost && !is_forgotten](CheckState state) {
                            // Of an answer that another process lost meanwhile, this one says nothing.
                            const bool was_lost_since = state.outcome_unknown && !before.outcome_unknown;
                            state.outcome_unknown = (state.outcome_unknown && !asked.was_given) || was_unknown;
                            if (asked.is_cut_short()) return after_half_a_check(state, lane, asked, now.wall, checker.random);
                            state = after_check(state, answer, policy_for(checker, lane, owner), now, checker.random);
                            state.outcome_unknown = state.outcome_unknown || lost || was_lost_since;
                            return state;
                          },
                      .fields = is_planted(Fault::new_token_not_stored) ? std::nullopt : updated(fields, asked.verdict.updates),
                      .withdrawn = std::move(asked.verdict.withdrawn),
                      .events = std::move(asked.events),
                      .clears_spending = asked.leaves_note,
                      .outcome_unknown = was_unknown || asked.verdict.answer_lost,
                      .holds = held_for(trigger)};
  asked.verdict = {};  // what it gave is in the recording alone
  const StoredCredential known = recording.credential;
  const RecordedEnd end = co_await record_answer(checker, std::move(recording));
  checker.metrics.count_check(lane.lane.provider, name_of(answer.kind));
  if (end.kind != RecordedEnd::Kind::recorded)
    co_return end.kind == RecordedEnd::Kind::lost_race ? CheckEnd::recorded : CheckEnd::gone;
  if (answer.kind == AnswerKind::ok) lane.last_success = now.wall;
  const bool has_turned = end.after.turned_by_check && !end.after.was_last_ok() && end.after.status != end.before.status;
  if (has_turned) take_back_later(lane, owner, end.after);
  CheckState told = before;
  told.outcome_unknown = was_unknown;
  if (asked.is_cut_short()) co_return CheckEnd::recorded;
  try {
    co_await tell_breakers(checker, lane, known, login, told, answer);
  } catch (const StoreUnavailable& failure) {
    // The check itself is recorded; an opening or a closing is owed, and tended.
    checker.log.warning("what a check said of the breaker is not stored",
                        {{"provider", lane.lane.provider}, {"error", failure.what()}});
  }
  co_return CheckEnd::recorded;
}

// Due at once, and who asked for it is told why.
Task<CheckEnd> end_unsent(Checker& checker, const StoredCredential& credential, Trigger trigger) {
  if (trigger == Trigger::request) {
    const WallTime now = checker.clock.now();
    CheckState state = credential.state;
    if (!keeps_refused_place(state, now)) state.next_check = now;
    co_await checker.store.record_not_sent(credential, Reason::rate_limited, state.next_check);
  }
  co_return CheckEnd::not_sent;
}

// A refused login was due for its candidate's sake alone; as long as that waits for its turn, it stays so.
Task<bool> put_back(Checker& checker, const StoredCredential& credential, bool candidate_waits) {
  const Provider* provider = checker.catalog.find_short_name(credential.provider);
  CheckState state = credential.state;
  if (!provider || !state.reason) co_return false;
  if (!return_to_refused_place(state, provider->login_kind(), checker.clock.now())) co_return false;
  if (!candidate_waits) co_await checker.store.record_not_sent(credential, *state.reason, state.next_check);
  co_return true;
}

Task<CheckEnd> check_in_turn(Checker& checker, CredentialId id, Trigger trigger) {
  auto credential = co_await checker.store.find_credential(id);
  if (!credential || !credential->leaf_user) co_return CheckEnd::gone;
  if (credential->candidate) {
    const auto [end, of_stored_grant] = co_await settle_candidate(checker, *credential, trigger);
    if (end == CandidateEnd::promoted) co_return CheckEnd::recorded;
    if (end == CandidateEnd::gone) co_return CheckEnd::gone;
    if (end && of_stored_grant && end != CandidateEnd::waiting) co_return CheckEnd::recorded;  // the stored token was shown
    credential = co_await checker.store.find_credential(id);
    if (!credential || !credential->leaf_user) co_return CheckEnd::gone;
    if (trigger == Trigger::clock && co_await put_back(checker, *credential, end == CandidateEnd::waiting))
      co_return CheckEnd::not_sent;
  }
  LaneState* lane = checker.find_lane(credential->provider, credential->environment);
  if (!lane || !lane->base_url)
    co_return co_await record_obstacle(checker, std::move(*credential), Reason::not_configured, std::nullopt);
  if (is_bound_elsewhere(checker, credential->origin, *lane->base_url)) {
    const WallTime next = spread_next(checker.clock.now(), lane->interval, checker.random);
    co_return co_await record_obstacle(checker, std::move(*credential), Reason::origin_changed, next);
  }
  auto fields = open_stored(checker, *credential);
  if (!fields) {
    checker.log.error("the sealed fields of a credential do not open; restore it from a backup or connect it again",
                      {{"credential", id.text()}, {"provider", credential->provider}});
    const WallTime next = spread_next(checker.clock.now(), lane->interval, checker.random);
    co_await record_obstacle(checker, std::move(*credential), Reason::unexpected_answer, next);
    co_return CheckEnd::seal_broken;
  }
  Asked asked = co_await ask_provider(checker, {.credential = *credential, .fields = *fields, .lane = *lane, .trigger = trigger});
  switch (asked.outcome) {
    case AskOutcome::answered: break;
    case AskOutcome::gone: co_return co_await checker.store.find_credential(id) ? CheckEnd::recorded : CheckEnd::gone;
    case AskOutcome::stopping:
    case AskOutcome::claimed: co_return CheckEnd::not_sent;
    case AskOutcome::not_sent: co_return co_await end_unsent(checker, *credential, trigger);
  }
  co_return co_await record_check(checker, *lane, std::move(*credential), *fields, std::move(asked), trigger);
}

Task<CheckEnd> run_check(Checker& checker, CredentialId id, Trigger trigger) {
  Turns::Hold turn(checker.turns, id);
  turn.tell(CheckEnd::failed);
  const CheckEnd end = co_await check_in_turn(checker, id, trigger);
  // The clock's check that had no place is not the one that a request would have had.
  const bool says_nothing = end == CheckEnd::not_sent && trigger == Trigger::clock;
  turn.tell(says_nothing ? std::nullopt : std::optional(end));
  co_return end;
}

}  // namespace

Task<> check_by_clock(Checker& checker, CredentialId id) {
  if (!checker.turns.is_taken(id)) co_await run_check(checker, id, Trigger::clock);
}

Task<CheckEnd> check_now(Checker& checker, CredentialId id) {
  while (checker.turns.is_taken(id)) {
    const auto end = co_await checker.turns.wait_free(id);
    if (end == CheckEnd::failed) throw StoreUnavailable("the check that was waited for could not be recorded");
    // One that it was gone for may have been linked again since.
    if (end && end != CheckEnd::gone) co_return *end;
  }
  co_return co_await run_check(checker, id, Trigger::request);
}

}  // namespace granary
