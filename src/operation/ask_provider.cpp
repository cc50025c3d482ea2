#include "operation/ask_provider.hpp"

#include <bit>

#include "base/encoding.hpp"
#include "domain/planted.hpp"
#include "operation/recording.hpp"
#include "provider/answer.hpp"
#include "provider/redaction.hpp"

namespace granary {

namespace {

// Text for people: bytes that are no UTF-8 are shown as U+FFFD, and what is too long is cut at a code point.
std::string to_text(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string out;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    // A character has as many bytes as its first byte has ones in front; one of ASCII has none there.
    const std::string_view character = bytes.substr(i, first < 0x80 ? 1 : static_cast<std::size_t>(std::countl_one(first)));
    const bool is_whole = first < 0x80 || is_utf8(character);
    out += is_whole ? character : "\xEF\xBF\xBD";
    i += is_whole ? character.size() : 1;
  }
  return out;
}

struct TimedExchange {
  WallTime at;
  http::Exchange exchange;
  bool is_cut = false;  // here, since an event has no room for more
};

Event make_event(const TimedExchange& timed, Redactor& redactor) {
  const auto& exchange = timed.exchange;
  Event event{.created = timed.at, .status_code = exchange.status, .headers = {}, .body = {}};
  if (exchange.status == 0) {
    event.body = name_of(reason_of(exchange.failure.value_or(http::ExchangeFailure::unreachable)));
    return event;
  }
  event.headers = whole_characters(to_text(redactor.redact_headers(exchange.headers)), kEventBytesMax / 4);
  // Bytes that are no text take three times their room. What is not kept is not searched.
  const std::size_t room = kEventBytesMax - event.headers.size();
  std::string text = to_text(exchange.body);
  const bool is_cut = exchange.failure.has_value() || timed.is_cut || text.size() > room;
  event.body = whole_characters(redactor.redact_body(whole_characters(text, room), is_cut), room);
  wipe(text);
  return event;
}

void collect_secrets(const Provider& provider, const Fields& fields, std::vector<const Plaintext*>& secrets) {
  for (const auto& [name, value] : fields.all()) {
    const RequestField* known = provider.find_request(name);
    if (name.starts_with('_') ? is_sensitive_name(name) : (known && known->secret) || is_sensitive_name(name))
      secrets.push_back(&value);
  }
}

// `replaced` are the fields that were shown before the provider gave others. Between two events, others get their turn: one takes
// up to twenty milliseconds.
Task<std::vector<Event>> make_events(Checker& checker, const Asking& asking, const Verdict& verdict,
                                     const std::vector<TimedExchange>& exchanges,
                                     const std::optional<Fields>& replaced = std::nullopt) {
  std::vector<const Plaintext*> secrets;
  const Provider& provider = *asking.lane.provider;
  collect_secrets(provider, asking.fields, secrets);
  if (asking.stored) collect_secrets(provider, *asking.stored, secrets);
  if (replaced) collect_secrets(provider, *replaced, secrets);
  for (const auto& update : verdict.updates)
    if (update.value && is_sensitive_name(update.name)) secrets.push_back(&*update.value);
  for (const auto& secret : verdict.derived_secrets) secrets.push_back(&secret);
  Redactor redactor(secrets);
  std::vector<Event> events;
  events.reserve(exchanges.size());
  for (const auto& timed : exchanges) {
    co_await checker.redactions.wait(asking.credential.owner);
    events.push_back(make_event(timed, redactor));
  }
  co_return events;
}

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

// Longer than any call and the commit of its answer; after that a claim whose process died is free.
Claim claim_for(const Checker& checker, const StoredCredential& known) {
  constexpr seconds kCommit{30};
  return {.process = checker.process,
          .lasts = checker.settings.timeout + kCommit,
          .known_note = known.spending,
          .known_version = known.fields_version};
}

Task<Begun> note_spending(Checker& checker, const StoredCredential& credential, std::string_view origin, std::string_view token) {
  const std::string digest = token.empty() || is_planted(Fault::spending_never_noted)
                                 ? std::string()
                                 : checker.sealer.token_digest(scope_of(credential), credential.fields_key, token);
  co_return co_await checker.store.begin_exchange(credential.id, credential.fields_version, origin, digest,
                                                  claim_for(checker, credential));
}

// Whether the row is still linked as it was loaded, after a wait for a slot, for the rate or for an answer: what was deleted or
// unlinked meanwhile is not shown to the provider any more. A PUT's fields must still be its candidate.
Task<bool> is_still_wanted(Checker& checker, const Asking& asking) {
  const StoredCredential& known = asking.credential;
  const auto stored = co_await checker.store.find_credential(known.id);
  if (!stored || !stored->leaf_user || stored->link_version != known.link_version) co_return false;
  if (asking.shown == ShownFields::stored) co_return true;
  co_return stored->candidate && stored->candidate->fields.bytes == known.candidate->fields.bytes;
}

// Durably, before anything is sent: to whom the credential is bound, and what is about to be spent.
Task<Begun> note_before_sending(Checker& checker, const Asking& asking, const Send& send, bool is_first) {
  const StoredCredential& credential = asking.credential;
  if (!send.one_use_token.empty()) refuse_while_token_is_held(checker);
  if (asking.shown == ShownFields::candidate) {
    if (!is_first && send.one_use_token.empty()) co_return Begun::yes;
    const bool is_given = credential.candidate->progress == Candidate::Progress::given && send.one_use_token.empty();
    const Candidate sent{.fields = credential.candidate->fields,
                         .progress = is_given ? Candidate::Progress::given : Candidate::Progress::sent};
    const Begun begun = co_await checker.store.mark_candidate_sent(credential.id, sent, claim_for(checker, credential));
    // What a PUT spends is noted with the candidate; where it is the stored token, beside that too.
    if (begun != Begun::yes || send.one_use_token.empty() || !asking.of_stored_grant) co_return begun;
    const std::string bound = credential.origin.empty() ? asking.lane.base_url->origin() : credential.origin;
    co_return co_await note_spending(checker, credential, bound, send.one_use_token);
  }
  const std::string origin = asking.lane.base_url->origin();
  const bool binds = is_first && credential.origin != origin;
  if (!binds && send.one_use_token.empty()) co_return Begun::yes;
  co_return co_await note_spending(checker, credential, origin, send.one_use_token);
}

// A later request of the clock that cannot be noted stays unsent (`claimed`): what the provider said before it is recorded all
// the same. A client is told that the store fails.
Task<Begun> note_later(Checker& checker, const Asking& asking, const Send& send, Asked& asked) {
  try {
    // Of what is unlinked by now, the answers that came before count still: a token that was given is kept.
    if (!co_await is_still_wanted(checker, asking)) co_return asking.shown == ShownFields::stored ? Begun::claimed : Begun::gone;
    co_return co_await note_before_sending(checker, asking, send, false);
  } catch (const StoreUnavailable&) {
    if (asking.trigger == Trigger::request) throw;
    asked.store_failed = true;
    co_return Begun::claimed;
  }
}

// What a flow is told in place of an answer, when its next request stays unsent. That ends it, and it gives what it was given.
http::Exchange unsent() {
  http::Exchange exchange;
  exchange.failure = http::ExchangeFailure::timeout;
  return exchange;
}

// Those whose events are not made yet. Their bodies hold tokens.
class Exchanges {
 public:
  Exchanges() = default;
  ~Exchanges() { clear(); }
  Exchanges(const Exchanges&) = delete;
  Exchanges& operator=(const Exchanges&) = delete;

