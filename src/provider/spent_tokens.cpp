#include "provider/spent_tokens.hpp"

#include "crypto/primitives.hpp"

namespace granary {

namespace {

constexpr std::size_t kDigestSize = 8;
// What the client posted, and what it was shown in return: likelier than any other to be brought back.
constexpr std::size_t kPinned = 2;

std::string digest_of(std::string_view token) {
  const crypto::Digest digest = crypto::sha256(token);
  return std::string(crypto::view(digest).substr(0, kDigestSize));
}

}  // namespace

std::string with_spent(std::string_view digests, std::string_view token) {
  if (is_spent(digests, token)) return std::string(digests);
  std::string out(digests);
  if (out.size() >= kSpentTokensMax * kDigestSize) out.erase(kPinned * kDigestSize, kDigestSize);
  return out + digest_of(token);
}

bool is_spent(std::string_view digests, std::string_view token) {
  const std::string digest = digest_of(token);
  for (std::size_t at = 0; at + kDigestSize <= digests.size(); at += kDigestSize)
    if (digests.substr(at, kDigestSize) == digest) return true;
  return false;
}

}  // namespace granary
