// Spent tokens: the first two and the last thirty are known again.
#include "provider/spent_tokens.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

std::string token(std::size_t number) { return "token " + std::to_string(number); }

TEST(SpentTokens, TheFirstTwoAndTheLastAreKnownAgain) {
  std::string digests;
  EXPECT_FALSE(is_spent(digests, token(0)));
  constexpr std::size_t kSpent = 100;
  for (std::size_t i = 0; i < kSpent; ++i) digests = with_spent(digests, token(i));
  for (std::size_t i = 0; i < kSpent; ++i)
    EXPECT_EQ(is_spent(digests, token(i)), i < 2 || i >= kSpent - (kSpentTokensMax - 2)) << i;
  EXPECT_FALSE(is_spent(digests, token(kSpent)));
}

TEST(SpentTokens, OneThatIsSpentAgainTakesNoPlace) {
  const std::string once = with_spent("", token(1));
  EXPECT_EQ(with_spent(once, token(1)), once);
}

}  // namespace

}  // namespace granary