  void add(TimedExchange timed) {
    std::string& body = timed.exchange.body;
    if (body.size() > kEventBytesMax) {
      std::string kept = body.substr(0, kEventBytesMax);
      wipe(body);
      body = std::move(kept);
      timed.is_cut = true;
    }
    all_.push_back(std::move(timed));
  }
  const std::vector<TimedExchange>& all() const { return all_; }
  void clear() {
    for (auto& timed : all_) wipe(timed.exchange.body);
    all_.clear();
  }

 private:
  std::vector<TimedExchange> all_;
};

bool gives(const std::vector<FieldUpdate>& updates, std::string_view field) {
  return !field.empty() && std::ranges::any_of(updates, [&](const auto& update) { return update.name == field && update.value; });
}

enum class Kept {
  yes,
  no,    // the store cannot write now
  gone,  // and nothing more is to be sent: the row is gone or unlinked, or the fields were replaced meanwhile
};

// The stored fields with what the provider gave; of what was given to a PUT of the stored grant, what is the stored login's.
std::optional<Fields> stored_with(const Checker& checker, const Asking& asking, const std::vector<FieldUpdate>& updates) {
  if (!asking.of_stored_grant) return updated(asking.fields, updates);
  auto fields = updated(*asking.stored, for_stored_login(checker, *asking.lane.provider, updates));
  const Plaintext* brought = asking.fields.find(kBroughtRefreshToken);
  if (fields && brought) fields->set(kBroughtRefreshToken, brought->clone());
  return fields;
}

// Stores them, and the events so far. Never waits for a store that fails: whoever records the whole answer does, and holds
// neither a slot nor a flow with the token in its memory.
Task<Kept> keep_stored(Checker& checker, Asking& asking, const Verdict& so_far, Exchanges& exchanges, Asked& asked) {
  StoredCredential& credential = asking.credential;
  Recording recording{.credential = credential,
                      .next_state =
                          [was_unknown = credential.state.outcome_unknown, now = checker.clock.now()](CheckState state) {
                            if (was_unknown) state.outcome_unknown = false;  // the token was accepted
                            // What was refused is another one than what is stored now: that does not wait its day.
                            if (state.status == Status::unauthenticated) state.next_check = now;
                            return state;
                          },
                      .fields = stored_with(checker, asking, so_far.updates),
                      .events = co_await make_events(checker, asking, so_far, exchanges.all()),
                      .clears_spending = true,
                      .holds = Holds::nothing};
  if ((co_await record_answer(checker, std::move(recording))).kind != RecordedEnd::Kind::recorded) co_return Kept::gone;
  auto stored = co_await checker.store.find_credential(credential.id);
  if (!stored || !stored->leaf_user || stored->link_version != credential.link_version) co_return Kept::gone;
  auto opened = open_stored(checker, *stored);
  if (!opened) co_return Kept::gone;
  exchanges.clear();
  credential = std::move(*stored);
  if (asking.of_stored_grant) {
    if (auto changed = updated(asking.fields, so_far.updates)) asking.fields = std::move(*changed);
    *asking.stored = std::move(*opened);
  } else {
    asking.fields = std::move(*opened);
  }
  asked.leaves_note = false;
  co_return Kept::yes;
}

// The candidate with what the provider gave. Its events follow with the whole answer, redacted while the fields are known that
// were shown.
Task<Kept> keep_candidate(Checker& checker, Asking& asking, const Verdict& so_far, Exchanges& exchanges, Asked& asked) {
  auto fields = updated(asking.fields, so_far.updates);
  if (!fields) co_return Kept::yes;
  auto kept = co_await keep_given_to_candidate(checker, asking.credential, *fields);
  if (!kept) co_return Kept::gone;
  std::ranges::move(co_await make_events(checker, asking, so_far, exchanges.all()), std::back_inserter(asked.events));
  exchanges.clear();
  asking.credential.candidate = Candidate{.fields = std::move(*kept), .progress = Candidate::Progress::given};
  asking.fields = std::move(*fields);
  co_return Kept::yes;
}

Task<Kept> keep_given(Checker& checker, Asking& asking, const Verdict& so_far, Exchanges& exchanges, Asked& asked) {
  if (is_planted(Fault::token_used_before_it_is_kept)) co_return Kept::no;
  try {
    const bool is_own = asking.shown == ShownFields::candidate && !asking.of_stored_grant;
    co_return is_own ? co_await keep_candidate(checker, asking, so_far, exchanges, asked)
                     : co_await keep_stored(checker, asking, so_far, exchanges, asked);
  } catch (const StoreUnavailable&) {
    asked.store_failed = true;
    co_return Kept::no;
  }
}

// One flow's requests and answers, from the wait for a slot to its verdict.
class Conversation {
 public:
  Conversation(Checker& checker, Asking& asking)
      : checker_(checker),
        asking_(asking),
        limits_(asking.lane.limits),
        login_(asking.lane.provider->login_kind()),
        owner_(asking.credential.owner),
        deadline_(checker.clock.elapsed() + checker.settings.timeout),
        latest_start_(checker.clock.elapsed() + latest_start(checker.settings, limits_)),
        latest_token_(checker.clock.elapsed() + checker.settings.latest_token()) {}

