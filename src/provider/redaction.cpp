#include "provider/redaction.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.hpp"
#include "domain/event.hpp"
#include "provider/secret_search.hpp"

namespace granary {

namespace {

constexpr std::array<std::string_view, 14> kSensitiveEnds = {
    "authorization", "cookie",    "token",   "password",      "passwd",    "pwd",        "secret",
    "key",           "sessionid", "session", "sessionlogkey", "signature", "credential", "initializationvector"};
constexpr std::size_t kSensitiveEndMax = std::ranges::max(kSensitiveEnds, {}, &std::string_view::size).size();

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The end of the string that begins with a quote at `at` (behind the closing quote), or the end of the text.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    else if (text[i] == '"') return i + 1;
  }
  return text.size();
}

// The end of any JSON value; of a cut one, the end of the text.
std::size_t skip_value(std::string_view text, std::size_t at) {
  if (at >= text.size()) return at;
  if (text[at] == '"') return skip_string(text, at);
  int depth = 0;
  for (std::size_t i = at; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = skip_string(text, i);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    }
    if (depth == 0 && (c == ',' || is_blank(c))) return i;
    ++i;
  }
  return text.size();
}

// Without its escapes; what is no ASCII is a question mark.
std::string unescape_name(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_escape = name[i] == '\\';
    if (is_escape && ++i == name.size()) break;
    unsigned value = 0;
    const bool is_unicode = is_escape && name[i] == 'u' && i + 4 < name.size() &&
                            std::from_chars(&name[i + 1], &name[i + 1] + 4, value, 16).ptr == &name[i + 1] + 4;
    out += !is_unicode ? name[i] : value < 0x80 ? static_cast<char>(value) : '?';
    if (is_unicode) i += 4;
  }
  return out;
}

// A name as JSON writes it, quotes included; its letters may be escaped.
bool is_sensitive_string(std::string_view quoted) {
  const std::string_view name = quoted.substr(1, quoted.size() - 2);
  return is_sensitive_name(name.contains('\\') ? unescape_name(name) : name);
}

// "name": value, also in JSON that was cut.
std::string redact_json_members(std::string_view text, std::size_t& steps) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size();) {
    ++steps;
    if (text[i] != '"') {
      ++i;
      continue;
    }
    const std::size_t name_end = skip_string(text, i);
    std::size_t colon = name_end;
    while (colon < text.size() && is_blank(text[colon])) ++colon;
    steps += colon - i;
    if (colon >= text.size() || text[colon] != ':' || name_end < i + 2 || !is_sensitive_string(text.substr(i, name_end - i))) {
      i = name_end;
      continue;
    }
    std::size_t value = colon + 1;
    while (value < text.size() && is_blank(text[value])) ++value;
    const std::size_t end = skip_value(text, value);
    steps += end - colon;
    if (text.substr(value, end - value) != "null") {
      out += text.substr(copied, value - copied);
      out += '"';
      out += kRedacted;
      out += '"';
      copied = end;
    }
    i = std::max(end, value);
  }
  return out + std::string(text.substr(copied));
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// name=value as in forms, queries and cookies, and <name>value< as in XML.
std::string redact_pairs(std::string_view text, std::size_t& steps) {
  constexpr std::string_view kEnd = "&;,<>\"' \t\r\n\\";
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    ++steps;
    const bool is_pair = text[i] == '=', is_element = text[i] == '>';
    if (!is_pair && !is_element) continue;
    std::size_t first = i;
    while (first > copied && is_name_character(text[first - 1])) --first;
    steps += i - first;
    if (is_element && (first == 0 || text[first - 1] != '<')) continue;
    if (!is_sensitive_name(text.substr(first, i - first))) continue;
    std::size_t end = i + 1;
    const std::string_view stop = is_pair ? kEnd : std::string_view("<");
    while (end < text.size() && stop.find(text[end]) == std::string_view::npos) ++end;
    steps += end - i;
    if (end == i + 1) continue;
    out += text.substr(copied, i + 1 - copied);
    out += kRedacted;
    copied = end;
    i = end - 1;
  }
  return out + std::string(text.substr(copied));
}

}  // namespace

bool is_sensitive_name(std::string_view name) {
  std::array<char, kSensitiveEndMax> letters{};
  std::size_t first = letters.size();
  for (std::size_t i = name.size(); i > 0 && first > 0; --i)
    if (name[i - 1] != '_' && name[i - 1] != '-') letters[--first] = to_lower(name[i - 1]);
  const std::string_view plain(letters.data() + first, letters.size() - first);
  return std::ranges::any_of(kSensitiveEnds, [&](std::string_view end) { return plain.ends_with(end); });
}

Redactor::Redactor(const std::vector<const Plaintext*>& secrets, const PastSecrets* past) : past_(past) {
  for (const Plaintext* secret : secrets)
    if (count_code_points(secret->reveal()) >= kSecretCharactersMin) secrets_.push_back(secret->reveal());
  // Stored fields and a PUT's are mostly the same.
  std::ranges::sort(secrets_);
  secrets_.erase(std::ranges::unique(secrets_).begin(), secrets_.end());
}

void Redactor::add_past(Found& found, std::string_view text, bool is_cut) {
  const bool is_shorter = found.searched < text.size();
  const Found past = find_past_secrets(text.substr(0, found.searched), *past_, is_cut || is_shorter);
  steps_ += past.steps;
  found.searched = past.searched;
  std::ranges::copy(past.ranges, std::back_inserter(found.ranges));
  std::ranges::sort(found.ranges);
  std::vector<std::pair<std::size_t, std::size_t>> all;
  for (const auto& [begin, end] : found.ranges) {
    if (begin >= found.searched) break;
    if (all.empty() || begin > all.back().second) all.emplace_back(begin, begin);
    all.back().second = std::min(found.searched, std::max(all.back().second, end));
  }
  found.ranges = std::move(all);
}

Redactor::Searched Redactor::redact_values(std::string_view text, bool is_cut) {
  Found found = find_secrets(text, secrets_, is_cut);
  steps_ += found.steps;
  if (past_) add_past(found, text, is_cut);
  std::string out;
  std::size_t copied = 0;
  for (const auto& [begin, end] : found.ranges) {
    out += text.substr(copied, begin - copied);
    out += kRedacted;
    copied = end;
  }
  out += text.substr(copied, found.searched - copied);
  return {.text = std::move(out), .is_too_costly = found.searched < text.size()};
}

std::string Redactor::redact_body(std::string_view body, bool is_cut) {
  const Searched searched = redact_values(body, is_cut);
  std::string out = redact_pairs(redact_json_members(searched.text, steps_), steps_);
  if (searched.is_too_costly) out += kTooCostly;
  return out;
}

std::string Redactor::redact_headers(const std::vector<std::pair<std::string, std::string>>& headers) {
  constexpr std::size_t kBytesMax = kEventBytesMax / 4;
  std::string text;
  for (const auto& [name, value] : headers) {
    if (text.size() > kBytesMax) break;
    if (!text.empty()) text += '\n';
    text += name;
    text += ": ";
    text += is_sensitive_name(name) ? kRedacted : std::string_view(value);
  }
  const bool is_cut = text.size() > kBytesMax;
  const Searched searched = redact_values(whole_characters(text, kBytesMax), is_cut);
  wipe(text);
  std::string out;
  // Line by line: a value ends with its header.
  for (std::string_view rest = searched.text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size());
    out += redact_pairs(line, steps_);
    if (rest.empty()) break;
    out += '\n';
    rest.remove_prefix(1);
  }
  if (searched.is_too_costly) out += kTooCostly;
  return out;
}

}  // namespace granary
