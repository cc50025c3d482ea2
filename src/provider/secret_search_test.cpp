// Every secret is found whatever encodings lie on each other, and nothing else is; what is searched is bounded by counted steps.
#include "provider/secret_search.hpp"

#include <gtest/gtest.h>

#include <array>

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "base/seeded_random.hpp"
#include "provider/escapes.hpp"

namespace granary {

namespace {

std::string redact(std::string_view text, const std::vector<std::string_view>& secrets, bool is_cut = false) {
  const Found found = find_secrets(text, secrets, is_cut);
  std::string out;
  std::size_t copied = 0;
  for (const auto& [begin, end] : found.ranges) {
    EXPECT_LE(copied, begin);
    EXPECT_LT(begin, end);
    out += std::string(text.substr(copied, begin - copied)) + "#";
    copied = end;
  }
  return out + std::string(text.substr(copied, found.searched - copied));
}

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out.substr(1, out.size() - 2);
}

// Each character by the same rule.
template <class Rule>
std::string each(std::string_view text, Rule rule) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t character = take_character(text, at);
    out += rule(character, text.substr(begin, at - begin));
  }
  return out;
}

std::string unicode_escape(std::uint32_t unit) {
  const char bytes[] = {static_cast<char>(unit >> 8), static_cast<char>(unit)};
  return "\\u" + to_hex({bytes, 2});
}

std::string json_ascii(std::string_view text) {
  return each(text, [](char32_t c, std::string_view) {
    if (c < 0x10000) return unicode_escape(c);
    return unicode_escape(0xd800 + ((c - 0x10000) >> 10)) + unicode_escape(0xdc00 + ((c - 0x10000) & 0x3ff));
  });
}

std::string html(std::string_view text) {
  return each(text, [](char32_t c, std::string_view raw) {
    return c == '&' ? "&amp;" : c == '"' ? "&quot;" : c == '<' ? "&lt;" : c == '\'' ? "&#39;" : std::string(raw);
  });
}

std::string html_numbers(std::string_view text) {
  return each(text, [](char32_t c, std::string_view) { return "&#" + std::to_string(static_cast<std::uint32_t>(c)) + ";"; });
}

std::string form(std::string_view text) {
  return each(text, [](char32_t c, std::string_view raw) { return c == ' ' ? "+" : percent_encode(raw); });
}

using Encoding = std::string (*)(std::string_view);
constexpr std::array<Encoding, 6> kEncodings = {json, json_ascii, html, html_numbers, percent_encode, form};

// Text of what begins, ends and looks like an escape.
std::string hostile_text(SeededRandom& random, std::size_t parts) {
  constexpr std::array<std::string_view, 28> kParts = {"\\", "\\\\", "n",     "u",    "u0041", "\\u00", "0",  "4", "1", "\"",
                                                       "&",  "amp;", "quot;", "#39;", "%",     "%41",   "2",  "5", "+", " ",
                                                       "a",  "b",    "/",     "\n",   "é",     "€",     "😀", "<"};
  std::string out;
  for (std::size_t i = 0; i < parts; ++i) out += kParts[random.below(kParts.size())];
  return out;
}

// As a provider may have it: up to three encodings, one in the other, or one for each character.
std::string encoded(SeededRandom& random, std::string secret) {
  if (random.below(3) == 0)
    return each(secret, [&](char32_t, std::string_view raw) {
      const auto way = random.below(kEncodings.size() + 1);
      return way < kEncodings.size() ? kEncodings[way](raw) : std::string(raw);
    });
  for (auto layers = random.below(4); layers > 0; --layers) secret = kEncodings[random.below(kEncodings.size())](secret);
  return secret;
}