  Task<Asked> run() {
    const auto entry = co_await limits_.enter(owner_, asking_.trigger, latest_start_);
    if (entry == LaneLimits::Entry::stopping) co_return stop(AskOutcome::stopping);
    if (entry != LaneLimits::Entry::granted) co_return stop(AskOutcome::not_sent);
    const SlotHold slot(limits_, checker_.clock, owner_, asking_.trigger);
    const FlowInput input{
        .base_url = *asking_.lane.base_url, .fields = asking_.fields, .outcome_unknown = was_lost(), .now = checker_.clock.now()};
    const auto flow = checker_.plans.find(asking_.lane.lane.provider)->second->start(input);
    Step step = flow->start();
    while (auto* send = std::get_if<Send>(&step)) {
      if (!send->given.empty() && co_await keep(*send) == Kept::gone) co_return stop(AskOutcome::gone);
      const Clearance clearance = co_await clear(*send);
      if (clearance == Clearance::stop) co_return std::move(asked_);
      if (clearance == Clearance::end_flow) {
        step = flow->next(unsent(), checker_.clock.now());
        break;
      }
      http::Exchange answer = co_await exchange(*send);
      // The next start finds the row as a crash would leave it: due, and what was shown noted.
      if (answer.failure == http::ExchangeFailure::abandoned && unkept_.empty()) co_return stop(AskOutcome::stopping);
      const WallTime now = checker_.clock.now();
      step = flow->next(answer, now);
      exchanges_.add({.at = now, .exchange = std::move(answer)});
    }
    co_return co_await finish(std::get<Verdict>(std::move(step)));
  }

