// Every way to read a text that a provider wrote: each character as it stands, and each escape (JSON, percent, HTML) as the
// character that it stands for, also where one encoding lies in another. Takes a time that grows with the text alone.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace granary {

// Places are where a character begins or ends, numbered from 0. A symbol is the number of a character within one text.
struct Reading {
  std::uint32_t from;
  std::uint32_t to;
  std::uint32_t symbol;
};

class Readings {
 public:
  static constexpr std::uint32_t kNoSymbol = UINT32_MAX;

  // The text lives as long as this.
  explicit Readings(std::string_view text);
  ~Readings();
  Readings(const Readings&) = delete;
  Readings& operator=(const Readings&) = delete;

  std::string_view text() const { return text_; }
  std::uint32_t end() const { return static_cast<std::uint32_t>(plain_.size()); }
  std::size_t offset_of(std::uint32_t place) const { return offsets_[place]; }
  // The characters as they stand: the symbol between each place and the next.
  const std::vector<std::uint32_t>& plain() const { return plain_; }
  // In the order of where they begin.
  const std::vector<Reading>& escapes() const { return escapes_; }
  // The index of the first that begins at this place or behind it.
  std::size_t first_escape(std::uint32_t place) const;

  // Of a character of Latin-1 its code point. kNoSymbol where the text cannot be read as this character anywhere.
  std::uint32_t symbol_of(char32_t character) const;
  std::size_t symbol_count() const { return symbol_count_; }
  // What the reading took.
  std::size_t steps() const { return steps_; }

 private:
  static constexpr std::uint32_t kLatin1 = 256;
  std::uint32_t number(char32_t character);

  std::string_view text_;
  std::vector<std::size_t> offsets_;
  std::vector<std::uint32_t> plain_;
  std::vector<Reading> escapes_;
  // The symbols of the characters beyond Latin-1 in pages of 256, made as they are needed. A search in a sorted list would
  // take most of the time of a text of very many characters.
  std::vector<std::uint32_t> page_of_;
  std::vector<std::array<std::uint32_t, 256>> pages_;
  std::uint32_t symbol_count_ = kLatin1;
  std::size_t steps_ = 0;
};

}  // namespace granary
