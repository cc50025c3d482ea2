#include "provider/token_answer.hpp"

#include <charconv>
#include <cmath>

#include "base/encoding.hpp"
#include "base/json_repair.hpp"
#include "base/plaintext.hpp"
#include "provider/answer.hpp"

namespace granary {

namespace {

constexpr std::size_t kRefreshTokenMin = 8;
constexpr std::size_t kTextMax = 256;
constexpr seconds kLifetimeMax = std::chrono::days(90);

// The member of that name nearest to the top: servers put an answer into `data`, `result` and the like.
const Json* find_nearest(const Json& json, std::string_view name) {
  std::vector<const Json*> level = {&json};
  while (!level.empty()) {
    std::vector<const Json*> below;
    for (const Json* node : level) {
      if (const Json* found = node->find(name)) return found;
      if (const auto* members = node->object())
        for (const auto& [key, value] : *members) below.push_back(&value);
      if (const auto* items = node->array())
        for (const Json& item : *items) below.push_back(&item);
    }
    level = std::move(below);
  }
  return nullptr;
}

bool says_nothing(const Json* value) {
  return !value || value->is_null() || value->boolean() == false || (value->string() && trim(*value->string()).empty()) ||
         (value->array() && value->array()->empty()) || (value->object() && value->object()->empty());
}

bool is_refresh_token(std::string_view text) {
  return text.size() >= kRefreshTokenMin && text.size() <= kTokenBytesMax &&
         text.find_first_of(" \t\r\n") == std::string_view::npos;
}

// `a=b&c=d`, as a JSON object; nullopt where it is no such thing.
std::optional<Json> read_form(std::string_view body) {
  const bool is_form = body.find('=') != std::string_view::npos && body.find_first_of("<{ \t\r\n\"") == std::string_view::npos;
  if (!is_form) return std::nullopt;
  Json json{Json::Object()};
  while (!body.empty()) {
    const std::string_view pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(pair.size() + 1, body.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const auto decode = [](std::string text) {
      std::ranges::replace(text, '+', ' ');
      return percent_decode(text);
    };
    const auto name = decode(std::string(pair.substr(0, equals))), value = decode(std::string(pair.substr(equals + 1)));
    if (name && value) json.set(*name, *value);
  }
  return json;
}

std::optional<Json> read_fields(std::string_view body) {
  // JSON in a JSON string: encoded twice.
  if (body.starts_with('"'))
    if (const auto text = Json::parse(body); text && text->string()) return Json::parse_damaged(*text->string());
  if (auto json = Json::parse_damaged(body)) return json;
  return read_form(body);
}

std::optional<seconds> lifetime_of(double count) {
  if (!(count >= 1)) return std::nullopt;
  return seconds(static_cast<std::int64_t>(std::min(count, static_cast<double>(kLifetimeMax.count()))));
}

// From a JSON Web Token's own claims, where it is one: how long it lives, or how long it still does.
std::optional<seconds> lifetime_of_jwt(std::string_view token, WallTime now) {
  const std::size_t first = token.find('.'), second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto claims_text = from_base64(token.substr(first + 1, second - first - 1));
  const auto claims = claims_text ? Json::parse_damaged(*claims_text) : std::nullopt;
  const Json* ends = claims ? claims->find("exp") : nullptr;
  if (!ends || !ends->number()) return std::nullopt;
  const Json* begins = claims->find("iat");
  const double from = begins && begins->number() ? *begins->number() : static_cast<double>(to_micros(now)) / 1e6;
  return lifetime_of(*ends->number() - from);
}

// Letters and digits in lower case: "Invalid-Grant" and "invalid_grant" are one word.
std::string bare(std::string_view word) {
  std::string out;
  for (const char c : word)
    if (std::isalnum(static_cast<unsigned char>(c))) out += to_lower(c);
  return out;
}

bool has_value(const Json& json, std::string_view word) {
  if (const auto* members = json.object())
    for (const auto& [key, value] : *members)
      if (value.string() ? bare(*value.string()) == word : has_value(value, word)) return true;
  if (const auto* items = json.array())
    for (const Json& item : *items)
      if (item.string() ? bare(*item.string()) == word : has_value(item, word)) return true;
  return false;
}

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool has_word(std::string_view text, std::string_view word) {
  const std::string lower = to_lower(text);
  for (std::size_t at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word_character(lower[at - 1]);
    const std::size_t end = at + word.size();
    if (begins && (end == lower.size() || !is_word_character(lower[end]))) return true;
  }
  return false;
}

void take_tokens(TokenAnswer& out, std::string_view body) {
  if (!out.json) {
    out.access_token = find_string_in_damaged(body, "access_token");
    out.refresh_token = find_string_in_damaged(body, "refresh_token");
    if (!is_refresh_token(out.refresh_token)) out.refresh_token.clear();
    // It may have stood in what is missing.
    out.has_odd_refresh_token = out.refresh_token.empty() && !out.access_token.empty();
    return;
  }
  out.access_token = read_token(find_nearest(*out.json, "access_token")).value_or("");
  const Json* refresh_token = find_nearest(*out.json, "refresh_token");
  if (says_nothing(refresh_token)) return;
  if (refresh_token->string() && is_refresh_token(*refresh_token->string())) out.refresh_token = *refresh_token->string();
  else out.has_odd_refresh_token = true;
}

}  // namespace

TokenAnswer::~TokenAnswer() {
  wipe(access_token);
  wipe(refresh_token);
}

std::optional<seconds> read_lifetime(const Json* value) {
  if (!value) return std::nullopt;
  double count = value->number().value_or(0);
  if (const std::string* text = value->string()) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count, std::chars_format::fixed);
    const bool is_plain =
        error == std::errc() && end == text->data() + text->size() && text->find_first_not_of("0123456789.") == std::string::npos;
    if (!is_plain) return std::nullopt;
  }
  return lifetime_of(count);
}

bool is_page(const http::Exchange& answer) {
  const std::string_view body = body_of(answer);
  if (body.starts_with('<')) return true;
  const bool is_called_html = to_lower(answer.header("Content-Type")).find("html") != std::string::npos;
  return is_called_html && !body.empty() && !read_fields(body);
}

bool names_error(const http::Exchange& answer, std::string_view code) {
  const std::string_view body = body_of(answer);
  if (const auto fields = read_fields(body)) return has_value(*fields, bare(code));
  return body.size() <= kTextMax && !body.starts_with('<') && has_word(body, code);
}

TokenAnswer read_token_answer(const http::Exchange& answer, WallTime now) {
  using Form = TokenAnswer::Form;
  TokenAnswer out;
  const std::string_view body = body_of(answer);
  if (body.empty()) return out;
  if (is_page(answer)) {
    out.form = Form::page;
    return out;
  }
  out.json = read_fields(body);
  out.form = out.json ? Form::fields : body.size() <= kTextMax && is_utf8(body) ? Form::text : Form::unreadable;
  take_tokens(out, body);
  if (!out.json) return out;
  out.says_error = !says_nothing(out.json->find("error"));
  out.lifetime = read_lifetime(find_nearest(*out.json, "expires_in"));
  if (!out.lifetime) out.lifetime = lifetime_of_jwt(out.access_token, now);
  for (const char* name : {"refresh_token_expires_in", "refresh_expires_in"})
    if (!out.refresh_lifetime) out.refresh_lifetime = read_lifetime(find_nearest(*out.json, name));
  return out;
}

}  // namespace granary