 private:
  enum class Clearance {
    send,
    end_flow,  // this request stays unsent; what the provider said before it counts
    stop,      // nothing was sent, and nothing is to be; the outcome says why
  };

  // Whether an answer to the token that is shown was lost before.
  bool was_lost() const {
    const StoredCredential& known = asking_.credential;
    const bool has_own_token = asking_.shown == ShownFields::candidate && !asking_.of_stored_grant;
    return has_own_token ? known.candidate->progress == Candidate::Progress::sent : known.has_lost_answer();
  }

  Asked stop(AskOutcome outcome) {
    asked_.outcome = outcome;
    return std::move(asked_);
  }

  // What the provider gave, before the next request.
  Task<Kept> keep(Send& send) {
    Verdict so_far;
    so_far.updates = std::move(send.given);
    asked_.was_given = true;
    replaced_ = asking_.fields.clone();
    const Kept kept = co_await keep_given(checker_, asking_, so_far, exchanges_, asked_);
    if (kept == Kept::no) {
      unkept_ = std::move(so_far.updates);
      may_go_on_ = is_planted(Fault::token_used_before_it_is_kept);
    }
    co_return kept;
  }

  // A place within the rate, and the note of what is about to be sent.
  Task<Clearance> clear(const Send& send) { return is_first_ ? clear_first(send) : clear_later(send); }

  Task<Clearance> clear_first(const Send& send) {
    if (!co_await limits_.take_exchange(owner_, latest_start_, ExchangePlace::first)) {
      asked_.outcome = checker_.stopping ? AskOutcome::stopping : AskOutcome::not_sent;
      co_return Clearance::stop;
    }
    Begun begun = Begun::yes;
    if (!co_await is_still_wanted(checker_, asking_)) begun = Begun::gone;
    else if (!is_noted_late()) begun = co_await note_before_sending(checker_, asking_, send, true);
    if (begun == Begun::yes) co_return Clearance::send;
    asked_.outcome = begun == Begun::gone ? AskOutcome::gone : AskOutcome::claimed;
    co_return Clearance::stop;
  }

  Task<Clearance> clear_later(const Send& send) {
    const SteadyTime latest = send.one_use_token.empty() ? deadline_ : latest_token_;
    Begun begun = Begun::claimed;
    if (may_go_on_ && checker_.clock.elapsed() < latest && co_await limits_.take_exchange(owner_, latest, ExchangePlace::later))
      begun = is_noted_late() ? Begun::yes : co_await note_later(checker_, asking_, send, asked_);
    if (begun == Begun::yes) co_return Clearance::send;
    if (begun == Begun::gone) {
      asked_.outcome = AskOutcome::gone;
      co_return Clearance::stop;
    }
    asked_.had_no_place = may_go_on_ && answered_at_ < deadline_ && !asked_.store_failed;
    co_return Clearance::end_flow;
  }

