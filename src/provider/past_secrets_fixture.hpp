// Secrets of the past for tests, digested as the product does: HMAC under a key that is made once.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "crypto/primitives.hpp"
#include "provider/past_secrets.hpp"

namespace granary {

inline SecretDigest digest_for_test(std::string_view run) {
  const auto whole = crypto::hmac_sha256(std::string(32, 'k'), run);
  SecretDigest digest{};
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

inline PastSecrets past_of(const std::vector<std::string>& secrets) {
  std::vector<SecretDigest> digests;
  for (const auto& secret : secrets) digests.push_back(digest_for_test(secret));
  return {std::move(digests), digest_for_test};
}

}  // namespace granary
