// What the redaction of a hostile body takes, in counted steps: the same on every machine. DISABLED_Measured prints it with the
// time, for docs/performance.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <tuple>

#include "base/encoding.hpp"
#include "provider/redaction.hpp"
#include "provider/secret_search.hpp"

namespace granary {

namespace {

constexpr std::size_t kText = 64 * 1024;
constexpr std::size_t kToken = 64 * 1024;
// As many different ones as a credential can have: six of stored fields, a PUT's and those before it, and six of an answer.
constexpr std::size_t kSecretsMost = 24;

std::string repeated(std::string_view part, std::size_t size) {
  std::string out;
  out.reserve(size + part.size());
  while (out.size() < size) out += part;
  out.resize(size);
  return out;
}

// Different secrets that agree in all but their last character.
std::vector<std::string> most(std::string_view part, std::size_t size) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < kSecretsMost; ++i) out.push_back(repeated(part, size - 1) + static_cast<char>('A' + i));
  return out;
}

enum class Ends { searched, too_costly };

struct Attack {
  std::string what;
  std::vector<std::string> secrets;
  std::string part;  // the body is made of it
  Ends ends = Ends::searched;
};

std::vector<Attack> escapes_and_secrets() {
  const std::string backslashes(kToken, '\\');
  return {
      {"backslashes; a token of 21", {std::string(21, '\\')}, "\\"},
      {"backslashes; a token of 20 and a letter", {std::string(20, '\\') + "x"}, "\\"},
      {"backslashes; a token of 64 KiB of them", {backslashes}, "\\", Ends::too_costly},
      {"backslashes; 24 tokens of 64 KiB of them", most("\\", kToken), "\\", Ends::too_costly},
      {"backslashes and a letter; a token of both", {repeated("\\n", 21)}, "\\\\\\\\\\\\\\\\\\\\n"},
      {"\\u0061 again and again; a token of a", {repeated("a", kToken)}, "\\u0061", Ends::too_costly},
      {"\\\\u005c again and again; a token of backslashes", {backslashes}, "\\\\u005c", Ends::too_costly},
      {"\\u005c\\u005cn; a token of backslashes and n", {repeated("\\n", kToken)}, "\\u005c\\u005cn", Ends::too_costly},
      {"high surrogates and backslashes", {repeated("\U0001F600", 64)}, "\\ud83d\\\\\\\\\\\\\\\\"},
      {"&amp;amp;amp; and the like", {repeated("&amp;", kToken)}, "&amp;amp;amp;", Ends::too_costly},
      {"& alone", {repeated("&", kToken)}, "&"},
      {"& and eleven letters", {"secret-one"}, "&abcdefghijk"},
      {"names of HTML", {repeated("\xcf\x91", kToken)}, "&thetasym;", Ends::too_costly},
      {"names of HTML, nearly", {"secret-one"}, "&nv;"},
      {"%2525252525", {repeated("%25", kToken)}, "%2525252525"},
      {"percent signs", {repeated("%", kToken)}, "%"},
      {"%E2%82%E2%82, never a character", {repeated("\xE2\x82\xAC", kToken)}, "%E2%82"},
      {"pluses; a token of blanks and pluses", {repeated(" +", kToken)}, "+"},
      {"%2B, pluses twice escaped", {repeated(" +", kToken)}, "%252B", Ends::too_costly},
      {"aaaa; a token of aaaa and b", {repeated("a", kToken - 1) + "b"}, "a", Ends::too_costly},
      {"aaaa and x; a token of aaaa and b", {repeated("a", kToken - 1) + "b"}, repeated("a", 63) + "x"},
      {"aaaa and x in hex", {repeated("a", kToken - 1) + "b"}, to_hex(repeated("a", 100) + "x"), Ends::too_costly},
      {"aaaa and x in base64", {repeated("a", kToken - 1) + "b"}, to_base64(repeated("a", 101) + "x"), Ends::too_costly},
      {"aaaa in base64, broken at each letter", {repeated("a", kToken)}, "Y\nW\nF\nh\n", Ends::too_costly},
      {"aaaa and 1,000 blanks in base64",
       {repeated("a", kToken - 1) + "b"},
       to_base64(repeated("a", 12)) + repeated(" ", 1'000),
       Ends::too_costly},
      {"aaaa and many \\n in base64",
       {repeated("a", kToken - 1) + "b"},
       to_base64(repeated("a", 12)) + repeated("\\n", 4'000),
       Ends::too_costly},
      {"blanks behind one beginning, 24 tokens", most("a", kToken), to_base64(repeated("a", 12)) + repeated(" ", kText),
       Ends::too_costly},
      {"blanks, half of them behind 24 beginnings", most("a", 400), to_base64(repeated("a", 300)) + repeated("\\r\\n", kText / 2),
       Ends::too_costly},
      {"zeros, blanks and colons; a token of them in hex", {std::string(kToken, '\0')}, "0 : ", Ends::too_costly},
      {"pluses; a token of them in base64", {repeated("\xfb\xef\xbe", kToken)}, "+", Ends::too_costly},
      {"pluses; 24 tokens of them in base64", most("\xfb\xef\xbe", kToken), "+", Ends::too_costly},
      {"pluses and %20; a token of them in base64", {repeated("\xfb\xef\xbe", kToken)}, "+%2B%20", Ends::too_costly},
      {"blanks alone", {"secret-one"}, "%0A\\n &#10;"},
      {"one letter of four bytes, and others", {repeated("\U0001F600\U0001F601", kToken)}, "\U0001F600"},
      {"24 tokens with one beginning", most("a", kToken), "a", Ends::too_costly},
      {"24 tokens with one beginning, escaped", most("\\", 64), "\\\\\\\\\\\\\\\\\\\\\\\\n", Ends::too_costly},
      {"24 tokens with one beginning, percent", most("%", 64), "%25"},
      {"24 passwords, an ordinary body", most("correct horse battery staple ", 40),
       R"({"id":17,"name":"North field","ok":true},)"},
      {"24 passwords, a body of escapes", most("correct horse battery staple ", 40), R"(\"\n)"},
  };
}

std::vector<Attack> names_and_characters() {
  std::vector<Attack> out = {
      {"names: =", {}, "="},
      {"names: long ones and =", {}, "_________________________________________________token="},
      {"names: >", {}, "<key>"},
      {"names: quotes", {}, "\""},
      {"names: escaped", {}, R"("\u0061\u006bey":)"},
      {"names: nested braces", {}, R"("key":{"key":[)"},
      {"names: blanks", {}, "\"key\"                                                                "},
      {"bytes that are no text", {repeated("a", 64)}, "\xff"},
  };
  std::string many;
  for (char32_t c = 0x4e00; many.size() < kText; ++c)
    many += {static_cast<char>(0xe0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 63)), static_cast<char>(0x80 | (c & 63))};
  std::string pages;  // of 256 characters each, as symbols are kept
  for (char32_t c = 0x10000; c < 0x110000; c += 0x101)
    pages += {static_cast<char>(0xf0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 63)),
              static_cast<char>(0x80 | ((c >> 6) & 63)), static_cast<char>(0x80 | (c & 63))};
  out.push_back({"characters as far apart as can be", {pages}, pages});
  out.push_back({"20,000 different characters", {many}, many});
  out.push_back(
      {"20,000 different characters, 24 tokens with one beginning", most(many, many.size() + 1), many, Ends::too_costly});
  out.push_back({"20,000 different characters, escaped", most(many, 63 * 3 + 1), "\\u4e00\\u4e01" + many});
  return out;
}

