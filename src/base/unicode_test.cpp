#include "base/unicode.hpp"

#include <gtest/gtest.h>

namespace granary {

TEST(Unicode, OneFormForAllSpellings) {
  struct Row {
    std::string text, composed;
  };
  const Row rows[] = {
      {"", ""},
      {"Farm", "Farm"},
      {"Gen\u00e8ve", "Gen\u00e8ve"},
      {"Gene\u0300ve", "Gen\u00e8ve"},
      {"\u1112\u1161\u11ab", "\ud55c"},
      {"\u212b", "\u00c5"},
      {"\ufb01", "\ufb01"},  // a ligature is no spelling of its letters
      {std::string("a\0b", 3), std::string("a\0b", 3)},
      {"\xE9", "\xE9"},
  };
  for (const Row& row : rows) EXPECT_EQ(to_nfc(row.text), row.composed) << row.text;
}

}  // namespace granary
