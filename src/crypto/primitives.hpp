// Cryptographic primitives over bytes, on OpenSSL. They know no key of ours and no purpose; sealing/ and provider/ give
// them both. Algorithms are fetched once a thread (implicit fetches cost 3 to 6 times more). Failures that mean "does
// not open" are values; anything else is a bug or a broken library and throws std::runtime_error.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/plaintext.hpp"
#include "base/random.hpp"

namespace granary::crypto {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kNonceBytes = 12;
inline constexpr std::size_t kTagBytes = 16;

// AES-256-GCM under a random nonce: nonce, ciphertext, tag.
std::string seal(std::string_view key, std::string_view plain, std::string_view associated, Random& random);
// nullopt when the key, the associated data or a single bit is not what was sealed.
std::optional<Plaintext> open(std::string_view key, std::string_view sealed, std::string_view associated);
// The same for the one key that most calls of this thread use, the ring's: it stays set up between them.
std::optional<Plaintext> open_with_usual_key(std::string_view key, std::string_view sealed, std::string_view associated);

// AES-CBC with PKCS#7 under a 16, 24 or 32-byte key and a 16-byte initialization vector.
std::string encrypt_cbc(std::string_view key, std::string_view initialization_vector, std::string_view plain);
std::optional<Plaintext> decrypt_cbc(std::string_view key, std::string_view initialization_vector, std::string_view cipher);

using Digest = std::array<std::uint8_t, 32>;
Digest sha256(std::string_view data);
Digest hmac_sha256(std::string_view key, std::string_view data);
inline std::string_view view(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

// HKDF-SHA256 (RFC 5869), 32 bytes.
Plaintext derive_key(std::string_view key, std::string_view salt, std::string_view purpose);

// In time that depends on the lengths alone.
bool equal_constant_time(std::string_view a, std::string_view b);

// Argon2id, 19 MiB, two passes: takes tens of milliseconds; run it on the password pool, never on an event loop.
std::string hash_password(const Plaintext& password, Random& random);
bool verify_password(const std::string& hash, const Plaintext& password);

}  // namespace granary::crypto
