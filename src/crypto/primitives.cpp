#include "crypto/primitives.hpp"

#include <argon2.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "base/check.hpp"

namespace granary::crypto {

namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX_free>>;
using Cipher = std::unique_ptr<EVP_CIPHER, Deleter<EVP_CIPHER_free>>;
using Hash = std::unique_ptr<EVP_MD, Deleter<EVP_MD_free>>;
using HashContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Mac = std::unique_ptr<EVP_MAC, Deleter<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Deleter<EVP_MAC_CTX_free>>;

void require(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

const unsigned char* in(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* out(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// What one thread fetched: contexts are reused, so nothing is looked up by name in an operation.
struct Toolbox {
  Cipher gcm{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
  // One for each direction: changing direction or cipher would set a context up anew.
  CipherContext sealing{EVP_CIPHER_CTX_new()}, opening{EVP_CIPHER_CTX_new()};
  // Has `usual_key` set up already.
  CipherContext opening_usual{EVP_CIPHER_CTX_new()};
  Plaintext usual_key;
  Hash sha256{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  HashContext hash{EVP_MD_CTX_new()};
  Mac hmac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  MacContext mac{hmac ? EVP_MAC_CTX_new(hmac.get()) : nullptr};

  Toolbox() {
    require(gcm && sealing && opening && opening_usual && sha256 && hash && mac, "an algorithm is missing");
    require(EVP_EncryptInit_ex2(sealing.get(), gcm.get(), nullptr, nullptr, nullptr) == 1, "GCM context");
    for (auto* context : {opening.get(), opening_usual.get()})
      require(EVP_DecryptInit_ex2(context, gcm.get(), nullptr, nullptr, nullptr) == 1, "GCM context");
    // Named with each message, the digest would be looked up each time: that costs more than the digest of a token.
    char digest[] = "SHA256";
    const std::array<OSSL_PARAM, 2> parameters = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                                  OSSL_PARAM_construct_end()};
    require(EVP_MAC_CTX_set_params(mac.get(), parameters.data()) == 1, "HMAC digest");
  }
};

Toolbox& toolbox() {
  thread_local Toolbox tools;
  return tools;
}

const char* cbc_name(std::size_t key_bytes) {
  if (key_bytes == 16) return "AES-128-CBC";
  if (key_bytes == 24) return "AES-192-CBC";
  check(key_bytes == 32, "CBC key length");
  return "AES-256-CBC";
}

}  // namespace

std::string seal(std::string_view key, std::string_view plain, std::string_view associated, Random& random) {
  check(key.size() == kKeyBytes, "AEAD key length");
  auto& tools = toolbox();
  std::string sealed(kNonceBytes + plain.size() + kTagBytes, '\0');
  random.fill(sealed.data(), kNonceBytes);
  auto* context = tools.sealing.get();
  unsigned char* cipher = out(sealed) + kNonceBytes;
  int size = 0;
  require(EVP_EncryptInit_ex2(context, nullptr, in(key), out(sealed), nullptr) == 1, "GCM init");
  require(EVP_EncryptUpdate(context, nullptr, &size, in(associated), static_cast<int>(associated.size())) == 1, "GCM aad");
  require(EVP_EncryptUpdate(context, cipher, &size, in(plain), static_cast<int>(plain.size())) == 1, "GCM update");
  require(EVP_EncryptFinal_ex(context, cipher + size, &size) == 1, "GCM final");
  require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTagBytes, cipher + plain.size()) == 1, "GCM tag");
  return sealed;
}

namespace {

// `key` is null when `context` has it already.
std::optional<Plaintext> open_in(EVP_CIPHER_CTX* context, const unsigned char* key, std::string_view sealed,
                                 std::string_view associated) {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::size_t size = sealed.size() - kNonceBytes - kTagBytes;
  const std::string_view cipher = sealed.substr(kNonceBytes, size);
  std::array<unsigned char, kTagBytes> tag{};
  std::copy_n(in(sealed) + kNonceBytes + size, kTagBytes, tag.data());
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()), OSSL_PARAM_construct_end()};
  std::string plain(size, '\0');
  int written = 0;
  require(EVP_DecryptInit_ex2(context, nullptr, key, in(sealed), parameters.data()) == 1, "GCM init");
  require(EVP_DecryptUpdate(context, nullptr, &written, in(associated), static_cast<int>(associated.size())) == 1, "GCM aad");
  require(EVP_DecryptUpdate(context, out(plain), &written, in(cipher), static_cast<int>(size)) == 1, "GCM update");
  if (EVP_DecryptFinal_ex(context, out(plain) + written, &written) != 1) {
    wipe(plain);
    return std::nullopt;
  }
  return Plaintext(std::move(plain));
}

}  // namespace

std::optional<Plaintext> open(std::string_view key, std::string_view sealed, std::string_view associated) {
  check(key.size() == kKeyBytes, "AEAD key length");
  return open_in(toolbox().opening.get(), in(key), sealed, associated);
}

