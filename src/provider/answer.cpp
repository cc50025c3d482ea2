#include "provider/answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.hpp"
#include "http/date.hpp"
#include "provider/token_answer.hpp"

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

namespace {

constexpr std::array<std::string_view, 8> kOauthErrors = {"invalid_grant",          "invalid_client", "unauthorized_client",
                                                          "invalid_request",        "invalid_token",  "invalid_scope",
                                                          "unsupported_grant_type", "access_denied"};
constexpr std::array<std::string_view, 4> kRemainingHeaders = {"RateLimit-Remaining", "X-RateLimit-Remaining",
                                                               "X-Rate-Limit-Remaining", "X-RateLimit-Requests-Remaining"};
constexpr std::array<std::string_view, 8> kLimitWords = {"rate limit",        "rate_limit", "rate-limit", "ratelimit",
                                                         "too many requests", "throttl",    "slow_down",  "slow down"};

bool says_slow_down(const http::Exchange& answer) {
  if (!answer.header("Retry-After").empty()) return true;
  for (const std::string_view name : kRemainingHeaders)
    if (trim(answer.header(name)) == "0") return true;
  const std::string limits = to_lower(answer.header("RateLimit"));  // "limit=100, remaining=0" and "...;r=0"
  if (limits.find("remaining=0") != std::string::npos || limits.ends_with("r=0")) return true;
  const std::string body = to_lower(std::string_view(answer.body).substr(0, 4096));
  return std::ranges::any_of(kLimitWords, [&](std::string_view word) { return body.find(word) != std::string::npos; });
}

// 401 and 403 that mean "slow down", as some gateways answer.
bool is_slow_down(const http::Exchange& answer) {
  if (answer.status != 401 && answer.status != 403) return false;
  return says_slow_down(answer) && std::ranges::none_of(kOauthErrors, [&](auto code) { return names_error(answer, code); });
}

}  // namespace

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
  if (is_slow_down(answer)) return overloaded(Reason::rate_limited);
  // A refusal is believed only in the form that the provider's API speaks.
  if (answer.status >= 400 && is_page(answer)) return unavailable(Reason::unexpected_answer);
  if (answer.status < 200 || (answer.status >= 300 && answer.status < 400)) return unavailable(Reason::unexpected_answer);
  return std::nullopt;
}

std::string_view body_of(const http::Exchange& answer) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string_view body = answer.body;
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  return trim(body);
}

std::optional<Json> read_object(const http::Exchange& answer) {
  const std::string_view body = body_of(answer);
  if (auto whole = Json::parse(body)) return whole->object() ? std::move(whole) : std::nullopt;
  const bool is_utf16 = body.starts_with("\xFF\xFE") || body.starts_with("\xFE\xFF");
  return is_utf16 || body.starts_with('{') ? Json::parse_damaged(body) : std::nullopt;
}

std::optional<Json> read_whole_object(const http::Exchange& answer) {
  auto json = Json::parse(body_of(answer));
  return json && json->object() ? std::move(json) : std::nullopt;
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
