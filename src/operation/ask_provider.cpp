#include "operation/ask_provider.hpp"

#include "base/encoding.hpp"
#include "domain/planted.hpp"
#include "provider/redaction.hpp"

namespace granary {

namespace {

// Text for people: bytes that are no UTF-8 are shown as U+FFFD, and what is too long is cut at a code point.
std::string to_text(std::string_view bytes) {
  if (!is_utf8(bytes)) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size();) {
      std::size_t size = 1;
      while (size < 4 && i + size <= bytes.size() && !is_utf8(bytes.substr(i, size))) ++size;
      if (i + size <= bytes.size() && is_utf8(bytes.substr(i, size))) {
        out += bytes.substr(i, size);
        i += size;
      } else {
        out += "\xEF\xBF\xBD";
        ++i;
      }
    }
    return out;
  }
  return std::string(bytes);
}

void cut_to(std::string& text, std::size_t size) {
  if (text.size() <= size) return;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  text.resize(size);
}

struct TimedExchange {
  WallTime at;
  http::Exchange exchange;
};

Event make_event(const TimedExchange& timed, const Redactor& redactor) {
  const auto& exchange = timed.exchange;
  Event event{.created = timed.at, .status_code = exchange.status, .headers = {}, .body = {}};
  if (exchange.status == 0) {
    event.body = name_of(exchange.failure == http::ExchangeFailure::timeout ? Reason::timeout : Reason::unreachable);
    return event;
  }
  event.headers = to_text(redactor.redact_headers(exchange.headers));
  event.body = redactor.redact_body(to_text(exchange.body));
  cut_to(event.headers, kEventBytesMax / 4);
  cut_to(event.body, kEventBytesMax - event.headers.size());
  return event;
}

void collect_secrets(const Provider& provider, const Fields& fields, std::vector<const Plaintext*>& secrets) {
  for (const auto& [name, value] : fields.all()) {
    const RequestField* known = provider.find_request(name);
    if (name.starts_with('_') ? is_sensitive_name(name) : (known && known->secret) || is_sensitive_name(name))
      secrets.push_back(&value);
  }
}

std::vector<Event> make_events(const Asking& asking, const Verdict& verdict, const std::vector<TimedExchange>& exchanges) {
  std::vector<const Plaintext*> secrets;
  const Provider& provider = *asking.lane.provider;
  collect_secrets(provider, asking.fields, secrets);
  if (asking.other_secrets) collect_secrets(provider, *asking.other_secrets, secrets);
  for (const auto& update : verdict.updates)
    if (update.value && is_sensitive_name(update.name)) secrets.push_back(&*update.value);
  for (const auto& secret : verdict.derived_secrets) secrets.push_back(&secret);
  const Redactor redactor(secrets);
  std::vector<Event> events;
  events.reserve(exchanges.size());
  for (const auto& timed : exchanges) events.push_back(make_event(timed, redactor));
  return events;
}

// Holds a slot of the lane for as long as it lives.
class SlotHold {
 public:
  SlotHold(LaneLimits& limits, Trigger trigger) : limits_(limits), trigger_(trigger) {}
  ~SlotHold() { limits_.leave(trigger_); }
  SlotHold(const SlotHold&) = delete;
  SlotHold& operator=(const SlotHold&) = delete;

 private:
  LaneLimits& limits_;
  Trigger trigger_;
};

Verdict out_of_time() {
  Verdict verdict;
  verdict.answer = {.kind = AnswerKind::unavailable, .reason = Reason::timeout, .retry_after = {}, .token_lifetime = {}};
  return verdict;
}

// Longer than any call and the commit of its answer; after that a claim whose process died is free.
Claim claim_for(const Checker& checker) {
  constexpr seconds kCommit{30};
  return {.process = checker.process, .lasts = checker.settings.timeout + kCommit};
}

// Durably, before anything is sent: to whom the credential is bound, and what is about to be spent.
Task<Begun> note_before_sending(Checker& checker, const Asking& asking, const Send& send, bool is_first) {
  const StoredCredential& credential = asking.credential;
  if (!send.one_use_token.empty()) refuse_while_token_is_held(checker);
  if (asking.shown == ShownFields::candidate) {
    if (!is_first && send.one_use_token.empty()) co_return Begun::yes;
    co_return co_await checker.store.mark_candidate_sent(credential.id, claim_for(checker));
  }
  const std::string origin = asking.lane.base_url->origin();
  const bool binds = is_first && credential.origin != origin;
  if (!binds && send.one_use_token.empty()) co_return Begun::yes;
  const std::string digest = send.one_use_token.empty() || is_planted(Fault::spending_never_noted)
                                 ? std::string()
                                 : checker.sealer.token_digest(scope_of(credential), credential.fields_key, send.one_use_token);
  co_return co_await checker.store.begin_exchange(credential.id, credential.fields_version, origin, digest, claim_for(checker));
}

}  // namespace

void refuse_while_token_is_held(const Checker& checker) {
  if (checker.held_tokens > 0) throw StoreUnavailable("a provider's token waits for the store: no other token is spent");
}

Task<Asked> ask_provider(Checker& checker, Asking asking) {
  Asked asked;
  const SteadyTime deadline = checker.clock.elapsed() + std::chrono::duration_cast<microseconds>(checker.settings.timeout);
  LaneLimits& limits = asking.lane.limits;
  const auto entry = co_await limits.enter(asking.trigger, deadline);
  if (entry != LaneLimits::Entry::granted) {
    asked.outcome = entry == LaneLimits::Entry::stopping ? AskOutcome::stopping : AskOutcome::not_sent;
    co_return asked;
  }
  const SlotHold slot(limits, asking.trigger);
  const StoredCredential& known = asking.credential;
  const bool is_candidate = asking.shown == ShownFields::candidate;
  const FlowInput input{.base_url = *asking.lane.base_url,
                        .fields = asking.fields,
                        .outcome_unknown = is_candidate ? known.candidate && known.candidate->sent
                                                        : known.state.outcome_unknown || !known.spending.empty(),
                        .now = checker.clock.now()};
  const auto flow = checker.plans.find(asking.lane.lane.provider)->second->start(input);
  std::vector<TimedExchange> exchanges;
  Step step = flow->start();
  while (auto* send = std::get_if<Send>(&step)) {
    const bool is_first = exchanges.empty();
    if (!co_await limits.take_exchange(deadline, is_first ? ExchangePlace::first : ExchangePlace::later)) {
      if (is_first) {
        asked.outcome = checker.stopping ? AskOutcome::stopping : AskOutcome::not_sent;
        co_return asked;
      }
      step = out_of_time();
      break;
    }
    const bool is_noted_late = is_planted(Fault::token_sent_before_it_is_noted);
    const Begun begun = is_noted_late ? Begun::yes : co_await note_before_sending(checker, asking, *send, is_first);
    if (begun != Begun::yes) {
      asked.outcome = begun == Begun::gone ? AskOutcome::gone : AskOutcome::claimed;
      co_return asked;
    }
    send->request.deadline = deadline;
    http::Exchange answer = co_await checker.transport.exchange(std::move(send->request));
    if (is_noted_late) co_await note_before_sending(checker, asking, *send, is_first);
    const WallTime now = checker.clock.now();
    step = flow->next(answer, now);
    exchanges.push_back({now, std::move(answer)});
  }
  asked.verdict = std::move(std::get<Verdict>(step));
  asked.events = make_events(asking, asked.verdict, exchanges);
  for (auto& timed : exchanges) wipe(timed.exchange.body);
  co_return asked;
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
