#include "provider/redaction.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.hpp"
#include "base/json.hpp"

namespace granary {

namespace {

constexpr std::array<std::string_view, 14> kSensitiveEnds = {
    "authorization", "cookie",    "token",   "password",      "passwd",    "pwd",        "secret",
    "key",           "sessionid", "session", "sessionlogkey", "signature", "credential", "initializationvector"};

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

// A name as JSON writes it, quotes included; its letters may be escaped.
bool is_sensitive_string(std::string_view quoted) {
  if (quoted.find('\\') == std::string_view::npos) return is_sensitive_name(quoted.substr(1, quoted.size() - 2));
  const auto name = Json::parse(quoted);
  return name && name->string() && is_sensitive_name(*name->string());
}

// "name": value, also in JSON that was cut.
std::string redact_json_members(std::string_view text) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '"') {
      ++i;
      continue;
    }
    const std::size_t name_end = skip_string(text, i);
    std::size_t colon = name_end;
    while (colon < text.size() && is_blank(text[colon])) ++colon;
    if (colon >= text.size() || text[colon] != ':' || name_end < i + 2 || !is_sensitive_string(text.substr(i, name_end - i))) {
      i = name_end;
      continue;
    }
    std::size_t value = colon + 1;
    while (value < text.size() && is_blank(text[value])) ++value;
    const std::size_t end = skip_value(text, value);
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
std::string redact_pairs(std::string_view text) {
  constexpr std::string_view kEnd = "&;,<>\"' \t\r\n\\";
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_pair = text[i] == '=', is_element = text[i] == '>';
    if (!is_pair && !is_element) continue;
    std::size_t first = i;
    while (first > copied && is_name_character(text[first - 1])) --first;
    if (!is_sensitive_name(text.substr(first, i - first))) continue;
    if (is_element && (first == 0 || text[first - 1] != '<')) continue;
    std::size_t end = i + 1;
    const std::string_view stop = is_pair ? kEnd : std::string_view("<");
    while (end < text.size() && stop.find(text[end]) == std::string_view::npos) ++end;
    if (end == i + 1) continue;
    out += text.substr(copied, i + 1 - copied);
    out += kRedacted;
    copied = end;
    i = end - 1;
  }
  return out + std::string(text.substr(copied));
}

std::size_t utf8_size(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

char32_t decode_utf8(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (bytes.size() == 1) return lead;
  char32_t value = lead & (0xffU >> (bytes.size() + 1));
  for (const char c : bytes.substr(1)) value = (value << 6) | (static_cast<unsigned char>(c) & 0x3f);
  return value;
}

// Reads `\uXXXX` behind its backslashes at `at`; returns the length read, 0 when it is not that unit.
bool is_unicode_escape(std::string_view text, std::size_t at, char32_t unit) {
  if (at + 5 > text.size() || text[at] != 'u') return false;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + at + 1, text.data() + at + 5, value, 16);
  return error == std::errc() && end == text.data() + at + 5 && value == unit;
}

struct Escape {
  char32_t value;
  std::string_view form;
};
constexpr std::array<Escape, 9> kJsonEscapes = {
    {{'"', "\""}, {'\\', "\\"}, {'/', "/"}, {'\b', "b"}, {'\f', "f"}, {'\n', "n"}, {'\r', "r"}, {'\t', "t"}, {'\'', "'"}}};
constexpr std::array<Escape, 6> kHtmlNames = {
    {{'"', "quot"}, {'&', "amp"}, {'<', "lt"}, {'>', "gt"}, {'\'', "apos"}, {0xa0, "nbsp"}}};

void match_percent(std::string_view text, std::size_t at, std::string_view utf8, std::vector<std::size_t>& ends) {
  std::size_t here = at;
  for (const char c : utf8) {
    if (here + 3 > text.size() || text[here] != '%') return;
    const auto byte = from_hex(text.substr(here + 1, 2));
    if (!byte || (*byte)[0] != c) return;
    here += 3;
  }
  ends.push_back(here);
}

constexpr int kBackslashesMax = 16;

