// Each encoding comes off, alone and in others, and each byte knows where it stood before.
#include "provider/decoded_text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/seeded_random.hpp"

namespace granary {

namespace {

using std::string_literals::operator""s;

std::vector<std::string> forms_of(std::string_view text) {
  std::size_t steps = 0;
  std::vector<std::string> out;
  for (const DecodedText& form : decoded_forms(text, steps)) out.push_back(form.text);
  return out;
}

TEST(DecodedText, TakesEncodingsOff) {
  struct Row {
    std::string text, form;  // one of those that must be there
  };
  const Row rows[] = {
      {R"(a\"b)", "a\"b"},
      {R"(a\\b)", "a\\b"},
      {R"(a\\\"b)", "a\\\"b"},
      {R"(a\\\"b)", "a\"b"},
      {R"(C:\\new)", "C:\\new"},
      {R"(\u0061\u00e9\u20ac\ud83d\ude00)", "aé€😀"},
      {R"(a\/b)", "a/b"},
      {"a%20b%C3%A9", "a bé"},
      {"a%2520b", "a%20b"},
      {"a%2520b", "a b"},
      {"a&amp;lt;b", "a&lt;b"},
      {"a&amp;lt;b", "a<b"},
      {"&#97;&#x62;&eacute;", "abé"},
      {R"(50%41off\"x)", "50%41off\"x"},  // JSON alone
      {R"(50%41off\"x)", "50Aoff\"x"},
      {"a%5C%22b", "a\"b"},
      {"\\u0026amp;x", "&x"},
  };
  for (const Row& row : rows) {
    const auto forms = forms_of(row.text);
    EXPECT_EQ(forms.front(), row.text);
    EXPECT_TRUE(std::ranges::find(forms, row.form) != forms.end()) << row.text << " as " << row.form;
  }
}

TEST(DecodedText, WhatIsNoEscapeStays) {
  for (const std::string text :
       {"",    "a", "\\", "\\q", "\\u12", "\\u12x4",    "\\ud83d",  "\\ude00", "%",    "%4",       "%zz",
        "%C3", "&", "&;", "&#;", "&#x;",  "&#1114112;", "&nosuch;", "a+b",     "é€😀", "\xff\xfe", "\xc3"})
    EXPECT_EQ(forms_of(text), std::vector<std::string>{text});
  EXPECT_EQ(forms_of("\0"s), std::vector<std::string>{"\0"s});
}

TEST(DecodedText, KnowsWhereEachByteStood) {
  SeededRandom random(5);
  constexpr std::array<std::string_view, 14> kParts = {"a",     "\\\"", "\\\\", "\\u00e9", "%41",  "%25", "&amp;",
                                                       "&#65;", "é",    "😀",   "\xff",    "\xc3", "\"",  "\\ud83d\\ude00"};
  for (int i = 0; i < 2'000; ++i) {
    std::string text;
    std::array<unsigned char, 12> choices{};
    random.fill(choices.data(), choices.size());
    for (const unsigned char choice : choices) text += kParts[choice % kParts.size()];
    std::size_t steps = 0;
    for (const DecodedText& form : decoded_forms(text, steps)) {
      ASSERT_TRUE(form.from.size() == form.text.size() && form.to.size() == form.text.size());
      ASSERT_EQ(form.is_new.size(), form.text.size());
      EXPECT_TRUE(std::ranges::is_sorted(form.places));
      for (std::size_t at = 0; at < form.text.size(); ++at) {
        EXPECT_LT(form.from[at], form.to[at]);
        EXPECT_LE(form.to[at], text.size());
        EXPECT_GE(form.from[at], at > 0 ? form.from[at - 1] : 0U);
      }
    }
    EXPECT_LE(steps, 8 * text.size());
  }
}

}  // namespace

}  // namespace granary
