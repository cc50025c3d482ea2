#include "check/ask.hpp"

#include "check/exchanges.hpp"
#include "check/secrets.hpp"
#include "http/content_coding.hpp"

namespace granary {

namespace {

// Holds a slot of the lane for as long as it lives.
class SlotHold {
 public:
  SlotHold(LaneLimits& limits, Clock& clock, OwnerId owner, Trigger trigger)
      : limits_(limits), clock_(clock), owner_(owner), trigger_(trigger), since_(clock.elapsed()) {}
  ~SlotHold() { limits_.leave(owner_, trigger_, clock_.elapsed() - since_); }
  SlotHold(const SlotHold&) = delete;
  SlotHold& operator=(const SlotHold&) = delete;

 private:
  LaneLimits& limits_;
  Clock& clock_;
  OwnerId owner_;
  Trigger trigger_;
  SteadyTime since_;
};

// What a flow is told in place of an answer, when its next request stays unsent. That ends it, and it gives what it was given.
http::Exchange unsent() {
  http::Exchange exchange;
  exchange.failure = http::ExchangeFailure::timeout;
  return exchange;
}

class Conversation {
 public:
  Conversation(CheckContext& context, LaneState& lane, Subject subject, Trigger trigger, SteadyTime deadline)
      : context_(context),
        lane_(lane),
        trigger_(trigger),
        deadline_(deadline),
        begun_(deadline - context.settings.timeout),
        before_(subject.secrets.clone()) {
    asked_.subject = std::move(subject);
  }

  Task<Asked> run() {
    const OwnerId owner = row().key.owner;
    const auto entry = co_await lane_.limits.enter(owner, trigger_, latest_start());
    if (entry == LaneLimits::Entry::stopping) co_return end(AskOutcome::stopping);
    if (entry != LaneLimits::Entry::granted) co_return end(AskOutcome::not_sent);
    const SlotHold slot(lane_.limits, context_.clock, owner, trigger_);
    const auto flow = context_.plans.find(lane_.lane.provider)
                          ->second->start({.base_url = *lane_.base_url,
                                           .secrets = before_,
                                           .grant = asked_.subject.grant,
                                           .now = context_.clock.now(),
                                           .refresh = refresh_timing()});
    Step step = flow->start();
    while (!std::holds_alternative<Verdict>(step)) {
      if (auto* given = std::get_if<Keep>(&step)) {
        if (given->is_doubtful && co_await is_spent(given->grant)) {
          step = flow->go_on(Kept::no);
          continue;
        }
        asked_.is_refreshed = !given->is_doubtful;
        hear(given->heard);
        take(std::move(given->grant));
        if (!co_await try_to_keep()) co_return end(AskOutcome::gone);
        step = flow->go_on(Kept::yes);
        continue;
      }
      Send& send = std::get<Send>(step);
      hear(send.heard);
      const Clearance clearance = co_await clear(send);
      if (clearance == Clearance::stop) co_return std::move(asked_);
      if (clearance == Clearance::end_flow) {
        step = flow->next(unsent(), context_.clock.now());
        break;
      }
      http::Exchange answer = co_await exchange(send);
      // The next start finds the row as a crash would leave it.
      if (answer.failure == http::ExchangeFailure::abandoned && asked_.subject.is_kept) co_return end(AskOutcome::stopping);
      const WallTime now = context_.clock.now();
      step = flow->next(answer, now);
      exchanges_.add(now, std::move(answer));
    }
    co_return co_await finish(std::get<Verdict>(std::move(step)));
  }

 private:
  enum class Clearance {
    send,
    end_flow,  // this request stays unsent; what the provider said before it counts
    stop,      // nothing more is sent; the outcome says why
  };

  StoredCredential& row() { return asked_.subject.row; }
  const StoredCredential& row() const { return asked_.subject.row; }
  bool is_candidate() const { return asked_.subject.shown != Shown::stored; }
  bool has_own_grant() const { return asked_.subject.shown == Shown::candidate; }
  SteadyTime latest_start() const { return std::min(deadline_, begun_ + granary::latest_start(context_.settings, lane_.limits)); }
  SteadyTime latest_token() const { return std::min(deadline_, begun_ + context_.settings.latest_token()); }

  Asked end(AskOutcome outcome) {
    asked_.outcome = outcome;
    return std::move(asked_);
  }

