#include "provider/answer.hpp"

#include <charconv>

#include "http/date.hpp"

namespace granary {

Reason reason_of(http::ExchangeFailure failure) {
  switch (failure) {
    case http::ExchangeFailure::unresolved:
    case http::ExchangeFailure::unreachable:
    case http::ExchangeFailure::tls:
    case http::ExchangeFailure::abandoned: return Reason::unreachable;
    case http::ExchangeFailure::blocked: return Reason::egress_refused;
    case http::ExchangeFailure::timeout: return Reason::timeout;
    case http::ExchangeFailure::cut:
    case http::ExchangeFailure::too_large: return Reason::unexpected_answer;
  }
  return Reason::unexpected_answer;
}

Verdict unavailable(Reason reason) {
  Verdict verdict;
  verdict.answer.kind = AnswerKind::unavailable;
  verdict.answer.reason = reason;
  return verdict;
}

Verdict refused() {
  Verdict verdict;
  verdict.answer.kind = AnswerKind::refused;
  verdict.heard = GrantEvent::refused;
  verdict.answer.reason = Reason::refused;
  return verdict;
}

Verdict forbidden(Reason reason) {
  Verdict verdict;
  verdict.answer.kind = AnswerKind::forbidden;
  verdict.answer.reason = reason;
  return verdict;
}

std::optional<seconds> read_retry_after(const http::Exchange& answer, WallTime now) {
  const std::string_view text = answer.header("Retry-After");
  if (text.empty()) return std::nullopt;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc::result_out_of_range && end == text.data() + text.size()) return kRetryAfterMax;
  if (error == std::errc() && end == text.data() + text.size())
    return seconds(std::clamp<std::int64_t>(count, 0, kRetryAfterMax.count()));
  if (const auto date = http::read_date(text)) return std::max(std::chrono::ceil<seconds>(*date - now), seconds(0));
  return std::nullopt;
}

std::optional<Verdict> read_common(const http::Exchange& answer, WallTime now) {
  if (answer.failure) {
    Verdict verdict = unavailable(reason_of(*answer.failure));
    if (answer.was_sent) verdict.heard = GrantEvent::lost;
    return verdict;
  }
  const auto overloaded = [&](Reason reason) {
    Verdict verdict = unavailable(reason);
    verdict.answer.retry_after = read_retry_after(answer, now);
    return verdict;
  };
  if (answer.status == 429) return overloaded(Reason::rate_limited);
  if (answer.status == 503) return overloaded(Reason::provider_error);
  if (answer.status == 408) return unavailable(Reason::timeout);
  if (answer.status >= 500) return unavailable(Reason::provider_error);
  if (answer.status < 200 || (answer.status >= 300 && answer.status < 400)) return unavailable(Reason::unexpected_answer);
  return std::nullopt;
}

std::optional<Json> read_object(const http::Exchange& answer) {
  std::string_view body = answer.body;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // which some servers write, and RFC 8259 lets us ignore
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  auto json = Json::parse(body);
  if (!json || !json->object()) return std::nullopt;
  return json;
}

std::optional<std::string> read_text(const Json* value) {
  if (!value) return std::nullopt;
  std::string text;
  if (value->string()) text = *value->string();
  else if (const auto number = value->integer()) text = std::to_string(*number);
  if (text.empty() || text.size() > kTokenBytesMax) return std::nullopt;
  return text;
}

std::optional<std::string> read_token(const Json* value) { return value && value->string() ? read_text(value) : std::nullopt; }

}  // namespace granary
