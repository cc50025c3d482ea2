#include "base/json_repair.hpp"

#include <cstdint>
#include <optional>

#include "base/encoding.hpp"
#include "base/json.hpp"

namespace granary {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::uint8_t byte_at(std::string_view text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }

// How long the character is that begins there; 0 where none does.
std::size_t character_length(std::string_view text) {
  const std::uint8_t lead = byte_at(text, 0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  return length > 0 && length <= text.size() && is_utf8(text.substr(0, length)) ? length : 0;
}

std::optional<std::uint32_t> read_unicode_escape(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  std::uint32_t unit = 0;
  for (const char c : text.substr(2, 4)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : to_lower(c) >= 'a' && to_lower(c) <= 'f' ? to_lower(c) - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    unit = unit * 16 + static_cast<std::uint32_t>(digit);
  }
  return unit;
}

bool is_high(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

class Repair {
 public:
  explicit Repair(std::string_view text) : rest_(text) {}

  std::string run() {
    while (!rest_.empty() && !is_whole_) is_in_string_ ? read_in_string() : read_outside();
    return std::move(out_);
  }

 private:
  void take(std::size_t bytes) {
    out_ += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }
  void replace(std::size_t bytes, std::string_view with) {
    out_ += with;
    rest_.remove_prefix(bytes);
  }

  void read_outside() {
    const char c = rest_.front();
    if (c == '"') is_in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ == 0) is_whole_ = true;
    const bool is_stray = byte_at(rest_, 0) >= 0x80 || (byte_at(rest_, 0) < 0x20 && c != '\t' && c != '\n' && c != '\r');
    is_stray ? rest_.remove_prefix(1) : take(1);
  }

  void read_in_string() {
    const char c = rest_.front();
    if (c == '\\') return read_escape();
    if (c == '"') is_in_string_ = false;
    if (byte_at(rest_, 0) < 0x20) return replace(1, escape_of(c));
    const std::size_t length = character_length(rest_);
    length > 0 ? take(length) : replace(1, kReplacement);
  }

  static std::string escape_of(char control) {
    constexpr std::string_view kHexDigits = "0123456789abcdef";
    const auto byte = static_cast<std::uint8_t>(control);
    return std::string("\\u00") + kHexDigits[byte >> 4] + kHexDigits[byte & 15];
  }

  void read_escape() {
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    if (const auto unit = read_unicode_escape(rest_)) {
      if (is_high(*unit)) {
        const auto next = read_unicode_escape(rest_.substr(6));
        return next && is_low(*next) ? take(12) : replace(6, kReplacement);
      }
      return is_low(*unit) ? replace(6, kReplacement) : take(6);
    }
    // An escape that JSON does not have stands for its character.
    if (rest_.size() > 1 && kEscapes.find(rest_[1]) != std::string_view::npos) return take(2);
    rest_.remove_prefix(1);
  }

  std::string_view rest_;
  std::string out_;
  int depth_ = 0;
  bool is_in_string_ = false, is_whole_ = false;
};

std::string from_utf16(std::string_view text, bool is_big) {
  std::string json = "\"";
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const std::uint32_t first = byte_at(text, i), second = byte_at(text, i + 1);
    constexpr std::string_view kHexDigits = "0123456789abcdef";
    const std::uint32_t unit = is_big ? first * 256 + second : second * 256 + first;
    json += "\\u";
    for (const int shift : {12, 8, 4, 0}) json += kHexDigits[(unit >> shift) & 15];
  }
  const auto read = Json::parse_damaged("{\"\":" + json + "\"}");
  return read ? read->find_string("").value_or("") : std::string();
}

}  // namespace

std::string repair_json(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return repair_json(from_utf16(text.substr(2), text.starts_with("\xFE")));
  const std::size_t begin = text.find('{');
  return begin == std::string_view::npos ? std::string() : Repair(text.substr(begin)).run();
}

std::string find_string_in_damaged(std::string_view text, std::string_view name) {
  const std::string quoted = '"' + std::string(name) + '"';
  for (std::size_t at = text.rfind(quoted); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : text.rfind(quoted, at - 1)) {
    std::string_view rest = trim(text.substr(at + quoted.size()));
    if (!rest.starts_with(':')) continue;
    rest = trim(rest.substr(1));
    if (!rest.starts_with('"')) continue;
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) continue;
    const auto member = Json::parse_damaged("{\"\":" + std::string(rest.substr(0, end + 1)) + "}");
    if (const auto value = member ? member->find_string("") : std::nullopt) return *value;
  }
  return {};
}

}  // namespace granary
