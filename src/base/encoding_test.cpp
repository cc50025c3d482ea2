// Encodings against the vectors of RFC 4648 and RFC 3629, and the spellings that must be refused.
#include "base/encoding.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace granary {

namespace {

using std::string_literals::operator""s;

std::string every_byte() {
  std::string out;
  for (int c = 0; c < 256; ++c) out += static_cast<char>(c);
  return out;
}

TEST(Hex, ThereAndBack) {
  EXPECT_EQ(to_hex("\x00\x7f\x80\xff"s), "007f80ff");
  EXPECT_EQ(from_hex("007F80fF"), "\x00\x7f\x80\xff"s);
  EXPECT_EQ(from_hex(""), "");
  EXPECT_EQ(from_hex(to_hex(every_byte())), every_byte());
}

TEST(Hex, Refuses) {
  for (const std::string& text : {"0"s, "abc"s, "0g"s, "g0"s, "0x00"s, " 00"s, "00 "s, "0\0"s, "-1"s, "00:11"s, "\xc3\xa9"s})
    EXPECT_FALSE(from_hex(text)) << text;
}

TEST(Base64, Vectors) {
  const struct {
    std::string bytes, standard, url;
  } rows[] = {
      {"", "", ""},
      {"f", "Zg==", "Zg"},
      {"fo", "Zm8=", "Zm8"},
      {"foo", "Zm9v", "Zm9v"},
      {"foob", "Zm9vYg==", "Zm9vYg"},
      {"fooba", "Zm9vYmE=", "Zm9vYmE"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
      {"\xfb\xff\xbf", "+/+/", "-_-_"},
      {"\0\0"s, "AAA=", "AAA"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(to_base64(row.bytes), row.standard);
    EXPECT_EQ(to_base64url(row.bytes), row.url);
    EXPECT_EQ(from_base64(row.standard), row.bytes) << row.standard;
    EXPECT_EQ(from_base64(row.url), row.bytes) << row.url;
  }
  EXPECT_EQ(from_base64(to_base64(every_byte())), every_byte());
  EXPECT_EQ(from_base64(to_base64url(every_byte())), every_byte());
}

TEST(Base64, Refuses) {
  const std::vector<std::string> rows = {"Z",    "Zm9vY", "Zg=",  "Zm8==",    "Zm9v=", "Zm9v==", "Zg===",           "====",
                                         "=",    "==",    "Z=g=", "Zg==Zg==", "Zm 9v", "Zm9v\n", " Zm9v",           "Zm9v ",
                                         "Zm9*", "Zh==",  "Zm9=", "Zh",       "Zm9",   "Zm9\0"s, "\xc3\xa9\xc3\xa9"};
  for (const auto& text : rows) EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Percent, EncodesAllButUnreserved) {
  const std::string unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  EXPECT_EQ(percent_encode(unreserved), unreserved);
  EXPECT_EQ(percent_encode(" +/?&=%\xc3\xa9\n"), "%20%2B%2F%3F%26%3D%25%C3%A9%0A");
  EXPECT_EQ(percent_encode("\0"s), "%00");
  EXPECT_EQ(percent_decode(percent_encode(every_byte())), every_byte());
}

TEST(Percent, Decodes) {
  EXPECT_EQ(percent_decode("a%20b+c%2b"), "a b+c+");
  EXPECT_EQ(percent_decode("%41"), "A");
  EXPECT_EQ(percent_decode("%2541"), "%41") << "once, not twice";
  for (const char* text : {"%", "a%", "%4", "a%4", "%zz", "%4g", "%g4", "%%20", "%+1", "% 1", "%-1"})
    EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(Utf8, Accepts) {
  const struct {
    std::string text;
    std::size_t points;
  } rows[] = {
      {"", 0},
      {"abc", 3},
      {"\x7f", 1},
      {"\xc2\x80", 1},          // the least of two bytes
      {"\xdf\xbf", 1},          // the greatest
      {"\xe0\xa0\x80", 1},      // the least of three
      {"\xed\x9f\xbf", 1},      // below the surrogates
      {"\xee\x80\x80", 1},      // above them
      {"\xef\xbf\xbf", 1},      // the greatest of three
      {"\xf0\x90\x80\x80", 1},  // the least of four
      {"\xf4\x8f\xbf\xbf", 1},  // the greatest of all
      {"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", 5},
      {"e\xcc\x81", 2},  // a letter and its accent
      {"\0"s, 1},
  };
  for (const auto& row : rows) {
    EXPECT_TRUE(is_utf8(row.text)) << to_hex(row.text);
    EXPECT_EQ(count_code_points(row.text), row.points) << to_hex(row.text);
  }
}

TEST(Utf8, Refuses) {
  const char* rows[] = {
      "\x80",                      // a continuation alone
      "\xbf",                      //
      "a\x80",                     //
      "\xc3",                      // cut
      "\xc3(",                     // no continuation
      "\xc3\xc3",                  //
      "\xc0\x80",                  // overlong NUL
      "\xc1\xbf",                  // overlong in two
      "\xe0\x80\xaf",              // overlong in three
      "\xe0\x9f\xbf",              //
      "\xf0\x80\x80\xaf",          // overlong in four
      "\xf0\x8f\xbf\xbf",          //
      "\xed\xa0\x80",              // the first surrogate
      "\xed\xbf\xbf",              // the last
      "\xed\xa0\xbd\xed\xb8\x80",  // a pair of them
      "\xf4\x90\x80\x80",          // above U+10FFFF
      "\xf5\x80\x80\x80",          //
      "\xf8\x88\x80\x80\x80",      // five bytes
      "\xfe",                      //
      "\xff",                      //
      "\xe2\x82",                  // cut
      "\xf0\x9f\x98",              //
      "\xe2(\xa1",                 //
  };
  for (const char* text : rows) EXPECT_FALSE(is_utf8(text)) << to_hex(text);
  const std::string euro = "\xe2\x82\xac";
  EXPECT_FALSE(is_utf8(std::string_view(euro).substr(0, 2))) << "what lies behind the view does not count";
}

TEST(Text, CaseIsAsciiOnly) {
  EXPECT_EQ(to_lower(std::string_view("AZaz@[\xc3\x89")), "azaz@[\xc3\x89");
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "cONTENT-tYPE"));
  EXPECT_TRUE(equal_ignoring_case("", ""));
  for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{
           {"a", "b"}, {"a", "aa"}, {"aa", "a"}, {"", "a"}, {"@", "`"}, {"[", "{"}, {"\xc3\x89", "\xc3\xa9"}})
    EXPECT_FALSE(equal_ignoring_case(a, b)) << a << " " << b;
}

TEST(Text, TrimTakesTheEndsOnly) {
  EXPECT_EQ(trim(" \t\r\na b\n \t"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(" \t\r\n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(ShellWord, IsWhatItsShellReads) {
  const struct {
    const char *text, *word;
  } rows[] = {{"/var/lib/granary.db-wal", "/var/lib/granary.db-wal"},
              {"", "''"},
              {"a b", "'a b'"},
              {"$HOME;`x`", "'$HOME;`x`'"},
              {"it's", "'it'\\''s'"},
              {"\xc3\xa9", "'\xc3\xa9'"}};
  for (const auto& row : rows) EXPECT_EQ(shell_word(row.text), row.word);
}

}  // namespace

}  // namespace granary