  // What the last answer said of the token that was sent for it.
  void hear(GrantEvent event) {
    if (!std::exchange(is_token_sent_, false)) return;
    asked_.subject.grant = after(asked_.subject.grant, event);
    asked_.subject.is_kept = false;
    if (!is_abandoned_) asked_.token_request = TokenRequest{.outcome = outcome_of(event), .counts = counts_for_fuse_};
  }

  // A page or nothing, as an answer of success, leaves the token as it was (decision 0004); but it is not how tokens are given.
  TokenOutcome outcome_of(GrantEvent event) const {
    switch (event) {
      case GrantEvent::rotated:
      case GrantEvent::accepted: return TokenOutcome::succeeded;
      case GrantEvent::lost: return TokenOutcome::unknown;
      case GrantEvent::answered: return was_success_ ? TokenOutcome::unknown : TokenOutcome::failed;
      case GrantEvent::sent:
      case GrantEvent::refused: break;
    }
    return TokenOutcome::failed;
  }

  // The clock spends no further token while a fuse is blown. A lost one, tried a second time, is no further one: it may be
  // spent already, and the sooner it is tried the likelier its provider still takes it.
  bool is_held(const Send& send) const {
    const bool is_further = !send.one_use_token.empty() && !is_candidate() && asked_.subject.grant != GrantState::unknown;
    return is_further && trigger_ == Trigger::clock && held_by_fuse(lane_, row().key.owner);
  }

  Clearance hold() {
    if (is_first_) return stop(AskOutcome::held);
    asked_.is_held = true;
    return Clearance::end_flow;
  }

  void take(Grant grant) {
    asked_.subject.secrets.grant = std::move(grant);
    asked_.subject.is_kept = false;
    asked_.subject.has_gifts = true;
  }

  RefreshTiming refresh_timing() {
    const CredentialHealth& health = row().health;
    const bool is_linked = health.due_cause == Cause::linked;
    constexpr std::uint64_t kSteps = 1'000'000;
    return {.is_first = is_candidate() || !health.answer_cause || is_linked || health.outages > 0,
            .share = static_cast<double>(context_.random.below(kSteps)) / kSteps,
            .floor = context_.settings.refresh_floor};
  }

  // Whether this credential has spent the newest token before. Where the store cannot tell, nobody says that it has.
  Task<bool> is_spent(const Grant& given) {
    const std::string token(given.given.value(one_use_field(context_, *lane_.provider)));
    try {
      co_return co_await context_.store.is_spent(row().key, token_digest(context_, row(), token));
    } catch (const StoreUnavailable&) {
      co_return false;
    }
  }

  // False where the row is gone. Never waits for a store that fails: whoever commits the whole answer does, and holds neither a
  // slot nor a flow.
  Task<bool> try_to_keep() {
    try {
      co_return co_await keep(context_, *lane_.provider, asked_.subject, Holds::nothing) == Committed::End::done;
    } catch (const StoreUnavailable&) {
      asked_.store_failed = true;
    }
    co_return true;
  }

  Clearance stop(AskOutcome outcome) {
    asked_.outcome = outcome;
    return Clearance::stop;
  }

  // A place within the rate; then, durably, what is about to be sent.
  Task<Clearance> clear(const Send& send) {
    if (asked_.store_failed) co_return Clearance::end_flow;
    if (is_held(send) && !is_trial_due(lane_, row().key.owner, context_.clock.now())) co_return hold();
    const SteadyTime latest = is_first_ ? latest_start() : send.one_use_token.empty() ? deadline_ : latest_token();
    const auto place = is_first_ ? ExchangePlace::first : ExchangePlace::later;
    const bool is_in_time = is_first_ || context_.clock.elapsed() < latest;
    if (!is_in_time || !co_await lane_.limits.take_exchange(row().key.owner, latest, place)) {
      if (is_first_) co_return stop(context_.stopping ? AskOutcome::stopping : AskOutcome::not_sent);
      // Where the answer before took all of the time, its provider was slow: places were not what lacked.
      asked_.had_no_place = answered_at_ < deadline_;
      co_return Clearance::end_flow;
    }
    try {
      // It may have blown while this one waited for its place.
      if (is_held(send) && !co_await take_trial(context_, lane_, row().key.owner)) co_return hold();
      co_return co_await commit_before_sending(send) ? Clearance::send : stop(AskOutcome::gone);
    } catch (const StoreUnavailable&) {
      if (is_first_) throw;
      asked_.store_failed = true;
    }
    co_return Clearance::end_flow;
  }

