// Identifiers: one spelling out, two cases in, and nothing else; random ones are of version 4.
#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>
#include <type_traits>

namespace granary {

namespace {

using std::string_literals::operator""s;

TEST(Uuid, ThereAndBack) {
  const std::string text = "00112233-4455-6677-8899-aabbccddeeff";
  const auto id = CredentialId::parse(text);
  ASSERT_TRUE(id);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(id->bytes[i], i * 0x11) << i;
  EXPECT_EQ(id->text(), text);
  EXPECT_EQ(CredentialId::parse("00112233-4455-6677-8899-AABBCCDDEEFF"), id);
  EXPECT_EQ(CredentialId::from_raw(id->raw()), id);
  EXPECT_EQ(id->raw().size(), 16U);
  EXPECT_EQ(CredentialId().text(), "00000000-0000-0000-0000-000000000000");
}

TEST(Uuid, Refuses) {
  const std::string rows[] = {
      "",
      "1",
      "00112233445566778899aabbccddeeff",
      "{00112233-4455-6677-8899-aabbccddeeff}",
      "urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
      "00112233-4455-6677-8899-aabbccddeef",
      "00112233-4455-6677-8899-aabbccddeeff0",
      "00112233-4455-6677-8899-aabbccddeeff ",
      " 0112233-4455-6677-8899-aabbccddeeff",
      "0011223-34455-6677-8899-aabbccddeeff",
      "00112233-4455-6677-8899aaabbccddeeff",
      "00112233--455-6677-8899-aabbccddeeff",
      "0011223g-4455-6677-8899-aabbccddeeff",
      "00112233-4455-6677-8899-aabbccddee%f",
      "00112233-4455-6677-8899-aabbccddee\0f"s,
      "00112233_4455_6677_8899_aabbccddeeff",
      "0x112233-4455-6677-8899-aabbccddeeff",
      "-0112233-4455-6677-8899-aabbccddeeff",
      "{0011223-4455-6677-8899-aabbccddeef}",
      "{00112233445566778899aabbccddeeff}aa",
      "00112233445566778899aabbccddeeffaabb",
  };
  for (const auto& text : rows) EXPECT_FALSE(parse_uuid(text)) << text;
}

TEST(Uuid, RandomOnesAreOfVersionFour) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = LeafUserId::random(random).text();
    EXPECT_EQ(text[14], '4') << text;
    EXPECT_NE(std::string_view("89ab").find(text[19]), std::string_view::npos) << text;
    EXPECT_TRUE(seen.insert(text).second) << text;
  }
}

TEST(Id, KindsAreNotExchangeable) {
  EXPECT_FALSE((std::is_convertible_v<OwnerId, LeafUserId>));
  EXPECT_FALSE((std::is_constructible_v<CredentialId, LeafUserId>));
  EXPECT_LT(OwnerId::parse("00000000-0000-0000-0000-000000000001"), OwnerId::parse("01000000-0000-0000-0000-000000000000"));
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  SystemRandom random;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(random.below(1), 0U);
  for (int i = 0; i < 1000; ++i) {
    const double fraction = random.fraction();
    EXPECT_TRUE(fraction >= 0 && fraction < 1) << fraction;
  }
  EXPECT_EQ(random.bytes(33).size(), 33U);
  EXPECT_NE(random.bytes(33), random.bytes(33));
}

}  // namespace

}  // namespace granary