std::optional<Plaintext> open_with_usual_key(std::string_view key, std::string_view sealed, std::string_view associated) {
  check(key.size() == kKeyBytes, "AEAD key length");
  auto& tools = toolbox();
  auto* context = tools.opening_usual.get();
  if (!equal_constant_time(tools.usual_key.reveal(), key)) {
    tools.usual_key = Plaintext();
    require(EVP_DecryptInit_ex2(context, nullptr, in(key), nullptr, nullptr) == 1, "GCM key");
    tools.usual_key = Plaintext(std::string(key));
  }
  return open_in(context, nullptr, sealed, associated);
}

std::string encrypt_cbc(std::string_view key, std::string_view initialization_vector, std::string_view plain) {
  check(initialization_vector.size() == 16, "CBC initialization vector length");
  const Cipher cipher(EVP_CIPHER_fetch(nullptr, cbc_name(key.size()), nullptr));
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string result(plain.size() + 16, '\0');
  int size = 0, last = 0;
  require(EVP_EncryptInit_ex2(context.get(), cipher.get(), in(key), in(initialization_vector), nullptr) == 1, "CBC init");
  require(EVP_EncryptUpdate(context.get(), out(result), &size, in(plain), static_cast<int>(plain.size())) == 1, "CBC update");
  require(EVP_EncryptFinal_ex(context.get(), out(result) + size, &last) == 1, "CBC final");
  result.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(last));
  return result;
}

std::optional<Plaintext> decrypt_cbc(std::string_view key, std::string_view initialization_vector, std::string_view cipher_text) {
  check(initialization_vector.size() == 16, "CBC initialization vector length");
  const Cipher cipher(EVP_CIPHER_fetch(nullptr, cbc_name(key.size()), nullptr));
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string plain(cipher_text.size() + 16, '\0');
  int size = 0, last = 0;
  require(EVP_DecryptInit_ex2(context.get(), cipher.get(), in(key), in(initialization_vector), nullptr) == 1, "CBC init");
  require(EVP_DecryptUpdate(context.get(), out(plain), &size, in(cipher_text), static_cast<int>(cipher_text.size())) == 1,
          "CBC update");
  if (EVP_DecryptFinal_ex(context.get(), out(plain) + size, &last) != 1) {
    wipe(plain);
    return std::nullopt;
  }
  plain.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(last));
  return Plaintext(std::move(plain));
}

Digest sha256(std::string_view data) {
  auto& tools = toolbox();
  Digest digest{};
  require(EVP_DigestInit_ex2(tools.hash.get(), tools.sha256.get(), nullptr) == 1, "SHA-256 init");
  require(EVP_DigestUpdate(tools.hash.get(), data.data(), data.size()) == 1, "SHA-256 update");
  require(EVP_DigestFinal_ex(tools.hash.get(), digest.data(), nullptr) == 1, "SHA-256 final");
  return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view data) {
  auto& tools = toolbox();
  Digest digest{};
  std::size_t size = 0;
  // Without a pointer OpenSSL would keep the key before: an empty key is one too.
  const std::string_view given = key.empty() ? std::string_view("") : key;
  require(EVP_MAC_init(tools.mac.get(), in(given), given.size(), nullptr) == 1, "HMAC init");
  require(EVP_MAC_update(tools.mac.get(), in(data), data.size()) == 1, "HMAC update");
  require(EVP_MAC_final(tools.mac.get(), digest.data(), &size, digest.size()) == 1, "HMAC final");
  return digest;
}

Plaintext derive_key(std::string_view key, std::string_view salt, std::string_view purpose) {
  // RFC 5869 with one block of output: extract, then expand.
  Digest extracted = hmac_sha256(salt, key);
  std::string info(purpose);
  info += '\x01';
  Digest expanded = hmac_sha256(view(extracted), info);
  Plaintext derived{std::string(view(expanded))};
  wipe(extracted.data(), extracted.size());
  wipe(expanded.data(), expanded.size());
  return derived;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hash_password(const Plaintext& password, Random& random) {
  constexpr std::uint32_t kPasses = 2, kKibibytes = 19 * 1024, kLanes = 1;
  const std::string salt = random.bytes(16);
  std::vector<char> encoded(argon2_encodedlen(kPasses, kKibibytes, kLanes, 16, 32, Argon2_id));
  const auto text = password.reveal();
  require(argon2id_hash_encoded(kPasses, kKibibytes, kLanes, text.data(), text.size(), salt.data(), salt.size(), 32,
                                encoded.data(), encoded.size()) == ARGON2_OK,
          "Argon2id");
  return encoded.data();
}

bool verify_password(const std::string& hash, const Plaintext& password) {
  const auto text = password.reveal();
  return argon2id_verify(hash.c_str(), text.data(), text.size()) == ARGON2_OK;
}

}  // namespace granary::crypto