std::vector<Attack> attacks() {
  std::vector<Attack> all = escapes_and_secrets();
  std::ranges::move(names_and_characters(), std::back_inserter(all));
  return all;
}

std::vector<Plaintext> plain(const std::vector<std::string>& values) {
  std::vector<Plaintext> out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

std::vector<const Plaintext*> pointers_to(const std::vector<Plaintext>& secrets) {
  std::vector<const Plaintext*> out;
  for (const auto& secret : secrets) out.push_back(&secret);
  return out;
}

struct Cost {
  std::size_t steps;
  double milliseconds;
  bool is_too_costly;
};

Cost cost_of(const Attack& attack, std::size_t size) {
  const auto secrets = plain(attack.secrets);
  const auto pointers = pointers_to(secrets);
  const std::string body = repeated(attack.part, size);
  const std::clock_t begun = std::clock();
  Redactor redactor(pointers);
  const std::string out = redactor.redact_body(body);
  const std::clock_t ended = std::clock();
  return {.steps = redactor.steps(),
          .milliseconds = 1e3 * static_cast<double>(ended - begun) / CLOCKS_PER_SEC,
          .is_too_costly = out.contains(kTooCostly)};
}

// Of what is not searched for: reading the text three times, looking at its names.
constexpr std::size_t kOtherSteps = 8 * kText;

TEST(RedactionCost, GrowsWithTheTextAndTheSecrets) {
  for (const Attack& attack : attacks()) {
    const Cost whole = cost_of(attack, kText), half = cost_of(attack, kText / 2);
    EXPECT_EQ(whole.is_too_costly, attack.ends == Ends::too_costly) << attack.what;
    EXPECT_LE(whole.steps, kScanStepsMax + kFollowStepsMax + kOtherSteps) << attack.what;
    if (whole.is_too_costly) continue;
    EXPECT_LE(whole.steps, kText * (8 + 6 * attack.secrets.size())) << attack.what;
    EXPECT_LE(whole.steps, 2.1 * static_cast<double>(half.steps)) << attack.what;
  }
}

TEST(RedactionCost, OfHeadersIsThatOfATextOfThem) {
  const auto secrets = plain(most("a", 64));
  for (const auto& [name, value, count] :
       {std::tuple("a", "b", 20'000), {"a", "=", 20'000}, {"cookie", "a", 5'000}, {"\\", "\\", 9'000}}) {
    Redactor redactor(pointers_to(secrets));
    const std::vector<std::pair<std::string, std::string>> headers(count, {name, value});
    EXPECT_LE(redactor.redact_headers(headers).size(), kText / 4);
    EXPECT_LE(redactor.steps(), kText / 4 * (8 + 6 * secrets.size())) << name;
  }
}

// ./build/release/unit_tests --gtest_also_run_disabled_tests --gtest_filter=RedactionCost.DISABLED_Measured
TEST(RedactionCost, DISABLED_Measured) {
  for (const Attack& attack : attacks()) {
    std::vector<double> times;
    for (int i = 0; i < 9; ++i) times.push_back(cost_of(attack, kText).milliseconds);
    std::ranges::sort(times);
    const Cost cost = cost_of(attack, kText);
    std::printf("| %s | %zu | %.1f | %s |\n", attack.what.c_str(), cost.steps, times[times.size() / 2],
                cost.is_too_costly ? "too costly" : "");
  }
}

}  // namespace

}  // namespace granary
