// What was a secret of the credential once is taken out of what is kept of an exchange, though only its digest is known; and
// what is no such secret stays as it was.
#include "provider/past_secrets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "base/seeded_random.hpp"
#include "provider/past_secrets_fixture.hpp"
#include "provider/redaction.hpp"

namespace granary {

namespace {

using std::string_literals::operator""s;

std::string redact(const std::vector<std::string>& past, std::string_view body, bool is_cut = false) {
  const PastSecrets secrets = past_of(past);
  return Redactor({}, &secrets).redact_body(body, is_cut);
}
std::string redact_header(const std::vector<std::string>& past, const std::string& name, const std::string& value) {
  const PastSecrets secrets = past_of(past);
  return Redactor({}, &secrets).redact_headers({{name, value}});
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}
std::string in_json(std::string text) {
  return replaced(replaced(replaced(std::move(text), "\\", "\\\\"), "\"", "\\\""), "\n", "\\n");
}
std::string in_html(std::string text) {
  return replaced(replaced(replaced(replaced(std::move(text), "&", "&amp;"), "\"", "&quot;"), "<", "&lt;"), "'", "&#39;");
}
std::string in_ascii(const std::string& text) { return replaced(in_json(text), "é", "\\u00e9"); }

struct Form {
  std::string what, text;
};
std::vector<Form> forms_of(const std::string& secret) {
  return {
      {"raw", secret},
      {"JSON", in_json(secret)},
      {"JSON in ASCII", in_ascii(secret)},
      {"JSON, slashes escaped", replaced(in_json(secret), "/", "\\/")},
      {"JSON in JSON", in_json(in_json(secret))},
      {"percent", percent_encode(secret)},
      {"percent in percent", percent_encode(percent_encode(secret))},
      {"form", replaced(percent_encode(secret), "%20", "+")},
      {"HTML", in_html(secret)},
      {"HTML in JSON", in_json(in_html(secret))},
      {"JSON in HTML", in_html(in_json(secret))},
      {"base64", to_base64(secret)},
      {"base64url", to_base64url(secret)},
      {"base64, percent", percent_encode(to_base64(secret))},
      {"base64 of user and secret", to_base64("user:" + secret)},
      {"base64 of a form", to_base64("a=b&c=" + secret)},
      {"hex", to_hex(secret)},
  };
}

// Where a form may stand. `#` is its place.
const char* const kPlaces[] = {
    "#",
    "\"#\"",
    R"({"value":"#"})",
    R"({"a":1,"value":"#","b":[2,3]})",
    R"({"list":["x","#","y"]})",
    "a=b&value=#&c=d",
    "value=#",
    "<a><value>#</value></a>",
    "<a value=\"#\"/>",
    "first line\n#\nlast line",
    "echo: #",
    "{'value': '#'}",
};

const std::string kSecrets[] = {
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_x",
    "0b9d4a4e-7c43-4c52-9f0a-3d5a7f4f1f10",
    "tokenA",
    "dG9rZW4rL3Rva2Vu+/8=",
    "p@ss!w0rd#1",
    "old horse battery",
    "pâssé mot",
    "it\\s \"quoted\" /x",
};

// Where the secret itself ends the place, a cut sees another run: nobody can tell `a\"b` in a raw string from its end.
bool is_ambiguous(const std::string& secret, const Form& form, std::string_view place) {
  const bool has_marks = secret.find_first_of("\"\\") != std::string::npos;
  const bool is_plain = form.what == "raw" || form.what == "form" || form.what.contains("HTML") ||
                        form.what.starts_with("JSON") || form.what == "base64 of a form";
  return has_marks && is_plain && !(form.what == "JSON" && place.contains("\"#\""));
}

TEST(PastSecrets, GoFromEveryPlaceInEveryForm) {
  for (const std::string& secret : kSecrets)
    for (const Form& form : forms_of(secret))
      for (const std::string place : kPlaces) {
        if (is_ambiguous(secret, form, place)) continue;
        const std::string out = redact({"another one", secret}, replaced(place, "#", form.text));
        EXPECT_EQ(out, replaced(place, "#", kRedacted)) << form.what << " in " << place << " of " << secret;
      }
}

TEST(PastSecrets, GoFromHeaders) {
  struct Row {
    const char *name, *value, *out;
  };
  const Row rows[] = {
      {"X-Echo", "old-token-1", "X-Echo: [redacted]"},
      {"X-Echo", "Bearer old-token-1", "X-Echo: Bearer [redacted]"},
      {"X-Echo", "old horse battery", "X-Echo: [redacted]"},
      {"X-Echo", "\"old horse battery\"", "X-Echo: \"[redacted]\""},
      {"Location", "https://a.example/cb/old-token-1?x=y", "Location: https://a.example/cb/[redacted]?x=y"},
      {"Location", "https://a.example/?t=old-token-1&x=y", "Location: https://a.example/?t=[redacted]&x=y"},
      {"Location", "/?t=old%20horse%20battery", "Location: /?t=[redacted]"},
      {"WWW-Authenticate", "Basic dXNlcjpvbGQgaG9yc2UgYmF0dGVyeQ==", "WWW-Authenticate: Basic [redacted]"},
      {"Link", "<https://a.example/old-token-1>; rel=next", "Link: <https://a.example/[redacted]>; rel=next"},
      {"X-Echo", "a=old-token-1; b=c", "X-Echo: a=[redacted]; b=c"},
      {"X-Echo", "old-token-1, old-token-1", "X-Echo: [redacted], [redacted]"},
  };
  for (const Row& row : rows) EXPECT_EQ(redact_header({"old-token-1", "old horse battery"}, row.name, row.value), row.out);
}

TEST(PastSecrets, WhatIsNoSecretStays) {
  const std::vector<std::string> past = {"old-token-1", "old horse battery", "abcdefgh", "short", "Correct1", "p@ss,word;1"};
  const std::string same[] = {
      "",
      "x",
      "old-token-2",
      "old-token-10",
      "xold-token-1",
      "Old-Token-1",
      "old-token",
      "old_token_1",
      "old-token-",
      "-token-1",
      "old horse",
      "horse battery",
      "old  horse battery",
      "old horse batteries",
      "an old horse battery here",  // in the middle of a sentence nobody can tell where it begins
      "short",                      // fewer than six characters
      "abcdefg",
      "abcdefghi",
      "correct1",
      "CORRECT1",
      "p@ss,word;",
      R"({"a":"old-token-2","b":[1,2,3]})",
      R"({"old":"token","n":1})",
      "old%2Dtoken%2D2",
      "b2xkLXRva2VuLTI=",
      "b2xkLXRva2VuLTE",  // that of old-token-1 less its last bits would be another
      "6f6c642d746f6b656e2d32",
      "&lt;old-token-2&gt;",
      "\\u006fld-token-2",
      "%",
      "%zz%4",
      "\\",
      "\\u12",
      "&;&#;&#x;&amp",
      "====",
      "++++++++",
      "\"\"\"\"\"\"\"",
      "<><><><>",
      "\xff\xfe\xfd\xfc\xfb\xfa",
      "\0\0\0\0\0\0\0\0"s,
      std::string(10'000, 'x'),
  };
  for (const std::string& body : same) {
    const bool is_whole_base64 = body == "b2xkLXRva2VuLTE";
    if (!is_whole_base64) EXPECT_EQ(redact(past, body), body);
    else EXPECT_EQ(redact(past, body), kRedacted) << "base64url has no padding";
  }
}

TEST(PastSecrets, GoFromWhateverStandsAroundThem) {
  SeededRandom random(11);
  constexpr std::array<std::string_view, 20> kParts = {"a", "\\", "\\\"", "%41",     "%",    "&amp;",  "&",
                                                       "+", "=",  "\"",   "\n",      ":",    "é",      "\xff",
                                                       "{", "}",  ",",    "\\u00e9", "YWJj", "\\ud83d"};
  const PastSecrets past = past_of({"old-token-1"});
  for (int i = 0; i < 5'000; ++i) {
    std::array<unsigned char, 16> choices{};
    random.fill(choices.data(), choices.size());
    std::string before, after;
    for (std::size_t at = 0; at < choices.size(); ++at) (at % 2 == 0 ? before : after) += kParts[choices[at] % kParts.size()];
    const std::string text = before + " old-token-1 " + after;
    const Found found = find_past_secrets(text, past, i % 2 == 0);
    ASSERT_EQ(found.searched, text.size());
    EXPECT_TRUE(std::ranges::is_sorted(found.ranges));
    for (const auto& [begin, end] : found.ranges) EXPECT_TRUE(begin < end && end <= text.size()) << text;
    const std::size_t place = before.size() + 1;
    EXPECT_TRUE(std::ranges::any_of(found.ranges, [&](const auto& range) {
      return range.first <= place && range.second >= place + 11;
    })) << text;
  }
}

TEST(PastSecrets, NoneCostNothing) {
  const std::string body = R"({"a":"old-token-1","b":"old horse battery"})";
  const PastSecrets none, empty({}, digest_for_test);
  for (const PastSecrets* past : {&none, &empty, static_cast<const PastSecrets*>(nullptr)}) {
    Redactor with({}, past), without({});
    EXPECT_EQ(with.redact_body(body), body);
    EXPECT_EQ(without.redact_body(body), body);
    EXPECT_EQ(with.steps(), without.steps());
  }
}

TEST(PastSecrets, BesidePresentOnes) {
  const Plaintext present(std::string("new-token-2"));
  const PastSecrets past = past_of({"old-token-1", "new-token-2 and more"});
  struct Row {
    const char *body, *out;
  };
  const Row rows[] = {
      {"old-token-1 new-token-2", "[redacted] [redacted]"},
      {"new-token-2/old-token-1", "[redacted]/[redacted]"},
      {"\"new-token-2 and more\"", "\"[redacted]\""},
      {R"({"token":"old-token-1","x":"old-token-1"})", R"({"token":"[redacted]","x":"[redacted]"})"},
      {"new-token-3", "new-token-3"},
  };
  for (const Row& row : rows) EXPECT_EQ(Redactor({&present}, &past).redact_body(row.body), row.out);
}

TEST(PastSecrets, ACutTextLosesItsLastRun) {
  const std::vector<std::string> past = {"old-token-1"};
  struct Row {
    std::string body, out;
  };
  const Row rows[] = {
      {"a old-tok", "a [redacted]"},
      {R"({"a":"old-to)", R"({"a":"[redacted])"},
      {"a old-t", "a old-t"},  // too short to be told
      {"a old-tok ", "a old-tok "},
      {"a b", "a b"},
      {"", ""},
      {std::string(10'000, 'x'), std::string(10'000, 'x')},  // no token is as long
  };
  for (const Row& row : rows) {
    EXPECT_EQ(redact(past, row.body, true), row.out) << row.body.substr(0, 20);
    EXPECT_EQ(redact(past, row.body), row.body) << row.body.substr(0, 20);
  }
}

}  // namespace

}  // namespace granary