TEST(SecretSearch, EveryChainOfEncodingsIsFound) {
  SeededRandom random(20261130);
  for (int i = 0; i < 20'000; ++i) {
    const std::string secret = hostile_text(random, 6 + random.below(i % 50 == 0 ? 200 : 12));
    const std::string form_of_it = encoded(random, secret);
    const std::string before = hostile_text(random, random.below(6)), after = hostile_text(random, random.below(6));
    const std::string out = redact(before + form_of_it + after, {secret});
    // The match may begin or end in what looks like a part of it.
    EXPECT_TRUE(out.contains('#') && !out.contains(form_of_it)) << secret << "\n" << before << form_of_it << after << "\n" << out;
    EXPECT_LE(out.size(), before.size() + 1 + after.size()) << secret << "\n" << before << form_of_it << after << "\n" << out;
  }
}

TEST(SecretSearch, HexAndBase64AreFoundInOtherEncodings) {
  SeededRandom random(7);
  for (int i = 0; i < 3'000; ++i) {
    const std::string secret = hostile_text(random, 6 + random.below(80));
    const std::string around = random.bytes(random.below(4));
    for (std::string form_of_it : {to_hex(secret), to_base64(around + secret), to_base64url(around + secret)}) {
      for (auto layers = random.below(3); layers > 0; --layers)
        form_of_it = kEncodings[random.below(kEncodings.size())](form_of_it);
      if (random.below(2) == 0)
        form_of_it = each(form_of_it, [](char32_t c, std::string_view raw) { return c == '/' ? "\\/" : std::string(raw); });
      const std::string out = redact("[" + form_of_it + "]", {secret});
      EXPECT_TRUE(out.contains('#')) << secret << "\n" << form_of_it << "\n" << out;
    }
  }
}

// Lines of so many characters, as MIME, PEM and mail write them.
std::string broken(std::string_view text, std::size_t width, std::string_view line_end) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += width) {
    if (at > 0) out += line_end;
    out += text.substr(at, width);
  }
  return out;
}