  Task<http::Exchange> exchange(Send& send) {
    asked_.leaves_note = asked_.leaves_note || !send.one_use_token.empty();
    // A probe that comes first leaves time for the refresh that may follow it.
    const bool may_be_followed = is_first_ && login_ == LoginKind::refresh_token && send.one_use_token.empty();
    const SteadyTime sent_at = checker_.clock.elapsed();
    send.request.deadline = may_be_followed ? std::max(latest_token_, sent_at + (deadline_ - sent_at) / 2) : deadline_;
    http::Exchange answer = co_await checker_.transport.exchange(std::move(send.request));
    if (is_noted_late()) co_await note_before_sending(checker_, asking_, send, is_first_);
    is_first_ = false;
    answered_at_ = checker_.clock.elapsed();
    co_return answer;
  }

  Task<Asked> finish(Verdict verdict) {
    std::ranges::move(verdict.updates, std::back_inserter(unkept_));
    verdict.updates = std::move(unkept_);
    asked_.verdict = std::move(verdict);
    asked_.was_given = asked_.was_given || gives(asked_.verdict.updates, one_use_field(checker_, *asking_.lane.provider));
    std::ranges::move(co_await make_events(checker_, asking_, asked_.verdict, exchanges_.all(), replaced_),
                      std::back_inserter(asked_.events));
    co_return std::move(asked_);
  }

  static bool is_noted_late() { return is_planted(Fault::token_sent_before_it_is_noted); }

  Checker& checker_;
  Asking& asking_;
  LaneLimits& limits_;
  const LoginKind login_;
  const OwnerId owner_;
  const SteadyTime deadline_, latest_start_, latest_token_;

  Asked asked_;
  Exchanges exchanges_;
  std::vector<FieldUpdate> unkept_;  // given before the last request, and not stored yet
  std::optional<Fields> replaced_;   // shown until the provider gave others
  bool is_first_ = true;             // nothing was sent yet
  bool may_go_on_ = true;            // what was given is stored
  SteadyTime answered_at_{};
};

}  // namespace

void refuse_while_token_is_held(const Checker& checker) {
  if (checker.held_tokens > 0) throw StoreUnavailable("a provider's token waits for the store: no other token is spent");
}

Task<Asked> ask_provider(Checker& checker, Asking asking) { co_return co_await Conversation(checker, asking).run(); }

std::optional<Fields> open_stored(const Checker& checker, const StoredCredential& credential) {
  const auto packed =
      checker.sealer.open_fields(scope_of(credential), credential.fields_key, credential.fields_version, credential.fields);
  return packed ? Fields::unpack(packed->reveal()) : std::nullopt;
}

Sealed seal_candidate(const Checker& checker, const StoredCredential& credential, const Fields& fields) {
  return checker.sealer.seal_candidate(scope_of(credential), credential.fields_key, fields.pack(), checker.random);
}

Task<std::optional<Sealed>> keep_given_to_candidate(Checker& checker, const StoredCredential& credential, Fields& fields) {
  fields.set(kGivenToCandidate, Plaintext(std::string("1")));
  const Sealed sealed = seal_candidate(checker, credential, fields);
  const bool is_kept = co_await checker.store.keep_candidate(credential.id, credential.candidate->fields, sealed);
  co_return is_kept ? std::optional(sealed) : std::nullopt;
}

std::vector<FieldUpdate> for_stored_login(const Checker& checker, const Provider& provider,
                                          const std::vector<FieldUpdate>& updates) {
  std::vector<FieldUpdate> out;
  for (const auto& [name, value] : updates)
    if (name == one_use_field(checker, provider) || (name.starts_with('_') && name != kAccessTokenRefreshAt))
      out.push_back({name, value ? std::optional(value->clone()) : std::nullopt});
  return out;
}

std::optional<Fields> updated(const Fields& fields, const std::vector<FieldUpdate>& updates) {
  std::optional<Fields> out;
  for (const auto& update : updates) {
    const Plaintext* old = fields.find(update.name);
    const bool same = update.value ? old && old->reveal() == update.value->reveal() : old == nullptr;
    if (same) continue;
    if (!out) out = fields.clone();
    if (update.value) out->set(update.name, update.value->clone());
    else out->remove(update.name);
  }
  return out;
}

}  // namespace granary