  // False where the row is deleted, unlinked or linked anew.
  Task<bool> commit_before_sending(const Send& send) {
    const bool spends = !send.one_use_token.empty();
    if (spends) refuse_while_token_is_held(context_);
    counts_for_fuse_ = asked_.subject.grant != GrantState::unknown && !before_.grant.given.all().empty();
    const GrantState grant = spends ? after(asked_.subject.grant, GrantEvent::sent) : asked_.subject.grant;
    CredentialWrite write = write_of(context_, row(), CredentialWrite::Needs::link);
    if (is_candidate() && (is_first_ || spends)) {
      write.candidate = row().candidate;
      if (is_first_) write.candidate->state = after_sending(write.candidate->state);
    }
    if (spends && !has_own_grant()) write.grant = grant;
    if (!is_candidate() && is_first_ && row().origin != lane_.base_url->origin()) write.origin = lane_.base_url->origin();
    if (counts_try()) count_try(write);
    const bool writes = write.candidate || write.grant || write.origin || write.health || write.share;
    if (writes && (co_await commit(context_, row(), write)).end != Committed::End::done) co_return false;
    if (write.candidate) row().candidate = write.candidate;
    if (write.origin) row().origin = *write.origin;
    asked_.subject.grant = grant;
    if (write.grant) row().grant = grant;
    // Last of all: a DELETE may have been acknowledged while the commit's answer was on its way.
    co_return co_await context_.store.is_linked(row().key, row().link_version);
  }

  // A password that was refused before is counted before it is shown again: a crash must not give it one more try.
  bool counts_try() const { return is_first_ && lane_.provider->login_kind() == LoginKind::password && asked_.subject.tries > 0; }

  // For all that hold it. A candidate's counts for the stored login only where that is the same.
  void count_try(CredentialWrite& write) {
    write.share = LoginShare{.login = asked_.subject.login, .answer = {}, .now = context_.clock.now()};
    if (!is_candidate())
      write.health = [](const CredentialHealth& health, Random&) { return std::optional(with_counted_try(health)); };
    is_try_counted_ = true;
  }

  Task<http::Exchange> exchange(Send& send) {
    is_token_sent_ = !send.one_use_token.empty();
    // A probe that comes first leaves time for the refresh that may follow it.
    const bool may_be_followed = is_first_ && lane_.provider->login_kind() == LoginKind::refresh_token && !is_token_sent_;
    const SteadyTime sent_at = context_.clock.elapsed();
    send.request.deadline = may_be_followed ? std::max(latest_token(), sent_at + (deadline_ - sent_at) / 2) : deadline_;
    http::Exchange answer = co_await context_.transport.exchange(std::move(send.request));
    if (http::decode_content(answer.body, answer.header("Content-Encoding"), http::kAnswerBytesMax) == http::Decoding::too_large)
      answer.failure = http::ExchangeFailure::too_large;
    is_first_ = false;
    answered_at_ = context_.clock.elapsed();
    was_success_ = !answer.failure && answer.status / 100 == 2;
    is_abandoned_ = answer.failure == http::ExchangeFailure::abandoned;
    co_return answer;
  }

  Task<Asked> finish(Verdict verdict) {
    hear(verdict.heard);
    if (verdict.grant) take(std::move(*verdict.grant));
    verdict.grant.reset();
    if (verdict.is_unread) exchanges_.hide_last_body();
    verdict.answer.is_uncertain = is_uncertain(asked_.subject.grant);
    verdict.answer.is_counted_try = is_try_counted_;
    verdict.answer.tries_before = asked_.subject.tries;
    asked_.verdict = std::move(verdict);
    std::vector<const Secrets*> known = {&before_, &asked_.subject.secrets};
    if (asked_.subject.stored) known.push_back(&*asked_.subject.stored);
    asked_.events = co_await exchanges_.to_events(context_, row(), *lane_.provider, known, asked_.verdict.derived_secrets);
    co_return std::move(asked_);
  }

  CheckContext& context_;
  LaneState& lane_;
  const Trigger trigger_;
  const SteadyTime deadline_, begun_;  // of the caller: some of the time may have gone with waiting for the lock
  const Secrets before_;               // what the flow began with