TEST(SecretSearch, BrokenLinesOfBase64AndHexGoWhole) {
  SeededRandom random(76);
  for (int i = 0; i < 150; ++i) {
    std::string secret = hostile_text(random, 6 + random.below(i % 20 == 0 ? 1'000 : 80));
    while (secret.size() % 3 != 0) secret += "=";  // so that all of its base64 depends on it
    for (const std::string& form_of_it : {to_hex(secret), to_base64(secret), to_base64url(secret)})
      for (const std::size_t width : {76, 64, 60, 20, 3, 1})
        for (const std::string_view line_end : {"\n", "\r\n", "\r", "\n  ", "\r\n\t", "\n\n\n", " "}) {
          std::string text = broken(form_of_it, width, line_end);
          for (auto layers = random.below(3); layers > 0; --layers) text = kEncodings[random.below(kEncodings.size())](text);
          ASSERT_EQ(redact("[" + text + "]", {secret}), "[#]") << secret << "\n" << text;
        }
  }
}

TEST(SecretSearch, BreaksInBase64AndHex) {
  const std::string secret = "correct-horse?battery>staple~correct-horse?battery>staple~correct-horse?battery>staple";
  // The last two digits of base64 hold bits of what stands behind.
  const std::string plain = to_base64(secret + "."), url = to_base64url(secret + "."), hex = to_hex(secret);
  struct Row {
    const char* what;
    std::string text, out;
  };
  const std::string many(3'000, ' ');
  const Row rows[] = {
      {"Python's encodebytes", broken(plain, 76, "\n") + "\n", "#" + plain.substr(plain.size() - 2) + "\n"},
      {"PHP's chunk_split", broken(plain, 76, "\r\n") + "\r\n", "#" + plain.substr(plain.size() - 2) + "\r\n"},
      {"PEM", "-----BEGIN KEY-----\n" + broken(hex, 64, "\n") + "\n-----END KEY-----",
       "-----BEGIN KEY-----\n#\n-----END KEY-----"},
      {"a header, folded", broken(hex, 64, "\r\n\t "), "#"},
      {"JSON", R"({"a":")" + broken(hex, 76, R"(\n)") + R"("})", R"({"a":"#"})"},
      {"JSON, CRLF", R"({"a":")" + broken(hex, 76, R"(\r\n)") + R"("})", R"({"a":"#"})"},
      {"JSON, twice", R"({"a":")" + broken(hex, 76, R"(\\r\\n)") + R"("})", R"({"a":"#"})"},
      {"JSON, by number", R"({"a":")" + broken(hex, 76, R"(\u000d\u000A\t)") + R"("})", R"({"a":"#"})"},
      {"percent", "a=" + broken(hex, 76, "%0D%0A") + "&b", "a=#&b"},
      {"percent, small", "a=" + broken(hex, 76, "%0a") + "&b", "a=#&b"},
      {"form, blanks", "a=" + broken(hex, 4, "+") + "&b", "a=#&b"},
      {"HTML", "<p>" + broken(hex, 76, "&#13;&#10;") + "</p>", "<p>#</p>"},
      {"HTML, hexadecimal", "<p>" + broken(hex, 76, "&#xD;&#xA;") + "</p>", "<p>#</p>"},
      {"indented", broken(hex, 76, "\n\n  \t  "), "#"},
      {"far apart", broken(hex, 76, many), "#"},
      {"each alone", "<" + broken(hex, 1, "\n") + ">", "<#>"},
      {"base64url", broken(url, 64, "\n"), "#" + url.substr(url.size() - 2)},
      {"hex in groups", "<" + broken(hex, 2, " ") + ">", "<#>"},
      {"hex with colons", "<" + broken(hex, 2, ":") + ">", "<#>"},
      {"hex with hyphens", "<" + broken(hex, 2, "-") + ">", "<#>"},
      // Where no secret is, nothing goes: neither around it nor what only begins like it.
      {"blanks around", "a \n" + broken(hex, 76, "\n") + " \n b", "a \n# \n b"},
      {"blanks in the secret itself", "<" + broken(secret, 20, "\n") + ">", "<" + broken(secret, 20, "\n") + ">"},
      {"colons in base64", "<" + broken(plain, 8, ":") + ">", "<" + broken(plain, 8, ":") + ">"},
      {"too little", "<" + broken(plain.substr(0, 12), 4, "\n") + ">", "<" + broken(plain.substr(0, 12), 4, "\n") + ">"},
      {"another digit", "<" + broken(hex.substr(0, 14), 4, "\n") + "00>", "<" + broken(hex.substr(0, 14), 4, "\n") + "00>"},
      {"blanks alone", many, many},
  };
  for (const Row& row : rows) EXPECT_EQ(redact(row.text, {secret}), row.out) << row.what;
  // In other bytes at each offset, and cut in the middle.
  for (std::size_t before = 0; before < 4; ++before) {
    const std::string text = broken(to_base64(std::string(before, '.') + secret), 20, R"(\r\n)");
    EXPECT_LE(redact(text, {secret}).size(), 1 + (before * 8 + 5) / 6 + 4) << text;
    for (std::size_t size = 40; size < text.size(); ++size)
      EXPECT_LE(redact(text.substr(0, size), {secret}, true).size(), 1 + (before * 8 + 5) / 6 + 2) << text.substr(0, size);
  }
}

TEST(SecretSearch, TextWithoutTheSecretIsUnchanged) {
  SeededRandom random(3);
  for (int i = 0; i < 5'000; ++i) {
    // A letter that no text here has and no escape means.
    const std::string secret = hostile_text(random, 3) + "Q" + hostile_text(random, 6);
    const std::string text = encoded(random, hostile_text(random, 60));
    EXPECT_EQ(find_secrets(text, {secret}, false).ranges.size(), 0) << secret << "\n" << text;
  }
}

TEST(SecretSearch, LayersOfEncodings) {
  struct Row {
    const char *secret, *text, *out;
  };
  const Row rows[] = {
      {R"(a"b"c"d)", R"(<a&amp;quot;b&amp;quot;c&amp;quot;d>)", "<#>"},
      {R"(a"b"c"d)", R"(<a%255C%2522b%5C%22c%22d>)", "<#>"},
      {R"(a"b"c"d)", R"(<a\\u0026quot;b\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"c\"d>)", "<#>"},
      {R"(a\b\c\d)", R"(<a\\b\\\\c\u005cd>)", "<#>"},
      {R"(a\b\c\d)", R"(<a%5C%5Cb&#92;&#92;c\u005c\u005cd>)", "<#>"},
      {R"(\\\\\\)", R"(<\\\\\\\\\\\\>)", "<#>"},
      {R"(\\\\\\)", R"(<\\\\\>)", R"(<\\\\\>)"},
      {"a\\\nb\\\nc", R"(<a\\\nb\\\\\\nc>)", "<#>"},
      {"secret\\", R"({"a":"secret\\\\"})", R"({"a":"#"})"},
      {"%41%42%43", "<%41%42%43 %2541%2542%2543 ABC>", "<# # ABC>"},
      {"&amp;&amp;", "<&amp;&amp; &amp;amp;&amp;amp; &&>", "<# # &&>"},
      {"a b c d", "<a+b%2Bc%20d>", "<#>"},
      {"a+b+c+d", "<a+b%2Bc%252Bd>", "<#>"},
      {"secret-\U0001F33E", R"(<secret-\ud83c\udf3e secret-\\ud83c\\udf3e>)", "<# #>"},
      {"secret-\U0001F33E", R"(<secret-\ud83cudf3e>)", R"(<secret-\ud83cudf3e>)"},
  };
  for (const Row& row : rows) EXPECT_EQ(redact(row.text, {row.secret}), row.out) << row.text;
}

TEST(SecretSearch, NamesOfHtmlAreRead) {
  struct Row {
    const char *secret, *text, *out;
  };
  const Row rows[] = {
      {"éÿ€éÿ€", "<&eacute;&yuml;&euro;&eacute;&yuml;&euro;>", "<#>"},
      {"Élan-vital", "<&Eacute;lan-vital>", "<#>"},
      {"Élan-vital", "<&eacute;lan-vital>", "<&eacute;lan-vital>"},
      {"Größe-77", "<Gr&ouml;&szlig;e-77 Gr&#246;&#xDF;e-77 Größe-77>", "<# # #>"},
      {"Größe-77", "<Gr&amp;ouml;&amp;amp;szlig;e-77>", "<#>"},
      {"Größe-77", R"(<Gr\u0026ouml;%26szlig;e-77>)", "<#>"},
      {"a\u00a0b£c§d©e", "<a&nbsp;b&pound;c&sect;d&copy;e>", "<#>"},
      {"“quoted”–‘…’", "<&ldquo;quoted&rdquo;&ndash;&lsquo;&hellip;&rsquo;>", "<#>"},
      {"αω-ΑΩ-ϑϒϖ", "<&alpha;&omega;-&Alpha;&Omega;-&thetasym;&upsih;&piv;>", "<#>"},
      {"½²∴♥⇔\u200c", "<&frac12;&sup2;&there4;&hearts;&hArr;&zwnj;>", "<#>"},
      {"Æ'AElig\"&<>", "<&AElig;&apos;AElig&quot;&amp;&lt;&gt;>", "<#>"},
      // The first and the last of the table, and what is nearly in it.
      {"secret-ÆŸ\u200d\u200c", "<secret-&AElig;&Yuml;&zwj;&zwnj;>", "<#>"},
      {"secret-é", "<secret-&eacut; secret-&eacutes; secret-&A; secret-&zz; secret-&; secret-&eacute>",
       "<secret-&eacut; secret-&eacutes; secret-&A; secret-&zz; secret-&; secret-&eacute>"},
      // A secret may be made of such names itself.
      {"&eacute;&yuml;", "<&eacute;&yuml; &amp;eacute;&amp;yuml; éÿ>", "<# # éÿ>"},
  };
  for (const Row& row : rows) EXPECT_EQ(redact(row.text, {row.secret}), row.out) << row.text;
  EXPECT_EQ(redact("it ends in secret-&thetasy", {"secret-\u03d1"}, true), "it ends in #");
}

// Only the beginning is searched for; the rest of a long one is followed where that is found.
TEST(SecretSearch, LongSecretsGoWhole) {
  SeededRandom random(5);
  for (int i = 0; i < 300; ++i) {
    const std::string secret = hostile_text(random, 60 + random.below(2'000));
    EXPECT_EQ(redact("<" + secret + ">", {secret}), "<#>");
    EXPECT_EQ(redact("<" + json(secret) + ">", {secret}), "<#>") << secret;
    EXPECT_EQ(redact("<" + percent_encode(secret) + ">", {secret}), "<#>");
    EXPECT_EQ(redact("<" + to_hex(secret) + ">", {secret}), "<#>");
    EXPECT_LE(redact("<" + to_base64(secret) + ">", {secret}).size(), 3 + 4) << secret;
    EXPECT_EQ(redact("<" + json(secret + "x"), {secret + "xyz"}, true), "<#");
  }
}

TEST(SecretSearch, ASecretThatBeginsWithinAnothersBeginningIsFound) {
  const std::string letters(64, 'a');
  EXPECT_EQ(redact("<aa" + letters + "-and-the-rest>", {letters + "-and-the-rest"}), "<#>");
  EXPECT_EQ(redact("<" + to_hex("aaaaaaaaaa-and-the-rest") + ">", {"aaaaaaaa-and-the-rest"}), "<#>");
}

TEST(SecretSearch, WhatOverlapsIsOneRange) {
  EXPECT_EQ(redact("token-abcdef-7-rest", {"token-abc", "abcdef", "def-7-rest"}), "#");
  EXPECT_EQ(redact("secret-onesecret-two", {"secret-one", "secret-two"}), "##");
}

TEST(SecretSearch, BytesThatAreNoTextAreOnlyThemselves) {
  EXPECT_EQ(redact("<secret\xff\xfe%FF>", {"secret\xff\xfe"}), "<#%FF>");
  EXPECT_EQ(redact("<secret\xff\xfd>", {"secret\xff\xfe"}), "<secret\xff\xfd>");
  EXPECT_EQ(redact("\xf0\x9f", {"secret"}), "\xf0\x9f");
  EXPECT_EQ(redact("%F4%90%80%80&#x110000;\\udc00\\ud800", {"secret"}), "%F4%90%80%80&#x110000;\\udc00\\ud800");
}

TEST(SecretSearch, WhatIsTooCostlyIsNotSearchedAndNotKept) {
  std::vector<std::string> values;
  for (int i = 100; i < 500; ++i) values.push_back("secret-" + std::to_string(i));
  const std::vector<std::string_view> secrets(values.begin(), values.end());
  const std::string text = "secret-499 " + std::string(64 * 1024, '.') + "secret-100";
  const Found found = find_secrets(text, secrets, false);
  EXPECT_LT(found.searched, text.size() / 4);
  EXPECT_GT(found.searched, 5'000);
  EXPECT_LE(found.steps, kScanStepsMax + 20 * text.size());
  EXPECT_TRUE(redact(text, secrets).starts_with("# ..."));
  // Cut in the middle of a secret by that, it leaves no half either.
  for (std::size_t before = found.searched - 12; before < found.searched; ++before) {
    const std::string cut = redact(std::string(before, '.') + "secret-250" + std::string(64 * 1024, '.'), secrets);
    EXPECT_FALSE(cut.contains("secret")) << before;
  }
}

}  // namespace

}  // namespace granary
