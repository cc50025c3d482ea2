// Login tokens: JWTs signed with HMAC-SHA256 (RFC 7515, 7519), carrying the owner's id and password epoch. A verified
// token is remembered by its SHA-256, so that a request costs a hash and a look-up. One verifier for each thread.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/plaintext.hpp"
#include "base/time.hpp"
#include "crypto/primitives.hpp"

namespace granary {

struct TokenClaims {
  OwnerId owner;
  std::int64_t password_epoch = 0;
  WallTime issued;
  WallTime expires;
};

std::string sign_token(const Plaintext& key, const TokenClaims& claims, std::string_view email);
// The algorithm is ours, whatever the token's header says. nullopt for anything that we did not sign as it stands.
std::optional<TokenClaims> verify_token(const Plaintext& key, std::string_view token);

class TokenVerifier {
 public:
  // `generation` moves when a password changes; remembered tokens are then looked at anew.
  TokenVerifier(const Plaintext& key, std::atomic<std::uint64_t>& generation) : key_(key), generation_(generation) {}

  const Plaintext& key() const { return key_; }
  // The owner of a token seen before and still good.
  std::optional<OwnerId> find(std::string_view token, WallTime now);
  void remember(std::string_view token, const TokenClaims& claims);
  // Every thread looks at its remembered tokens anew.
  void forget_all() { generation_.fetch_add(1, std::memory_order_release); }
  std::optional<TokenClaims> verify(std::string_view token) const { return verify_token(key_, token); }

 private:
  struct DigestHash {
    std::size_t operator()(const crypto::Digest& digest) const noexcept;
  };
  struct Entry {
    OwnerId owner;
    WallTime expires;
  };
  static constexpr std::size_t kEntriesMax = 100'000;

  const Plaintext& key_;
  std::atomic<std::uint64_t>& generation_;
  std::uint64_t seen_generation_ = 0;
  std::unordered_map<crypto::Digest, Entry, DigestHash> entries_;
};

}  // namespace granary
