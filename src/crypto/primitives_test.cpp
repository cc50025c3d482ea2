// The primitives against published vectors, and every way in which something sealed must not open.
#include "crypto/primitives.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace granary::crypto {

namespace {

// Both ways to open are held to the same.
std::optional<Plaintext> open_both(std::string_view key, std::string_view sealed, std::string_view associated) {
  auto opened = open(key, sealed, associated);
  const auto again = open_with_usual_key(key, sealed, associated);
  EXPECT_EQ(opened.has_value(), again.has_value());
  if (opened && again) EXPECT_EQ(opened->reveal(), again->reveal());
  return opened;
}

std::string hex(std::string_view text) { return from_hex(text).value(); }

// Fills with one byte, so that what is sealed is the same in each run.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::string bytes) : bytes_(std::move(bytes)) {}
  void fill(void* data, std::size_t size) override {
    for (std::size_t i = 0; i < size; ++i) static_cast<char*>(data)[i] = bytes_[i % bytes_.size()];
  }

 private:
  std::string bytes_;
};

// The GCM specification's test cases 13 to 16, as AES-256.
TEST(Seal, KnownAnswers) {
  const struct {
    const char *key, *nonce, *associated, *plain, *sealed;
  } rows[] = {
      {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
       "530f8afbc74536b9a963b4f1c4cb738b"},
      {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
       "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
      {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
       "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
       "76fc6ece0f4e1768cddf8853bb2d551b"},
  };
  for (const auto& row : rows) {
    FixedRandom random(hex(row.nonce));
    const std::string sealed = seal(hex(row.key), hex(row.plain), hex(row.associated), random);
    EXPECT_EQ(to_hex(sealed), std::string(row.nonce) + row.sealed);
    const auto opened = open_both(hex(row.key), sealed, hex(row.associated));
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->reveal(), hex(row.plain));
  }
}

class SealTest : public testing::Test {
 protected:
  SystemRandom random_;
  const std::string key_ = random_.bytes(kKeyBytes);
  const std::string associated_ = "what it is bound to";
  const std::string sealed_ = seal(key_, "a password", associated_, random_);
};

TEST_F(SealTest, EverySingleBitCounts) {
  ASSERT_TRUE(open_both(key_, sealed_, associated_));
  for (std::size_t bit = 0; bit < sealed_.size() * 8; ++bit) {
    std::string flipped = sealed_;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(open_both(key_, flipped, associated_)) << "bit " << bit;
  }
  for (std::size_t bit = 0; bit < key_.size() * 8; ++bit) {
    std::string flipped = key_;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(open_both(flipped, sealed_, associated_)) << "bit " << bit << " of the key";
  }
}

TEST_F(SealTest, TruncatedOrExtendedDoesNotOpen) {
  for (std::size_t size = 0; size < sealed_.size(); ++size) {
    EXPECT_FALSE(open_both(key_, sealed_.substr(0, size), associated_)) << size;
    EXPECT_FALSE(open_both(key_, sealed_.substr(sealed_.size() - size), associated_)) << size << " from the end";
  }
  EXPECT_FALSE(open_both(key_, sealed_ + '\0', associated_));
  EXPECT_FALSE(open_both(key_, sealed_ + sealed_, associated_));
}

TEST_F(SealTest, OtherAssociatedDataDoesNotOpen) {
  for (const std::string& other :
       {std::string(), associated_ + " ", associated_.substr(1), std::string("What it is bound to"), associated_ + '\0'})
    EXPECT_FALSE(open_both(key_, sealed_, other)) << other;
  const std::string unbound = seal(key_, "a password", {}, random_);
  EXPECT_TRUE(open_both(key_, unbound, ""));
  EXPECT_FALSE(open_both(key_, unbound, associated_));
}

