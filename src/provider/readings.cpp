#include "provider/readings.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/plaintext.hpp"
#include "provider/html_entities.hpp"

namespace granary {

namespace {

// As many encodings may lie in each other; JSON in JSON in JSON counts once.
constexpr int kPasses = 3;
constexpr char32_t kNoUnicode = 0x110000;  // and above it: the bytes that are no UTF-8

// A character of what is left to decode, and where it stands in the text.
struct Unit {
  char32_t character;
  std::uint32_t from;
  std::uint32_t to;
  bool is_new;  // the pass before has made it
};
using Units = std::vector<Unit>;

struct Escape {
  char32_t character;
  std::size_t end;  // the index of the unit behind it
};

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

// %XX for each byte of one character.
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

// What an escape of JSON has behind its backslash.
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

// One encoding is taken off. The readings that it gives are added to `found`; what is left to decode is returned.
// Of a run of backslashes before an escape, nobody can say how many belong to it: it may begin at each of them.
Units decode(const Units& units, std::vector<Reading>& found) {
  Units out;
  out.reserve(units.size());
  for (std::size_t i = 0; i < units.size();) {
    const char32_t c = units[i].character;
    const std::size_t starts = c == '\\' ? behind_backslashes(units, i) : i + 1;
    std::optional<Escape> escape;
    if (c == '\\') escape = read_json_tail(units, starts);
    else if (c == '%') escape = read_percent(units, i);
    else if (c == '&') escape = read_entity(units, i);
    else if (c == '+' && units[i].is_new) found.push_back({units[i].from, units[i].to, ' '});
    const std::size_t end = escape ? escape->end : starts;
    const std::uint32_t to = units[end - 1].to;
    if (escape)
      for (std::size_t start = i; start < starts; ++start) found.push_back({units[start].from, to, escape->character});
    out.push_back({escape ? escape->character : c, units[i].from, to, escape.has_value()});
    i = end;
  }
  return out;
}

template <class Value>
void wipe_all(std::vector<Value>& values) {
  if (!values.empty()) wipe(values.data(), values.size() * sizeof(Value));
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

Readings::Readings(std::string_view text) : text_(text) {
  Units units;
  units.reserve(text.size());
  offsets_.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size();) {
    const auto place = static_cast<std::uint32_t>(units.size());
    offsets_.push_back(at);
    units.push_back({take_character(text, at), place, place + 1, true});
  }
  offsets_.push_back(text.size());
  plain_.reserve(units.size());
  for (const Unit& unit : units) plain_.push_back(number(unit.character));
  for (int pass = 0; pass < kPasses && std::ranges::any_of(units, &Unit::is_new); ++pass) {
    std::vector<Reading> found, all;
    Units next = decode(units, found);
    all.reserve(escapes_.size() + found.size());
    std::ranges::merge(escapes_, found, std::back_inserter(all), {}, &Reading::from, &Reading::from);
    steps_ += units.size() + all.size();
    wipe_all(units);
    wipe_all(escapes_);
    wipe_all(found);
    units = std::move(next);
    escapes_ = std::move(all);
  }
  wipe_all(units);
  for (Reading& escape : escapes_) escape.symbol = number(escape.symbol);
}

Readings::~Readings() {
  wipe_all(plain_);
  wipe_all(escapes_);
}

std::uint32_t Readings::number(char32_t character) {
  if (character < kLatin1) return character;
  page_of_.resize((kNoUnicode >> 8) + 1, kNoSymbol);
  std::uint32_t& page = page_of_[character >> 8];
  if (page == kNoSymbol) {
    page = static_cast<std::uint32_t>(pages_.size());
    pages_.emplace_back().fill(kNoSymbol);
  }
  std::uint32_t& symbol = pages_[page][character & 255];
  if (symbol == kNoSymbol) symbol = symbol_count_++;
  return symbol;
}

std::uint32_t Readings::symbol_of(char32_t character) const {
  if (character < kLatin1) return character;
  const std::uint32_t page = page_of_.empty() ? kNoSymbol : page_of_[character >> 8];
  return page == kNoSymbol ? kNoSymbol : pages_[page][character & 255];
}

std::size_t Readings::first_escape(std::uint32_t place) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(escapes_, place, {}, &Reading::from) - escapes_.begin());
}

}  // namespace granary
