// A text as whoever decodes it sees it: JSON, percent and HTML taken off, also where one lies in another. Each byte knows where
// it stood before. The readings of readings.hpp are for secrets that are known; these are for text that must be known as a whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace granary {

struct DecodedText {
  DecodedText() = default;
  DecodedText(DecodedText&&) = default;
  DecodedText& operator=(DecodedText&&) = default;
  ~DecodedText();

  std::string text;
  // Of each byte: where its character stood in the original, from the first byte to behind the last.
  std::vector<std::uint32_t> from, to;
  // Of each byte: whether the last decoding made it. A quote that was `\"` before is no end of the string it stands in.
  std::vector<bool> is_new;
  // The bytes that are worth a look: those that a decoding made, or all where nothing was decoded.
  std::vector<std::uint32_t> places;
};

// First the text as it is, then each decoded form that is different from those before. `steps` grows by what it takes.
std::vector<DecodedText> decoded_forms(std::string_view text, std::size_t& steps);

}  // namespace granary
