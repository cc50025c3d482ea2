// What counts as JSON from outside (docs/api.md, "Limits"), and that what is written is read back as the same.
#include "base/json.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace granary {

namespace {

using std::string_literals::operator""s;

struct Row {
  const char* name;
  std::string text;
};

std::string nested(std::size_t depth, std::string_view open, std::string_view inside, std::string_view close) {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) out += open;
  out += inside;
  for (std::size_t i = 0; i < depth; ++i) out += close;
  return out;
}

const std::vector<Row> kRefused = {
    {"empty", ""},
    {"blank", "  \n"},
    {"words", "hello"},
    {"byte order mark", "\xEF\xBB\xBF{}"},
    {"two values", "{} {}"},
    {"rubbish after", "{}x"},
    {"NUL after", "{}\0"s},
    {"unclosed object", R"({"a":1)"},
    {"unclosed array", "[1"},
    {"unclosed string", R"({"a":"b)"},
    {"comma at the end of an object", R"({"a":1,})"},
    {"comma at the end of an array", "[1,]"},
    {"comma alone", "[,]"},
    {"missing colon", R"({"a" 1})"},
    {"number as key", "{1:2}"},
    {"single quotes", "{'a':1}"},
    {"comment", "{/*x*/}"},
    {"capital literal", "[True]"},
    {"NaN", "[NaN]"},
    {"Infinity", "[Infinity]"},
    {"leading zero", "[01]"},
    {"plus sign", "[+1]"},
    {"bare point", "[.5]"},
    {"point at the end", "[1.]"},
    {"bare exponent", "[1e]"},
    {"hexadecimal", "[0x10]"},
    {"number no double holds", "[1e400]"},
    {"negative number no double holds", "[-1e400]"},
    {"tab in a string", "[\"a\tb\"]"},
    {"line break in a string", "[\"a\nb\"]"},
    {"unknown escape", R"(["\x41"])"},
    {"short unicode escape", R"(["\u12"])"},
    {"NUL in a string", "[\"a\0b\"]"s},
    {"escaped NUL in a string", R"({"a":"x\u0000y"})"},
    {"escaped NUL in a key", R"({"a\u0000":1})"},
    {"lone high surrogate", R"(["\ud83d"])"},
    {"lone high surrogate before text", R"(["\ud83dx"])"},
    {"lone low surrogate", R"(["\ude00"])"},
    {"surrogates in the wrong order", R"(["\ude00\ud83d"])"},
    {"two high surrogates", R"(["\ud83d\ud83d"])"},
    {"lone surrogate in a key", R"({"\ud83d":1})"},
    {"bad UTF-8", "[\"\xff\"]"},
    {"cut UTF-8", "[\"\xe2\x82\"]"},
    {"overlong UTF-8", "[\"\xc0\xaf\"]"},
    {"surrogate in UTF-8", "[\"\xed\xa0\xbd\"]"},
    {"bad UTF-8 in a key", "{\"\xff\":1}"},
    {"a key twice", R"({"a":1,"a":2})"},
    {"a key twice, apart", R"({"a":1,"b":2,"a":1})"},
    {"a key twice, once escaped", R"({"a":1,"\u0061":2})"},
    {"a key twice, below", R"({"x":{"a":1,"a":2}})"},
    {"a key twice, in an array", R"([[{"a":1,"a":2}]])"},
    {"the empty key twice", R"({"":1,"":2})"},
    {"33 arrays", nested(33, "[", "", "]")},
    {"33 objects", nested(32, R"({"a":)", "{}", "}")},
    {"a hundred thousand arrays", nested(100'000, "[", "", "]")},
};

TEST(Json, HasSoManyValues) {
  const auto array_of = [](std::size_t count) {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "0" : ",0";
    return text + "]";
  };
  EXPECT_TRUE(Json::parse(array_of(kJsonValuesMax - 1))) << "with the array itself";
  EXPECT_FALSE(Json::parse(array_of(kJsonValuesMax)));
  EXPECT_FALSE(Json::parse("{\"a\": " + array_of(kJsonValuesMax - 1) + "}"));
}

TEST(JsonParse, Refuses) {
  for (const Row& row : kRefused) EXPECT_FALSE(Json::parse(row.text)) << row.name;
}

// Text that is accepted, and how it is written again.
struct Accepted {
  const char* name;
  std::string text;
  std::string written;
};

const std::vector<Accepted> kAccepted = {
    {"empty object", "{}", "{}"},
    {"empty array", " [ ] ", "[]"},
    {"order is kept", R"({"b":1,"a":2,"c":{"z":null,"y":[]}})", R"({"b":1,"a":2,"c":{"z":null,"y":[]}})"},
    {"literals", "[true,false,null]", "[true,false,null]"},
    {"a string alone", R"("x")", R"("x")"},
    {"escapes", R"(["\"\\\/\b\f\n\r\t\u001f"])", R"(["\"\\/\b\f\n\r\t\u001f"])"},
    {"a pair of surrogates", R"(["\ud83d\ude00"])", "[\"\xF0\x9F\x98\x80\"]"},
    {"keys that differ in case", R"({"a":1,"A":2})", R"({"a":1,"A":2})"},
    {"one key at two levels", R"({"a":{"a":1}})", R"({"a":{"a":1}})"},
    {"the largest signed number", "[9223372036854775807]", "[9223372036854775807]"},
    {"the smallest signed number", "[-9223372036854775808]", "[-9223372036854775808]"},
    {"the largest unsigned number", "[18446744073709551615]", "[18446744073709551615]"},
    {"a fraction", "[0.1]", "[0.1]"},
    {"32 arrays", nested(32, "[", "", "]"), nested(32, "[", "", "]")},
    {"32 objects", nested(31, R"({"a":)", "{}", "}"), nested(31, R"({"a":)", "{}", "}")},
};

TEST(JsonParse, AcceptsAndWritesBack) {
  for (const Accepted& row : kAccepted) {
    const auto parsed = Json::parse(row.text);
    ASSERT_TRUE(parsed) << row.name;
    EXPECT_EQ(parsed->dump(), row.written) << row.name;
    EXPECT_EQ(Json::parse(parsed->dump()), parsed) << row.name;
  }
}

TEST(JsonParse, ReadsNothingBehindTheText) {
  const std::string text = R"({"a":1}{"b":2})";
  EXPECT_TRUE(Json::parse(std::string_view(text).substr(0, 7)));
  EXPECT_FALSE(Json::parse(std::string_view(text).substr(0, 6)));
}

TEST(JsonValue, WholeNumbersOnlyAreIntegers) {
  const struct {
    const char* text;
    std::optional<std::int64_t> whole;
  } rows[] = {
      {"1", 1},
      {"-7", -7},
      {"1.0", 1},
      {"1e3", 1000},
      {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
      {"9223372036854775808", std::nullopt},
      {"1.5", std::nullopt},
      {"1e300", std::nullopt},
      {"\"1\"", std::nullopt},
      {"true", std::nullopt},
      {"null", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(Json::parse(row.text).value().integer(), row.whole) << row.text;
}

TEST(JsonValue, NoTypeIsReadAsAnother) {
  const struct {
    const char* text;
    bool is_string, is_object, is_array, is_bool, is_number, is_null;
  } rows[] = {
      {"\"\"", true, false, false, false, false, false}, {"{}", false, true, false, false, false, false},
      {"[]", false, false, true, false, false, false},   {"false", false, false, false, true, false, false},
      {"0", false, false, false, false, true, false},    {"18446744073709551615", false, false, false, false, true, false},
      {"0.5", false, false, false, false, true, false},  {"null", false, false, false, false, false, true},
  };
  for (const auto& row : rows) {
    const Json value = Json::parse(row.text).value();
    EXPECT_EQ(value.is_string(), row.is_string) << row.text;
    EXPECT_EQ(value.string() != nullptr, row.is_string) << row.text;
    EXPECT_EQ(value.is_object(), row.is_object) << row.text;
    EXPECT_EQ(value.is_array(), row.is_array) << row.text;
    EXPECT_EQ(value.is_bool(), row.is_bool) << row.text;
    EXPECT_EQ(value.boolean().has_value(), row.is_bool) << row.text;
    EXPECT_EQ(value.is_number(), row.is_number) << row.text;
    EXPECT_EQ(value.number().has_value(), row.is_number) << row.text;
    EXPECT_EQ(value.is_null(), row.is_null) << row.text;
    EXPECT_EQ(value.find("a"), nullptr) << row.text;
  }
}

TEST(JsonValue, Pointers) {
  const Json tree = Json::parse(R"({"a":{"b":[10,{"c":"d"}]},"":1})").value();
  const struct {
    const char* pointer;
    const char* found;  // null: nothing is there
  } rows[] = {
      {"/a/b/0", "10"},      {"/a/b/1/c", "\"d\""}, {"/", "1"},           {"/a/b/2", nullptr}, {"/a/b/-1", nullptr},
      {"/a/b/1x", nullptr},  {"/a/b/", nullptr},    {"/a/x", nullptr},    {"a", nullptr},      {"/a/b/1/c/d", nullptr},
      {"/a/b/0/0", nullptr}, {"/A", nullptr},       {"/a/b/ 0", nullptr},
  };
  for (const auto& row : rows) {
    const Json* found = tree.at_pointer(row.pointer);
    ASSERT_EQ(found != nullptr, row.found != nullptr) << row.pointer;
    if (found) EXPECT_EQ(found->dump(), row.found) << row.pointer;
  }
  EXPECT_EQ(tree.at_pointer(""), &tree);
}

TEST(JsonValue, SetReplacesInPlaceOrAppends) {
  Json value;
  value.set("a", 1);
  value.set("b", "x");
  value.set("a", Json());
  EXPECT_EQ(value.dump(), R"({"a":null,"b":"x"})");
  EXPECT_EQ(value.find_string("b"), "x");
  EXPECT_EQ(value.find_string("a"), std::nullopt) << "null is no string";
  EXPECT_EQ(value.find_string("c"), std::nullopt);
}

TEST(JsonWrite, EscapesWhatJsonMustAndNothingElse) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'a', static_cast<char>(c), 'b'};
    std::string out;
    append_json_string(out, text);
    const bool escaped = c < 0x20 || c == '"' || c == '\\';
    EXPECT_EQ(out == "\"" + text + "\"", !escaped) << c;
    if (c == 0 || c >= 0x80) continue;
    const auto back = Json::parse(out);
    ASSERT_TRUE(back && back->string()) << c;
    EXPECT_EQ(*back->string(), text) << c;
  }
}

TEST(JsonWrite, WriterSeparatesEveryValueOnce) {
  std::string out = "[";
  JsonWriter writer(out);
  writer.begin_object().field("a", "x").field("b", std::optional<std::string>()).key("c").begin_array().number(-5).boolean(true);
  writer.null().begin_object().end_object().begin_array().end_array().end_array().key("d").raw("{\"e\":1}").end_object();
  writer.begin_object().end_object().string("z");
  EXPECT_EQ(out + "]", R"([{"a":"x","b":null,"c":[-5,true,null,{},[]],"d":{"e":1}},{},"z"])");
}

}  // namespace

}  // namespace granary
