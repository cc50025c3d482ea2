#include "provider/escapes.hpp"

#include <array>

#include "provider/html_entities.hpp"

namespace granary {

namespace {

int hex_digit(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return -1;
}

std::optional<std::uint32_t> read_hex(const Units& units, std::size_t at, std::size_t digits) {
  if (at + digits > units.size()) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    const int digit = hex_digit(units[i].character);
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  return value;
}

constexpr std::size_t kEntityMax = 12;  // with its ampersand

std::optional<char32_t> entity_of(std::string_view name) {
  if (!name.starts_with('#')) return html_entity(name);
  name.remove_prefix(1);
  const bool is_hex = name.starts_with('x') || name.starts_with('X');
  if (is_hex) name.remove_prefix(1);
  if (name.empty()) return std::nullopt;
  std::uint64_t value = 0;  // eleven digits fit
  for (const char c : name) {
    const int digit = hex_digit(static_cast<unsigned char>(c));
    if (digit < 0 || (!is_hex && digit > 9)) return std::nullopt;
    value = value * (is_hex ? 16 : 10) + static_cast<std::uint64_t>(digit);
  }
  return value < kNoUnicode ? std::optional(static_cast<char32_t>(value)) : std::nullopt;
}

}  // namespace

char32_t take_character(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  bool is_whole = lead < 0x80 || (lead >= 0xc0 && lead < 0xf8 && at + size <= text.size());
  char32_t value = size == 1 ? lead : lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; is_whole && i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    is_whole = (byte & 0xc0) == 0x80;
    value = (value << 6) | (byte & 0x3f);
  }
  is_whole = is_whole && value < kNoUnicode;
  at += is_whole ? size : 1;
  return is_whole ? value : kNoUnicode + lead;
}

std::optional<Escape> read_percent(const Units& units, std::size_t at) {
  std::array<char, 4> bytes{};
  std::size_t size = 1;
  for (std::size_t i = 0; i < size; ++i, at += 3) {
    if (at >= units.size() || units[at].character != '%') return std::nullopt;
    const auto byte = read_hex(units, at + 1, 2);
    if (!byte || (i > 0 && (*byte & 0xc0) != 0x80)) return std::nullopt;
    bytes[i] = static_cast<char>(*byte);
    if (i == 0) size = *byte < 0xc0 ? 1 : *byte < 0xe0 ? 2 : *byte < 0xf0 ? 3 : 4;
  }
  std::size_t used = 0;
  const char32_t character = take_character({bytes.data(), size}, used);
  return character < kNoUnicode ? std::optional(Escape{character, at}) : std::nullopt;
}

std::optional<Escape> read_entity(const Units& units, std::size_t at) {
  std::array<char, kEntityMax> name{};
  std::size_t size = 0;
  for (std::size_t i = at + 1; i < units.size() && size < kEntityMax - 1; ++i) {
    const char32_t c = units[i].character;
    if (c == ';') {
      const auto character = entity_of({name.data(), size});
      return character ? std::optional(Escape{*character, i + 1}) : std::nullopt;
    }
    const bool is_of_a_name = c == '#' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_of_a_name) break;
    name[size++] = static_cast<char>(c);
  }
  return std::nullopt;
}

std::size_t behind_backslashes(const Units& units, std::size_t at) {
  while (at < units.size() && units[at].character == '\\') ++at;
  return at;
}

std::optional<Escape> read_json_tail(const Units& units, std::size_t at) {
  constexpr std::array<std::pair<char32_t, char32_t>, 8> kShort = {
      {{'"', '"'}, {'/', '/'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'\'', '\''}}};
  if (at >= units.size()) return std::nullopt;
  for (const auto& [letter, character] : kShort)
    if (units[at].character == letter) return Escape{character, at + 1};
  if (units[at].character != 'u') return std::nullopt;
  const auto unit = read_hex(units, at + 1, 4);
  if (!unit || (*unit >= 0xdc00 && *unit < 0xe000)) return std::nullopt;
  if (*unit < 0xd800 || *unit >= 0xe000) return Escape{*unit, at + 5};
  const std::size_t second = behind_backslashes(units, at + 5);
  if (second == at + 5 || second >= units.size() || units[second].character != 'u') return std::nullopt;
  const auto low = read_hex(units, second + 1, 4);
  if (!low || *low < 0xdc00 || *low >= 0xe000) return std::nullopt;
  return Escape{0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00), second + 5};
}

}  // namespace granary
