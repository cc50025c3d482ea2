// Login tokens: what we signed is read back, anything else is refused, and a remembered token is forgotten in time.
#include "operation/tokens.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "base/seeded_random.hpp"

namespace granary {

namespace {

class TokensTest : public testing::Test {
 protected:
  static std::string header(std::string_view algorithm) { return R"({"alg":")" + std::string(algorithm) + R"(","typ":"JWT"})"; }
  // Signed properly with our key, whatever it says.
  std::string sign(std::string_view head, std::string_view payload) const {
    const std::string signed_part = to_base64url(head) + "." + to_base64url(payload);
    return signed_part + "." + to_base64url(crypto::view(crypto::hmac_sha256(key_.reveal(), signed_part)));
  }
  std::string payload(std::string_view owner, std::string_view rest) const {
    return R"({"sub":"a@b","owner":")" + std::string(owner) + R"(",)" + std::string(rest) + "}";
  }

  SeededRandom random_;
  Plaintext key_{std::string(32, 'k')};
  WallTime now_ = WallTime(std::chrono::days(20'000));
  TokenClaims claims_{
      .owner = OwnerId::random(random_), .password_epoch = 3, .issued = now_, .expires = now_ + std::chrono::hours(24)};
  std::string token_ = sign_token(key_, claims_, "grower \"x\"@example.com");
};

TEST_F(TokensTest, WhatWasSignedIsReadBack) {
  const auto read = verify_token(key_, token_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->owner, claims_.owner);
  EXPECT_EQ(read->password_epoch, 3);
  EXPECT_EQ(read->issued, claims_.issued);
  EXPECT_EQ(read->expires, claims_.expires);
  EXPECT_EQ(std::ranges::count(token_, '.'), 2);
  EXPECT_EQ(token_.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."), std::string::npos);
}

TEST_F(TokensTest, AnEndedTokenIsTheCallersToRefuse) {
  claims_.expires = now_ - std::chrono::hours(1);
  EXPECT_EQ(verify_token(key_, sign_token(key_, claims_, "a@b"))->expires, claims_.expires);
}

TEST_F(TokensTest, AnotherKeyOpensNothing) {
  for (const std::string& other : {std::string(32, 'K'), std::string(31, 'k'), std::string(33, 'k'), std::string()})
    EXPECT_FALSE(verify_token(Plaintext(other), token_));
}

TEST_F(TokensTest, AnyChangedCharacterIsRefused) {
  for (std::size_t i = 0; i < token_.size(); ++i)
    for (const char c : {'A', 'B', '.', '='}) {
      std::string changed = token_;
      if (changed[i] == c) continue;
      changed[i] = c;
      EXPECT_FALSE(verify_token(key_, changed)) << i << " " << c;
    }
  for (std::size_t size = 0; size < token_.size(); ++size) EXPECT_FALSE(verify_token(key_, token_.substr(0, size))) << size;
}

TEST_F(TokensTest, ForgedOnesAreRefused) {
  const std::string owner = claims_.owner.text();
  const std::string good = payload(owner, R"("epoch":3,"iat":1,"exp":2)");
  ASSERT_TRUE(verify_token(key_, sign(header("HS256"), good))) << "the rows below differ from this in one thing";
  const std::string without = to_base64url(header("none")) + "." + to_base64url(good) + ".";
  const std::string rows[] = {
      without,
      without + "x",
      to_base64url(header("none")) + "." + to_base64url(good),
      sign(header("none"), good),
      sign(header("None"), good),
      sign(header("HS512"), good),
      sign(header("RS256"), good),
      sign(R"({"typ":"JWT","alg":"HS256"})", good),
      sign(R"({"alg":"HS256","typ":"JWT","kid":"../../x"})", good),
      sign("", good),
      sign(header("HS256"), ""),
      sign(header("HS256"), "[]"),
      sign(header("HS256"), "null"),
      sign(header("HS256"), good + "x"),
      sign(header("HS256"), payload("not-an-id", R"("epoch":3,"iat":1,"exp":2)")),
      sign(header("HS256"), payload("", R"("epoch":3,"iat":1,"exp":2)")),
      sign(header("HS256"), R"({"epoch":3,"iat":1,"exp":2})"),
      sign(header("HS256"), payload(owner, R"("iat":1,"exp":2)")),
      sign(header("HS256"), payload(owner, R"("epoch":3,"iat":1)")),
      sign(header("HS256"), payload(owner, R"("epoch":3,"exp":2)")),
      sign(header("HS256"), payload(owner, R"("epoch":"3","iat":1,"exp":2)")),
      sign(header("HS256"), payload(owner, R"("epoch":3,"iat":1,"exp":1.5)")),
      sign(header("HS256"), payload(owner, R"("epoch":3,"iat":1,"exp":2,"pad":")" + std::string(3'000, 'x') + "\"")),
      "Bearer " + token_,
      token_ + ".",
      "." + token_,
      token_ + " ",
      token_ + "=",
      "",
      ".",
      "..",
      "...",
  };
  for (const auto& row : rows) EXPECT_FALSE(verify_token(key_, row)) << row;
}

TEST_F(TokensTest, ATokenFromAnotherIsNotReadWithItsSignature) {
  TokenClaims other = claims_;
  other.owner = OwnerId::random(random_);
  const std::string second = sign_token(key_, other, "b@c");
  const std::string mixed = second.substr(0, second.rfind('.')) + token_.substr(token_.rfind('.'));
  EXPECT_FALSE(verify_token(key_, mixed));
}

TEST_F(TokensTest, ARememberedTokenEndsWithItsTimeAndWithThePassword) {
  std::atomic<std::uint64_t> generation = 1;
  TokenVerifier verifier(key_, generation);
  EXPECT_EQ(verifier.find(token_, now_), std::nullopt) << "never seen";
  verifier.remember(token_, claims_);
  EXPECT_EQ(verifier.find(token_, now_), claims_.owner);
  EXPECT_EQ(verifier.find(token_ + "x", now_), std::nullopt);
  EXPECT_EQ(verifier.find(token_, claims_.expires - microseconds(1)), claims_.owner);
  EXPECT_EQ(verifier.find(token_, claims_.expires), std::nullopt);
  EXPECT_EQ(verifier.find(token_, now_), std::nullopt) << "what ended is forgotten";

  verifier.remember(token_, claims_);
  TokenVerifier elsewhere(key_, generation);  // another thread's
  elsewhere.forget_all();
  EXPECT_EQ(verifier.find(token_, now_), std::nullopt);
}

}  // namespace

}  // namespace granary
