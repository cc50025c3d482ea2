// Escapes of JSON, percent and HTML, read one at a time from a text that may be decoded in part already.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace granary {

// Reads one character of UTF-8 at `at` and moves `at` behind it. A byte that is no UTF-8 is a character of its own kind.
char32_t take_character(std::string_view text, std::size_t& at);

inline constexpr char32_t kNoUnicode = 0x110000;  // and above it: the bytes that are no UTF-8

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

// Each reads the escape that begins at `at`, if one does there. %XX for each byte of one character; &name; and &#number;
std::optional<Escape> read_percent(const Units& units, std::size_t at);
std::optional<Escape> read_entity(const Units& units, std::size_t at);
// What an escape of JSON has behind its backslash.
std::optional<Escape> read_json_tail(const Units& units, std::size_t at);

// The index of the first unit from `at` on that is no backslash.
std::size_t behind_backslashes(const Units& units, std::size_t at);

}  // namespace granary
