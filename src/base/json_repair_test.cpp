// What a damaged answer would say were it whole.
#include "base/json_repair.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace granary {

namespace {

using std::string_literals::operator""s;

TEST(JsonRepair, MendsWhatIsDamaged) {
  struct Row {
    std::string damaged, mended;
  };
  const Row rows[] = {
      {R"({"a":1})", R"({"a":1})"},
      {"\xEF\xBB\xBF{\"a\":1}", R"({"a":1})"},
      {R"({"a":1} and more)", R"({"a":1})"},
      {R"()]}', {"a":{"b":[1]}})", R"({"a":{"b":[1]}})"},
      {"{\"a\":\"x\xE9y\"}", "{\"a\":\"x\xEF\xBF\xBDy\"}"},
      {"{\"a\":\"\xC3\xA9\"}", "{\"a\":\"\xC3\xA9\"}"},
      {"{\"a\":\"\xC3\"}", "{\"a\":\"\xEF\xBF\xBD\"}"},
      {"{\"a\":\"x\0y\"}"s, R"({"a":"x\u0000y"})"},
      {"{\"a\":\0 1}"s, R"({"a": 1})"},
      {"{\"a\":\"line\nbreak\"}", R"({"a":"line\u000abreak"})"},
      {R"({"a":"\ud83d"})", "{\"a\":\"\xEF\xBF\xBD\"}"},
      {R"({"a":"\ude00"})", "{\"a\":\"\xEF\xBF\xBD\"}"},
      {R"({"a":"\ud83d\ude00"})", R"({"a":"\ud83d\ude00"})"},
      {R"({"a":"\ud83dx"})", "{\"a\":\"\xEF\xBF\xBDx\"}"},
      {R"({"a":"\'"})", R"({"a":"'"})"},
      {R"({"a":"}"})", R"({"a":"}"})"},
      {R"({"a":"\""})", R"({"a":"\""})"},
      {"", ""},
      {"no object", ""},
      {"[1]", ""},
  };
  for (const Row& row : rows) EXPECT_EQ(repair_json(row.damaged), row.mended) << row.damaged;
}

TEST(JsonRepair, ReadsUtf16WithItsMark) {
  const std::string text = R"({"a":"b"})";
  std::string little = "\xFF\xFE", big = "\xFE\xFF";
  for (const char c : text) {
    little += c;
    little += '\0';
    big += '\0';
    big += c;
  }
  EXPECT_EQ(repair_json(little), text);
  EXPECT_EQ(repair_json(big), text);
}

TEST(JsonRepair, TheLastOfTwoKeysCounts) {
  const auto json = Json::parse_damaged(R"({"a":1,"b":2,"a":3,"c":{"d":4,"d":5}})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->dump(), R"({"b":2,"a":3,"c":{"d":5}})");
  EXPECT_EQ(Json::parse_damaged("{\"a\":\"x\0y\"}"s)->find_string("a"), "x\0y"s);
  for (const char* hopeless : {"", "{", "{a:1}", R"({"a":})", R"({"a":1)", R"({"a":1,})"})
    EXPECT_FALSE(Json::parse_damaged(hopeless)) << hopeless;
}

TEST(JsonRepair, AStringIsFoundInWhatIsNoJsonAtAll) {
  struct Row {
    std::string text, found;
  };
  const Row rows[] = {
      {R"({"token":"one","x":)", "one"},
      {R"({"token":"one","token" : "two","x":)", "two"},
      {R"({"token":"one","token":"tw)", "one"},
      {R"({"token":"o\u006ee",)", "one"},
      {R"({"token":"a\"b",)", "a\"b"},
      {R"({"token":"a\)", ""},
      {R"({"token":1,)", ""},
      {R"({"token":["one"],)", ""},
      {R"({"my_token":"one",)", ""},
      {R"("token")", ""},
      {"", ""},
  };
  for (const Row& row : rows) EXPECT_EQ(find_string_in_damaged(row.text, "token"), row.found) << row.text;
}

}  // namespace

}  // namespace granary