// A run of backslashes: escaped once, or again and again inside JSON strings within JSON strings.
void match_backslash(std::string_view text, std::size_t at, char32_t value, std::vector<std::size_t>& ends) {
  std::size_t here = at;
  for (int count = 1; count <= kBackslashesMax && here < text.size() && text[here] == '\\'; ++count) {
    ++here;
    if (value == '\\' && count >= 2) ends.push_back(here);
    for (const auto& [known, form] : kJsonEscapes)
      if (known == value && value != '\\' && text.substr(here).starts_with(form)) ends.push_back(here + form.size());
    if (value < 0x10000 && is_unicode_escape(text, here, value)) ends.push_back(here + 5);
    if (value < 0x10000) continue;
    const char32_t high = 0xd800 + ((value - 0x10000) >> 10), low = 0xdc00 + ((value - 0x10000) & 0x3ff);
    if (!is_unicode_escape(text, here, high)) continue;
    std::size_t second = here + 5;
    while (second < text.size() && text[second] == '\\') ++second;
    if (second > here + 5 && is_unicode_escape(text, second, low)) ends.push_back(second + 5);
  }
}

void match_entity(std::string_view text, std::size_t at, char32_t value, std::vector<std::size_t>& ends) {
  const auto semicolon = text.substr(at, 12).find(';');
  if (semicolon == std::string_view::npos) return;
  const std::string_view name = text.substr(at + 1, semicolon - 1);
  bool is_it = std::ranges::any_of(kHtmlNames, [&](const Escape& e) { return e.value == value && e.form == name; });
  if (name.starts_with('#') && name.size() > 1) {
    const bool is_hex = name[1] == 'x' || name[1] == 'X';
    const std::string_view digits = name.substr(is_hex ? 2 : 1);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
    is_it = error == std::errc() && end == digits.data() + digits.size() && number == value;
  }
  if (is_it) ends.push_back(at + semicolon + 1);
}

// Where the code point may end when it begins at `at`, in any of the forms.
void match_code_point(std::string_view text, std::size_t at, char32_t value, std::string_view utf8,
                      std::vector<std::size_t>& ends) {
  if (at >= text.size()) return;
  if (text.substr(at).starts_with(utf8)) ends.push_back(at + utf8.size());
  if (text[at] == '%') match_percent(text, at, utf8, ends);
  if (text[at] == '+' && value == ' ') ends.push_back(at + 1);
  if (text[at] == '\\') match_backslash(text, at, value, ends);
  if (text[at] == '&') match_entity(text, at, value, ends);
}

// A part of a secret so long is no chance; in characters.
constexpr std::size_t kPartMax = 64;

// Whether nothing follows, or the beginning of a character or of an escape.
bool is_cut_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kEscapeMax = 12;  // a pair of them in JSON
  constexpr std::string_view kHalf = "\xEF\xBF\xBD";
  if (at >= text.size()) return true;
  std::string_view rest = text.substr(at);
  if (std::string_view("%&\\").contains(rest[0])) return rest.size() < kEscapeMax;
  for (int bytes = 0; bytes < 3 && rest.starts_with(kHalf); ++bytes) rest.remove_prefix(kHalf.size());
  return rest.empty();
}

// The beginning of a needle at the end of the text, which was cut in the middle of it.
void redact_cut_end(std::string& text, std::string_view needle) {
  constexpr std::size_t kMin = kSecretCharactersMin * 4 / 3;  // in base64
  for (std::size_t size = std::min(needle.size() - 1, text.size()); size >= kMin; --size)
    if (text.ends_with(needle.substr(0, size))) {
      text.replace(text.size() - size, size, kRedacted);
      return;
    }
}

void replace_all(std::string& text, std::string_view needle) {
  for (auto at = text.find(needle); at != std::string::npos; at = text.find(needle, at + kRedacted.size()))
    text.replace(at, needle.size(), kRedacted);
}

