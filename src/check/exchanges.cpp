#include "check/exchanges.hpp"

#include <bit>

#include "base/encoding.hpp"
#include "check/secrets.hpp"
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

Event make_event(const http::Exchange& exchange, WallTime at, bool was_cut, Redactor& redactor) {
  Event event{.created = at, .status_code = exchange.status, .headers = {}, .body = {}};
  if (exchange.status == 0) {
    event.body = name_of(reason_of(exchange.failure.value_or(http::ExchangeFailure::unreachable)));
    return event;
  }
  event.headers = whole_characters(to_text(redactor.redact_headers(exchange.headers)), kEventBytesMax / 4);
  // Bytes that are no text take three times their room. What is not kept is not searched.
  const std::size_t room = kEventBytesMax - event.headers.size();
  std::string text = to_text(exchange.body);
  const bool is_cut = exchange.failure.has_value() || was_cut || text.size() > room;
  event.body = whole_characters(redactor.redact_body(whole_characters(text, room), is_cut), room);
  wipe(text);
  return event;
}

void collect(const Provider& provider, const Fields& fields, std::vector<const Plaintext*>& secrets) {
  for (const auto& [name, value] : fields.all())
    if (is_secret_field(provider, name)) secrets.push_back(&value);
}

}  // namespace

Exchanges::~Exchanges() {
  for (auto& timed : all_) wipe(timed.exchange.body);
}

void Exchanges::add(WallTime at, http::Exchange exchange) {
  Timed timed{.at = at, .exchange = std::move(exchange)};
  std::string& body = timed.exchange.body;
  timed.body_size = body.size();
  if (body.size() > kEventBytesMax) {
    std::string kept = body.substr(0, kEventBytesMax);
    wipe(body);
    body = std::move(kept);
    timed.is_cut = true;
  }
  all_.push_back(std::move(timed));
}

void Exchanges::hide_last_body() {
  if (all_.empty()) return;
  std::string& body = all_.back().exchange.body;
  const std::size_t size = all_.back().body_size;
  wipe(body);
  body = "[unread, " + std::to_string(size) + " bytes]";
  all_.back().is_cut = false;
}

Task<std::vector<Event>> Exchanges::to_events(CheckContext& context, const StoredCredential& row, const Provider& provider,
                                              const std::vector<const Secrets*>& known,
                                              const std::vector<Plaintext>& derived) const {
  std::vector<const Plaintext*> secrets;
  for (const Secrets* one : known) {
    collect(provider, one->login, secrets);
    collect(provider, one->grant.given, secrets);
    if (one->grant.previous_token) secrets.push_back(&*one->grant.previous_token);
  }
  for (const auto& secret : derived) secrets.push_back(&secret);
  const PastSecrets past = all_.empty() ? PastSecrets() : co_await past_secrets_of(context, row);
  Redactor redactor(secrets, &past);
  std::vector<Event> events;
  events.reserve(all_.size());
  for (const auto& timed : all_) {
    co_await context.redactions.wait(row.key.owner);
    events.push_back(make_event(timed.exchange, timed.at, timed.is_cut, redactor));
  }
  co_return events;
}

}  // namespace granary
