// What is remembered of the refresh tokens that a grant has spent: a short digest of each of the first two and of the last ones,
// so that one that a client brings back is known, and never shown to its provider again.
#pragma once

#include <string>
#include <string_view>

namespace granary {

// Bounds what a credential that is refreshed for years takes.
inline constexpr std::size_t kSpentTokensMax = 32;

// The digests, with that of one more token.
std::string with_spent(std::string_view digests, std::string_view token);
bool is_spent(std::string_view digests, std::string_view token);

}  // namespace granary