// The characters that depend on the secret alone when it stands behind `offset` other bytes.
std::string base64_core(std::string_view secret, std::size_t offset) {
  std::string all = to_base64(std::string(offset, 'x') + std::string(secret));
  while (all.ends_with('=')) all.pop_back();
  const std::size_t first = (offset * 8 + 5) / 6;
  const std::size_t whole = (offset + secret.size()) * 8 / 6;
  return all.substr(first, whole - first);
}

std::string to_url_alphabet(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

}  // namespace

bool is_sensitive_name(std::string_view name) {
  std::string plain = to_lower(name);
  std::erase_if(plain, [](char c) { return c == '_' || c == '-'; });
  return std::ranges::any_of(kSensitiveEnds, [&](std::string_view end) { return plain.ends_with(end); });
}

Redactor::Redactor(const std::vector<const Plaintext*>& secrets) {
  for (const Plaintext* secret : secrets) {
    const std::string_view bytes = secret->reveal();
    if (count_code_points(bytes) < kSecretCharactersMin) continue;
    auto& points = secrets_.emplace_back();
    for (std::size_t i = 0; i < bytes.size();) {
      const std::string_view utf8 = bytes.substr(i, utf8_size(bytes[i]));
      points.push_back({decode_utf8(utf8), std::string(utf8)});
      i += utf8.size();
    }
    const std::string hex = to_hex(bytes);
    std::string upper = hex;
    for (char& c : upper)
      if (c >= 'a') c = static_cast<char>(c - 32);
    needles_.push_back(hex);
    if (upper != hex) needles_.push_back(upper);
    for (const std::size_t offset : {0, 1, 2}) {
      const std::string core = base64_core(bytes, offset);
      needles_.push_back(core);
      if (auto url = to_url_alphabet(core); url != core) needles_.push_back(std::move(url));
    }
  }
  // Longer ones first: one may be part of another.
  std::ranges::sort(secrets_, std::greater{}, &std::vector<CodePoint>::size);
  std::ranges::sort(needles_, std::greater{}, &std::string::size);
}

Redactor::~Redactor() {
  for (auto& needle : needles_) wipe(needle);
  for (auto& secret : secrets_)
    for (auto& point : secret) wipe(point.utf8);
}

std::string Redactor::redact_values(std::string text, bool is_cut) const {
  for (const auto& secret : secrets_) {
    std::string out;
    std::size_t copied = 0;
    std::vector<std::size_t> here, next;
    for (std::size_t i = 0; i < text.size();) {
      here.assign(1, i);
      for (std::size_t known = 0; const auto& [value, utf8] : secret) {
        next.clear();
        for (const std::size_t at : here) match_code_point(text, at, value, utf8, next);
        std::ranges::sort(next);
        next.erase(std::ranges::unique(next).begin(), next.end());
        const bool is_cut_here = is_cut && known >= kSecretCharactersMin && is_cut_at(text, here.back());
        if (next.empty() && is_cut_here) next.assign(1, text.size());
        // So much of it is redacted whatever follows. To begin anew at each byte of it would take an hour of a hostile body.
        if (next.empty() && known >= kPartMax) break;
        here.swap(next);
        if (here.empty()) break;
        ++known;
      }
      if (here.empty()) {
        ++i;
        continue;
      }
      out.append(text, copied, i - copied);
      out += kRedacted;
      copied = i = here.back();
    }
    if (copied > 0) text = out.append(text, copied, std::string::npos);
  }
  for (const auto& needle : needles_) {
    replace_all(text, needle);
    if (is_cut) redact_cut_end(text, needle);
  }
  return text;
}

std::string Redactor::redact_body(std::string_view body, bool is_cut) const {
  return redact_pairs(redact_json_members(redact_values(std::string(body), is_cut)));
}

std::string Redactor::redact_headers(const std::vector<std::pair<std::string, std::string>>& headers) const {
  std::string out;
  for (const auto& [name, value] : headers) {
    if (!out.empty()) out += '\n';
    out += redact_values(name);
    out += ": ";
    if (is_sensitive_name(name)) out += kRedacted;
    else out += redact_pairs(redact_values(value));
  }
  return out;
}

}  // namespace granary
