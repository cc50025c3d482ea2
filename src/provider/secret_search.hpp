// Finds secrets in a text, in every encoding of docs/api.md, "Events". It counts its steps, and what it may take is bounded:
// beyond that the rest of the text counts as found.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/readings.hpp"

namespace granary {

// Shorter ones would blacken half the text; they are redacted by name only.
inline constexpr std::size_t kSecretCharactersMin = 6;
// Of one text, for all secrets. One step is one reading looked at, two or three nanoseconds.
inline constexpr std::size_t kScanStepsMax = 6'000'000;
inline constexpr std::size_t kFollowStepsMax = 1'000'000;

struct Found {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;  // in bytes: sorted, none in another
  std::size_t searched;                                     // what stands from here on was too costly
  std::size_t steps;
};

// Where the text was cut, a secret may have been cut in the middle: what is there of it is found too.
Found find_secrets(std::string_view text, const std::vector<std::string_view>& secrets, bool is_cut);

}  // namespace granary
