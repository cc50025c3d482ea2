// What the search for secrets of the past takes for a hostile body, in counted steps: the same on every machine.
// DISABLED_Measured prints it with the time, for docs/performance.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "base/encoding.hpp"
#include "provider/past_secrets_fixture.hpp"
#include "provider/redaction.hpp"

namespace granary {

namespace {

constexpr std::size_t kText = 64 * 1024;

std::string repeated(std::string_view part, std::size_t size) {
  std::string out;
  while (out.size() < size) out += part;
  out.resize(size);
  return out;
}

// Different at each place, so that no digest is made twice: `size` bytes of words with `between` them.
std::string different(std::size_t word, std::string_view between, std::size_t size) {
  std::string out;
  for (std::uint64_t number = 1; out.size() < size; ++number) {
    std::string text = to_hex(std::string(1, static_cast<char>(number))) + std::to_string(number * 2'654'435'761U);
    out += repeated(text, word);
    out += between;
  }
  out.resize(size);
  return out;
}

struct Body {
  std::string what, text;
  bool is_too_costly = false;
};

std::string list_of_fields(std::size_t size) {
  std::string out = "[";
  for (int i = 0; out.size() < size; ++i)
    out += R"({"id":")" + std::to_string(48'000 + i * 17) + R"(","name":"North field )" + std::to_string(i) +
           R"(","url":"https:\/\/api.example\/fields\/)" + std::to_string(i) + R"(","area":{"value":17.5,"unit":"ha"}},)";
  out.resize(size);
  return out;
}

std::vector<Body> bodies(std::size_t size) {
  return {
      {"an ordinary list of fields", list_of_fields(size)},
      {"one letter", repeated("a", size)},
      {"blanks", repeated(" ", size)},
      {"quotes", repeated("\"", size)},
      {"backslashes", repeated("\\", size)},
      {"backslashes and quotes", repeated("\\\\\\\"", size)},
      {"percent signs", repeated("%", size)},
      {"%2525252525", repeated("%2525252525", size)},
      {"&amp;amp;amp;", repeated("&amp;amp;amp;", size)},
      {"pluses", repeated("+", size)},
      {"equals signs", repeated("=", size)},
      {"bytes that are no text", repeated("\xff", size)},
      {"\\u0061 again and again", repeated("\\u0061", size)},
      {"all three escapes", repeated("\\u0061%61&#97;", size)},
      {"all three escapes and quotes", repeated("a\\\"b%22c&quot;d%5c%5c%22&amp;quot;", size), size == kText},
      {"escaped ends of runs", repeated("%26%3D%22", size)},
      {"base64 of text", repeated(to_base64("user:password is here, "), size), size == kText},
      {"hex of text", repeated(to_hex("user:password is here, "), size)},
      {"short words, each different", different(7, " ", size), size == kText},
      {"short words with quotes", different(7, "\",\"", size)},
      {"words of 16", different(16, " ", size)},
      {"words of 40", different(40, ",", size)},
      {"words and escapes", different(9, "%20\\n", size), size == kText},
      {"words of base64", different(12, "=", size), size == kText},
  };
}

struct Cost {
  std::size_t steps;
  double milliseconds;
  bool is_too_costly;
};

Cost cost_of(const std::string& body) {
  static const PastSecrets past = [] {
    std::vector<std::string> secrets;
    for (int i = 0; i < 4096; ++i) secrets.push_back("spent token " + std::to_string(i));
    return past_of(secrets);
  }();
  const std::clock_t begun = std::clock();
  const Found found = find_past_secrets(body, past, false);
  const std::clock_t ended = std::clock();
  return {.steps = found.steps,
          .milliseconds = 1e3 * static_cast<double>(ended - begun) / CLOCKS_PER_SEC,
          .is_too_costly = found.searched < body.size()};
}

// What the last run may take beyond the limit: it is as long as the text, and tried in several ways.
constexpr std::size_t kLastRun = 16 * kText;

TEST(PastSecretsCost, IsBoundedAndGrowsWithTheText) {
  const auto whole = bodies(kText), half = bodies(kText / 2);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const Cost cost = cost_of(whole[i].text);
    EXPECT_EQ(cost.is_too_costly, whole[i].is_too_costly) << whole[i].what << " " << cost.steps;
    EXPECT_LE(cost.steps, kPastStepsMax + kLastRun) << whole[i].what;
    if (!cost.is_too_costly) EXPECT_LE(cost.steps, 2.2 * static_cast<double>(cost_of(half[i].text).steps)) << whole[i].what;
  }
}

TEST(PastSecretsCost, WhatIsTooCostlyIsNotKept) {
  const PastSecrets past = past_of({"old-token-1"});
  const std::string out = Redactor({}, &past).redact_body(different(7, " ", kText - 20) + " old-token-1 ");
  EXPECT_TRUE(out.ends_with(kTooCostly));
  EXPECT_FALSE(out.contains("old-token-1"));
  EXPECT_GT(out.size(), kText / 8) << "what was searched stays";
  EXPECT_EQ(Redactor({}, &past).redact_body("old-token-1 " + different(7, " ", kText)).substr(0, 11), "[redacted] ");
}

TEST(PastSecretsCost, WhatIsKeptEndsWithAWholeCharacter) {
  const PastSecrets past = past_of({"old-token-1"});
  for (std::size_t shift = 0; shift < 22; ++shift) {
    const std::string text = std::string(shift, 'x') + different(9, "%20\\n €€ ", kText);
    const std::string out = Redactor({}, &past).redact_body(whole_characters(text, kText));
    EXPECT_TRUE(out.ends_with(kTooCostly)) << shift;
    EXPECT_TRUE(is_utf8(out)) << shift;
  }
}

// ./build/release/unit_tests --gtest_also_run_disabled_tests --gtest_filter=PastSecretsCost.DISABLED_Measured
TEST(PastSecretsCost, DISABLED_Measured) {
  for (const Body& body : bodies(kText)) {
    std::vector<double> times;
    for (int i = 0; i < 9; ++i) times.push_back(cost_of(body.text).milliseconds);
    std::ranges::sort(times);
    const Cost cost = cost_of(body.text);
    std::printf("| %s | %zu | %.1f | %s |\n", body.what.c_str(), cost.steps, times[times.size() / 2],
                cost.is_too_costly ? "too costly" : "");
  }
}

}  // namespace

}  // namespace granary
