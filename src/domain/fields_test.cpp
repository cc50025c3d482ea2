// The fields of a credential, and their packed form: whole it comes back, cut or invented it is refused.
#include "domain/fields.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

using std::string_literals::operator""s;

Fields fields_of(std::initializer_list<std::pair<std::string, std::string>> pairs) {
  Fields fields;
  for (const auto& [name, value] : pairs) fields.set(name, Plaintext(value));
  return fields;
}

std::vector<std::pair<std::string, std::string>> pairs_of(const Fields& fields) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : fields.all()) out.emplace_back(name, value.reveal());
  return out;
}

TEST(Fields, SetsReplacesAndRemoves) {
  Fields fields = fields_of({{"a", "1"}, {"b", "2"}, {"a", "3"}});
  EXPECT_EQ(fields.all().size(), 2U);
  EXPECT_EQ(fields.value("a"), "3");
  EXPECT_EQ(fields.value("c"), "");
  EXPECT_EQ(fields.find("c"), nullptr);
  EXPECT_EQ(fields.find("A"), nullptr);
  fields.remove("a");
  fields.remove("absent");
  EXPECT_EQ(fields.find("a"), nullptr);
  EXPECT_EQ(fields.value("b"), "2");
  // Empty is not absent.
  fields.set("b", Plaintext(""));
  EXPECT_NE(fields.find("b"), nullptr);
}

TEST(Fields, ACloneIsItsOwn) {
  Fields fields = fields_of({{"a", "1"}});
  Fields copy = fields.clone();
  copy.set("a", Plaintext("2"));
  copy.set("b", Plaintext("3"));
  EXPECT_EQ(fields.value("a"), "1");
  EXPECT_EQ(fields.find("b"), nullptr);
}

TEST(Fields, PackedTheyComeBack) {
  const Fields all[] = {
      fields_of({}),
      fields_of({{"a", ""}}),
      fields_of({{"", "x"}}),
      fields_of({{"password", "p\0q\xff"s}, {"username", "é"}}),
      fields_of({{"a", std::string(64 * 1024, 'x')}, {"b", "y"}}),
  };
  for (const Fields& fields : all) {
    const auto back = Fields::unpack(fields.pack().reveal());
    ASSERT_TRUE(back);
    EXPECT_EQ(pairs_of(*back), pairs_of(fields));
  }
}

TEST(Fields, NoTwoPackAlike) {
  const std::string packed[] = {
      std::string(fields_of({}).pack().reveal()),
      std::string(fields_of({{"a", ""}}).pack().reveal()),
      std::string(fields_of({{"ab", "c"}}).pack().reveal()),
      std::string(fields_of({{"a", "bc"}}).pack().reveal()),
      std::string(fields_of({{"a", "b"}, {"c", ""}}).pack().reveal()),
  };
  for (const auto& one : packed)
    for (const auto& other : packed) EXPECT_EQ(one == other, &one == &other);
}

TEST(Fields, RefusesWhatWasCutOrInvented) {
  const Fields fields = fields_of({{"username", "grower"}, {"password", "secret"}});
  const std::string packed(fields.pack().reveal());
  const std::size_t first = 8 + 8 + 6;  // two lengths, name, value
  for (std::size_t size = 1; size < packed.size(); ++size)
    EXPECT_EQ(Fields::unpack(packed.substr(0, size)).has_value(), size == first) << size;
  for (const std::string& text :
       {"x"s, "\xff\xff\xff\xff"s,
        "\xff\xff\xff\xff"
        "abc"s,
        "\x01\0\0\0"s, "\x01\0\0\0a"s, "\x01\0\0\0a\xff\xff\xff\xff"s, "\x01\0\0\0a\x02\0\0\0b"s, packed + "x", "\0"s})
    EXPECT_FALSE(Fields::unpack(text)) << testing::PrintToString(text);
}

}  // namespace

}  // namespace granary