TEST_F(SealTest, NothingIsSealedTheSameTwice) {
  const std::string again = seal(key_, "a password", associated_, random_);
  EXPECT_NE(again.substr(0, kNonceBytes), sealed_.substr(0, kNonceBytes));
  EXPECT_NE(again.substr(kNonceBytes), sealed_.substr(kNonceBytes));
  EXPECT_EQ(sealed_.find("password"), std::string::npos);
}

TEST_F(SealTest, AnySizeComesBack) {
  for (const std::size_t size : {0UZ, 1UZ, 15UZ, 16UZ, 17UZ, 65'536UZ, 1'048'577UZ}) {
    const std::string plain = random_.bytes(size);
    const std::string sealed = seal(key_, plain, "", random_);
    EXPECT_EQ(sealed.size(), size + kNonceBytes + kTagBytes);
    const auto opened = open_both(key_, sealed, "");
    ASSERT_TRUE(opened) << size;
    EXPECT_TRUE(opened->reveal() == plain) << size;
  }
}

TEST_F(SealTest, AFailureLeavesTheNextCallAlone) {
  EXPECT_FALSE(open_both(key_, sealed_, "other"));
  const auto opened = open_both(key_, sealed_, associated_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->reveal(), "a password");
}

struct CbcRow {
  const char *key, *cipher;
};

// NIST SP 800-38A, F.2.1, F.2.3 and F.2.5: four blocks under keys of 128, 192 and 256 bits.
constexpr const char* kCbcVector = "000102030405060708090a0b0c0d0e0f";
constexpr const char* kCbcPlain =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be6"
    "6c3710";
constexpr CbcRow kCbcRows[] = {
    {"2b7e151628aed2a6abf7158809cf4f3c",
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307"
     "586e1a7"},
    {"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64"
     "f5615cd"},
    {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078"
     "c6a9d1b"},
};

TEST(Cbc, KnownAnswers) {
  for (const CbcRow& row : kCbcRows) {
    const std::string cipher = encrypt_cbc(hex(row.key), hex(kCbcVector), hex(kCbcPlain));
    ASSERT_EQ(cipher.size(), 80U) << "PKCS#7 adds a block to whole blocks";
    EXPECT_EQ(to_hex(cipher.substr(0, 64)), row.cipher);
    const auto plain = decrypt_cbc(hex(row.key), hex(kCbcVector), cipher);
    ASSERT_TRUE(plain);
    EXPECT_EQ(to_hex(plain->reveal()), kCbcPlain);
  }
}

TEST(Cbc, EveryLengthComesBackPadded) {
  const std::string key(16, 'k'), vector(16, 'v');
  for (std::size_t size = 0; size <= 33; ++size) {
    const std::string plain(size, 'p');
    const std::string cipher = encrypt_cbc(key, vector, plain);
    EXPECT_EQ(cipher.size(), (size / 16 + 1) * 16) << size;
    const auto opened = decrypt_cbc(key, vector, cipher);
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(opened->reveal(), plain) << size;
  }
}

TEST(Cbc, WhatIsNotPaddedRightDoesNotOpen) {
  const std::string key = hex(kCbcRows[0].key), vector = hex(kCbcVector);
  const std::string cipher = encrypt_cbc(key, vector, "sixteen bytes...and five");
  EXPECT_FALSE(decrypt_cbc(key, vector, ""));
  for (std::size_t size = 1; size < cipher.size(); ++size) EXPECT_FALSE(decrypt_cbc(key, vector, cipher.substr(0, size))) << size;
  EXPECT_FALSE(decrypt_cbc(key, vector, cipher + "x"));
  EXPECT_FALSE(decrypt_cbc(key, vector, hex(kCbcRows[0].cipher))) << "the vector's blocks carry no padding";
  EXPECT_FALSE(decrypt_cbc(hex(kCbcRows[2].key), vector, cipher)) << "another key";
  const auto moved = decrypt_cbc(key, std::string(16, 'v'), cipher);
  EXPECT_TRUE(!moved || moved->reveal() != "sixteen bytes...and five") << "another vector";
}

// FIPS 180-4 examples.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(to_hex(view(sha256(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(view(sha256("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(view(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

// RFC 4231, section 4; case 5 asks for a truncated output and is left out.
TEST(Hmac, KnownAnswers) {
  const struct {
    std::string key, data;
    const char* digest;
  } rows[] = {
      {std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before "
       "being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
      {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
  };
  for (const auto& row : rows) EXPECT_EQ(to_hex(view(hmac_sha256(row.key, row.data))), row.digest) << row.data;
}

TEST(Hmac, AnEmptyKeyIsNotTheKeyBefore) {
  const Digest empty = hmac_sha256("", "data");
  const Digest before = hmac_sha256("the key before", "data");
  EXPECT_NE(empty, before);
  EXPECT_EQ(hmac_sha256(std::string_view(), "data"), empty);
}

// RFC 5869, appendix A: the first 32 bytes of each output.
TEST(Hkdf, KnownAnswers) {
  std::string ascending;
  for (int c = 0; c < 256; ++c) ascending += static_cast<char>(c);
  const struct {
    std::string key, salt, purpose;
    const char* derived;
  } rows[] = {
      {std::string(22, '\x0b'), ascending.substr(0, 13), ascending.substr(0xf0, 10),
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
      {ascending.substr(0, 0x50), ascending.substr(0x60, 0x50), ascending.substr(0xb0, 0x50),
       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
      {std::string(22, '\x0b'), "", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
  };
  for (const auto& row : rows) EXPECT_EQ(to_hex(derive_key(row.key, row.salt, row.purpose).reveal()), row.derived);
}

TEST(EqualConstantTime, IsEquality) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  for (const auto& [a, b] : {std::pair("abc", "abd"), {"abc", "Abc"}, {"abc", "ab"}, {"", "a"}, {"a", ""}})
    EXPECT_FALSE(equal_constant_time(a, b)) << a << " " << b;
}

// From the reference implementation's tests: "password" under "somesalt", with less memory than ours.
constexpr const char* kReferenceHash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

TEST(Password, VerifiesOnlyThePassword) {
  SystemRandom random;
  const Plaintext password(std::string("correct horse battery"));
  const std::string hash = hash_password(password, random);
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << hash;
  EXPECT_NE(hash, hash_password(password, random)) << "the salt is random";
  EXPECT_TRUE(verify_password(hash, password));
  for (const char* wrong :
       {"", "correct horse batter", "correct horse battery ", "Correct horse battery", "correct horse batterx"})
    EXPECT_FALSE(verify_password(hash, Plaintext(std::string(wrong)))) << wrong;
  EXPECT_FALSE(verify_password(hash, Plaintext(std::string("correct horse battery\0x", 23)))) << "what follows a NUL counts";
}

TEST(Password, ReadsWhatTheReferenceWrote) {
  EXPECT_TRUE(verify_password(kReferenceHash, Plaintext(std::string("password"))));
  EXPECT_FALSE(verify_password(kReferenceHash, Plaintext(std::string("passwore"))));
}

TEST(Password, WhatIsNoHashVerifiesNothing) {
  const std::string good = kReferenceHash;
  std::string other_digest = good;
  other_digest[good.size() - 10] = other_digest[good.size() - 10] == 'f' ? 'g' : 'f';
  const std::string rows[] = {"",
                              "password",
                              "$argon2id$",
                              good.substr(0, good.size() - 1),
                              good.substr(0, good.rfind('$')),
                              good + "A",
                              other_digest,
                              "$argon2i$" + good.substr(10),
                              "$argon2id$v=16$" + good.substr(15),
                              "$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghijk"};
  for (const std::string& hash : rows) EXPECT_FALSE(verify_password(hash, Plaintext(std::string("password")))) << hash;
}

}  // namespace

}  // namespace granary::crypto