  Asked asked_;
  Exchanges exchanges_;
  bool is_first_ = true;  // nothing was sent yet
  bool is_token_sent_ = false;
  bool counts_for_fuse_ = false;                     // the token request that was sent last
  bool was_success_ = false, is_abandoned_ = false;  // the last answer
  bool is_try_counted_ = false;
  SteadyTime answered_at_{};
};

}  // namespace

Answer first_answer_of(const Asked& asked) {
  Answer answer = asked.verdict.answer;
  if (!asked.is_refreshed || answer.kind != AnswerKind::unavailable) return answer;
  answer.kind = AnswerKind::ok;
  answer.is_unconfirmed = true;
  answer.proof = Proof::refresh;
  return answer;
}

void forget_secrets(Asked& asked) {
  asked.subject.secrets = Secrets();
  asked.subject.kept = Secrets();
  asked.subject.stored.reset();
  asked.verdict.derived_secrets.clear();
}

Task<Asked> ask(CheckContext& context, LaneState& lane, Subject subject, Trigger trigger, SteadyTime deadline) {
  // Nobody should come this far with checks off; nothing leaves all the same.
  if (!context.settings.is_asking) co_return Asked{.subject = std::move(subject), .outcome = AskOutcome::not_sent};
  Asked asked;
  {
    Conversation conversation(context, lane, std::move(subject), trigger, deadline);
    asked = co_await conversation.run();
  }  // the bodies of its exchanges are gone, whatever is held after this
  if (asked.outcome == AskOutcome::answered && !asked.is_cut_short())
    lane.outage.hear(asked.subject.row.key.id, first_answer_of(asked), context.clock.elapsed());
  // The very same write: made a second time it changes nothing, and whatever is written next finds the row as it left it.
  if (asked.subject.owed && co_await keep(context, *lane.provider, asked.subject, Holds::tokens) != Committed::End::done)
    asked.outcome = AskOutcome::gone;
  co_return asked;
}

LoginShare share_of(const Subject& subject, const Answer& answer, const CheckPolicy& policy, WallTime now) {
  return {.login = subject.login, .answer = answer, .may_turn = policy.may_confirm(), .now = now};
}

TokenDigests digests_of(const CheckContext& context, const Provider& provider, const Subject& subject) {
  TokenDigests digests = digests_of_change(context, subject.row, provider, &subject.kept, subject.secrets);
  if (subject.shown == Shown::candidate) digests.held.reset();
  return digests;
}

namespace {

// What keep() commits.
CredentialWrite write_to_keep(CheckContext& context, const Provider& provider, const Subject& subject) {
  const StoredCredential& row = subject.row;
  CredentialWrite write = write_of(context, row);
  if (subject.has_gifts) write.tokens = digests_of(context, provider, subject);
  if (subject.shown == Shown::candidate) {
    write.candidate =
        Candidate{.secrets = seal_candidate(context, row, subject.secrets), .state = after_giving(row.candidate->state)};
    const std::string_view newest = subject.secrets.value(one_use_field(context, provider));
    write.candidate_claim = GrantClaim{.digest = token_digest(context, row, newest), .is_guarded = false};
    return write;
  }
  write.grant = subject.grant;
  const WallTime now = context.clock.now();
  if (!subject.has_gifts) {
    // The stored token was shown; it is not shown again at once.
    const WallTime not_before = now + context.settings.confirm_after;
    write.health = [now, not_before](const CredentialHealth& health, Random&) {
      return std::optional(not_checked_before(health, not_before, now));
    };
    return write;
  }
  Secrets kept = (subject.stored ? *subject.stored : subject.secrets).clone();
  kept.grant = subject.secrets.grant.clone();
  seal_into(context, row, kept, write);
  write.health = [now](const CredentialHealth& health, Random& random) {
    return std::optional(after_keeping(health, now, random));
  };
  return write;
}

}  // namespace

Task<Committed::End> keep(CheckContext& context, const Provider& provider, Subject& subject, Holds holds) {
  StoredCredential& row = subject.row;
  if (!subject.owed) subject.owed = write_to_keep(context, provider, subject);
  const Committed committed = co_await commit(context, row, *subject.owed, {}, holds);
  const CredentialWrite write = std::move(*subject.owed);
  subject.owed.reset();
  // Of a row that was unlinked meanwhile, what the provider gave is written all the same.
  if (committed.end != Committed::End::done && committed.end != Committed::End::unlinked) co_return committed.end;
  if (write.candidate) row.candidate = write.candidate;
  if (write.grant) row.grant = *write.grant;
  if (write.secrets) {
    ++row.secrets_version;
    if (write.secrets_key) row.secrets_key = *write.secrets_key;
    if (subject.stored) subject.stored->grant = subject.secrets.grant.clone();
  }
  subject.kept = subject.secrets.clone();
  subject.is_kept = true;
  subject.has_gifts = false;
  co_return committed.end;
}

}  // namespace granary
