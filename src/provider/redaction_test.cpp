// No secret is left in what is kept of an exchange, in any encoding of docs/api.md, "Events"; and what is no secret
// stays as it was.
#include "provider/redaction.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace granary {

namespace {

using std::string_literals::operator""s;

std::vector<Plaintext> secrets_of(const std::vector<std::string>& values) {
  std::vector<Plaintext> out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

std::string redact(const std::vector<std::string>& values, std::string_view body, bool is_cut = false) {
  const auto secrets = secrets_of(values);
  std::vector<const Plaintext*> pointers;
  for (const auto& secret : secrets) pointers.push_back(&secret);
  return Redactor(pointers).redact_body(body, is_cut);
}
std::string redact_cut(const std::vector<std::string>& values, std::string_view body) { return redact(values, body, true); }

std::string redact_header(const std::vector<std::string>& values, const std::string& name, const std::string& value) {
  const auto secrets = secrets_of(values);
  std::vector<const Plaintext*> pointers;
  for (const auto& secret : secrets) pointers.push_back(&secret);
  return Redactor(pointers).redact_headers({{name, value}});
}

std::string percent_all(std::string_view text, bool is_upper) {
  std::string hex = to_hex(text), out;
  for (std::size_t i = 0; i < hex.size(); i += 2) out += "%" + hex.substr(i, 2);
  if (is_upper)
    for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 32 : c);
  return out;
}

// Every form of one secret; all of them must go.
struct Form {
  const char* what;
  std::string secret, form;
};

TEST(Redaction, EveryEncodingGoes) {
  const std::string s = "pa ss\"w<o>r&d'/\\é€😀\n+%";
  const Form forms[] = {
      {"raw", s, s},
      {"JSON", s, R"(pa ss\"w<o>r&d'/\\é€😀\n+%)"},
      {"JSON, ASCII only", s, R"(pa ss\"w<o>r&d'/\\\u00e9\u20ac\ud83d\ude00\n+%)"},
      {"JSON, capital hex", s, R"(pa ss\"w<o>r&d'/\\\u00E9\u20AC\uD83D\uDE00\n+%)"},
      {"JSON, slash and angle escaped", s, R"(pa ss\u0022w\u003co\u003er\u0026d\u0027\/\u005cé€😀\u000a+%)"},
      {"JSON, twice", s, R"(pa ss\\\"w<o>r&d'/\\\\é€😀\\n+%)"},
      {"JSON, twice, ASCII only", s, R"(pa ss\\\"w<o>r&d'/\\\\\\u00e9\\u20ac\\ud83d\\ude00\\n+%)"},
      {"HTML", s, "pa ss&quot;w&lt;o&gt;r&amp;d&#39;/\\é€😀\n+%"},
      {"HTML, hex", s, "pa ss&#x22;w&#x3c;o&#x3E;r&#38;d&#x27;/\\&#xe9;&#8364;&#x1F600;\n+%"},
      {"HTML, apos", s, "pa ss&quot;w&lt;o&gt;r&amp;d&apos;/\\é€😀\n+%"},
      {"HTML, leading zeros", s, "pa ss&#034;w&#060;o&#062;r&#038;d&#039;&#047;&#092;é€😀\n+%"},
      {"percent", s, percent_encode(s)},
      {"percent, everything", s, percent_all(s, true)},
      {"percent, lower case", s, percent_all(s, false)},
      {"form", s, "pa+ss%22w%3Co%3Er%26d%27%2F%5C%C3%A9%E2%82%AC%F0%9F%98%80%0A%2B%25"},
      {"hex", s, to_hex(s)},
      {"base64", s, to_base64(s)},
      {"base64url", s, to_base64url(s)},
      {"plain letters in hex", "abcdef", "616263646566"},
      {"hex in capitals", "jklmno", "6A6B6C6D6E6F"},
  };
  for (const Form& form : forms) {
    const std::string body = "before " + form.form + " after";
    const std::string out = redact({form.secret}, body);
    EXPECT_TRUE(out.starts_with("before ") && out.ends_with(" after")) << form.what << ": " << out;
    EXPECT_NE(out.find(kRedacted), std::string::npos) << form.what << ": " << out;
    // At both ends of what is left there may be characters of base64 that the neighbours share; nothing else.
    EXPECT_LE(out.size(), "before  after"s.size() + kRedacted.size() + 4) << form.what << ": " << out;
    EXPECT_NE(redact_header({form.secret}, "X-Echo", form.form).find(kRedacted), std::string::npos) << form.what;
  }
}

TEST(Redaction, Base64AtEveryOffset) {
  for (const std::string& secret : {"sec-45"s, "tok?>>>~en"s, "a-rather-long-refresh-token-0123456789"s, "é€üÿñµ"s})
    for (std::size_t before = 0; before < 7; ++before)
      for (std::size_t after = 0; after < 4; ++after) {
        const std::string text = std::string(before, 'u') + secret + std::string(after, ':');
        for (const std::string& form : {to_base64(text), to_base64url(text)}) {
          const std::string out = redact({secret}, "[" + form + "]");
          EXPECT_NE(out.find(kRedacted), std::string::npos) << before << " " << after << " " << form;
          // What is left holds less of the secret than two of its characters.
          EXPECT_LE(out.size(), 2 + kRedacted.size() + (before * 8 + 5) / 6 + (after * 8 + 11) / 6 + 4) << out;
        }
      }
}

// A provider echoes a secret, and the connection ends in the middle of it.
TEST(Redaction, WhatIsCutInTheMiddleGoesToo) {
  const std::string secret = "pa ss\"w<o>é-0123456789";
  for (const std::string& form :
       {secret, percent_encode(secret), "pa ss\\\"w\\u003co\\u003e\\u00e9-0123456789"s, "pa ss&quot;w&lt;o&gt;&#xe9;-0123456789"s,
        to_hex(secret), to_base64(secret), to_base64url(secret)})
    for (std::size_t size = 0; size <= form.size(); ++size) {
      const std::string out = redact_cut({secret}, "before " + form.substr(0, size));
      // What is left is too short to be told from other text.
      EXPECT_LE(out.size(), "before "s.size() + 36) << out;
      if (size >= 36) EXPECT_EQ(out.substr(0, "before [redacted]"s.size()), "before [redacted]") << form.substr(0, size);
    }
  EXPECT_EQ(redact_cut({"secret-one"}, "it ends in secre"), "it ends in secre");
  EXPECT_EQ(redact_cut({"secret-one"}, "it ends in secret-"), "it ends in [redacted]");
  EXPECT_EQ(redact_cut({"secret-one"}, "it ends in secret-x"), "it ends in secret-x");
  EXPECT_EQ(redact_cut({"secret-one"}, "it ends in secret-%"), "it ends in [redacted]");
  // Bytes of half a character are shown as so many U+FFFD.
  for (const char* half : {"\uFFFD", "\uFFFD\uFFFD", "\uFFFD\uFFFD\uFFFD"})
    EXPECT_EQ(redact_cut({"secret-\U0001F33E"}, "it ends in secret-"s + half), "it ends in [redacted]");
  EXPECT_EQ(redact_cut({"secret-one"}, "it ends in secret-\uFFFD\uFFFD\uFFFD\uFFFD"),
            "it ends in secret-\uFFFD\uFFFD\uFFFD\uFFFD");
}

// A provider that gives a token and a body made of its beginning: each byte of that begins a match as long as the token.
TEST(Redaction, AHostileBodyTakesNoLonger) {
  const std::string part(64, 'a');
  EXPECT_LT(redact({std::string(64 * 1024 - 1, 'a') + "b"}, std::string(1024 * 1024, 'a')).size(), 1'000);
  EXPECT_EQ(redact({part + "bcd"}, "of " + part + " too much"), "of [redacted] too much");
  EXPECT_EQ(redact({part + "bcd"}, "of " + part.substr(1) + " too little"), "of " + part.substr(1) + " too little");
}

TEST(Redaction, BasicAuthorizationInABody) {
  const std::string out = redact({"private-key-77"}, "you sent Basic " + to_base64("public:private-key-77"));
  EXPECT_EQ(out.find("cml2YXRl"), std::string::npos) << out;
}

TEST(Redaction, EverySecretEverywhere) {
  EXPECT_EQ(redact({"secret-one", "secret-two"}, "secret-one,secret-two,secret-one"), "[redacted],[redacted],[redacted]");
  EXPECT_EQ(redact({"secret-one"}, "secret-onesecret-one"), "[redacted][redacted]");
  EXPECT_EQ(redact({"aaaaaaaa"}, "aaaaaaaaaaaa"), "[redacted]aaaa");
  EXPECT_EQ(redact({"secret-one"}, "secret-onsecret-one"), "secret-on[redacted]");
  EXPECT_EQ(redact({}, "nothing"), "nothing");
}

TEST(Redaction, ASecretThatBeginsLikeAnotherLeavesNoRest) {
  // A token that was rotated may begin like the one before.
  for (const auto& order : {std::vector<std::string>{"token-abc", "token-abcdef-7"}, {"token-abcdef-7", "token-abc"}}) {
    EXPECT_EQ(redact(order, "token-abcdef-7"), "[redacted]");
    EXPECT_EQ(redact(order, "token-abc token-abcdef-7"), "[redacted] [redacted]");
  }
  EXPECT_EQ(redact({"def-7-rest", "token-abcdef-7-rest"}, "token-abcdef-7-rest"), "[redacted]");
}

TEST(Redaction, ShortSecretsByNameOnly) {
  for (const std::string& secret : {""s, "a"s, "grow"s, "12345"s, "äöüßé"s})
    EXPECT_EQ(redact({secret}, "it grows 12345 äöüßé"), "it grows 12345 äöüßé");
  EXPECT_EQ(redact({"123456"}, "it grows 123456"), "it grows [redacted]");
  EXPECT_EQ(redact({"12345"}, R"({"password":"12345","area":12345})"), R"({"password":"[redacted]","area":12345})");
}

TEST(Redaction, WhatIsNoSecretStays) {
  const std::string secret = "secret-one";
  for (const std::string& body :
       {"secret-on"s, "Secret-One"s, "secret one"s, "secret-0ne"s, "ecret-one"s, "\\"s, "&"s, "%"s, "&#;"s, "%2"s, "\\u00"s,
        R"({"username":"grower","status":"OK","count":3,"list":[1,2,{"a":null}]})"s,
        "<html><p class=\"x\">1 &lt; 2 &amp;&amp; 3 &gt; 2</p></html>"s, "a=b&c=d"s, "x > y and y < z"s, "100% \xff\xfe"s,
        R"({"token_type":"Bearer","keyboard":"x","sessions_open":2,"passwordHint":"dog"})"s})
    EXPECT_EQ(redact({secret}, body), body);
}

TEST(SensitiveNames, InAllSpellings) {
  for (const char* name : {"Authorization",
                           "PROXY-AUTHORIZATION",
                           "cookie",
                           "Set-Cookie",
                           "token",
                           "accessToken",
                           "access_token",
                           "ACCESS-TOKEN",
                           "a_c_c_e_s_s-t_o_k_e_n",
                           "password",
                           "Passwd",
                           "user_pwd",
                           "clientSecret",
                           "client_secret",
                           "key",
                           "apiKey",
                           "X-Api-Key",
                           "PRIVATE_KEY",
                           "SessionID",
                           "session_id",
                           "session",
                           "SessionLogKey",
                           "session-log-key",
                           "signature",
                           "X-SS-Signature",
                           "credential",
                           "aws_credential"})
    EXPECT_TRUE(is_sensitive_name(name)) << name;
  for (const char* name :
       {"", "tokens", "token_type", "keys", "keyword", "passwordHint", "sessionIdle", "username", "Content-Type", "credentials",
        "secrets", "cookies", "WWW-Authenticate", "tok en", "pass word", "-", "_"})
    EXPECT_FALSE(is_sensitive_name(name)) << name;
}

TEST(Redaction, JsonMembersByName) {
  struct Row {
    const char *body, *out;
  };
  const Row rows[] = {
      {R"({"access_token":"abc"})", R"({"access_token":"[redacted]"})"},
      {R"({ "accessToken" : "abc" , "a" : 1 })", R"({ "accessToken" : "[redacted]" , "a" : 1 })"},
      {R"({"a":{"b":[{"PASSWORD":"abc"}]}})", R"({"a":{"b":[{"PASSWORD":"[redacted]"}]}})"},
      {R"({"token":12345,"a":1})", R"({"token":"[redacted]","a":1})"},
      {R"({"token":true})", R"({"token":"[redacted]"})"},
      {R"({"token":null})", R"({"token":null})"},
      {R"({"session":{"id":"abc","x":[1,"}"]},"a":1})", R"({"session":"[redacted]","a":1})"},
      {R"({"key":["abc","d]e"],"a":1})", R"({"key":"[redacted]","a":1})"},
      {R"({"token":"a\"b\\","a":"b"})", R"({"token":"[redacted]","a":"b"})"},
      {R"({"token":"","a":"b"})", R"({"token":"[redacted]","a":"b"})"},
      {R"(["token","abc"])", R"(["token","abc"])"},
      {R"({"a":"token","b":"token: abc"})", R"({"a":"token","b":"token: abc"})"},
      {R"({"pass\u0077ord":"abc"})", R"({"pass\u0077ord":"[redacted]"})"},
      // Cut anywhere.
      {R"({"token":"ab)", R"({"token":"[redacted]")"},
      {R"({"token":"ab\)", R"({"token":"[redacted]")"},
      {R"({"token":{"id":"ab)", R"({"token":"[redacted]")"},
      {R"({"token":[1,2)", R"({"token":"[redacted]")"},
      {R"({"a":"x","token":12)", R"({"a":"x","token":"[redacted]")"},
      {R"({"token)", R"({"token)"},
  };
  for (const Row& row : rows) EXPECT_EQ(redact({}, row.body), row.out) << row.body;
}

TEST(Redaction, FormsQueriesCookiesAndElementsByName) {
  struct Row {
    const char *body, *out;
  };
  const Row rows[] = {
      {"access_token=abc&a=b", "access_token=[redacted]&a=b"},
      {"a=b&access_token=abc", "a=b&access_token=[redacted]"},
      {"https://a.example/x?api_key=abc#f", "https://a.example/x?api_key=[redacted]"},
      {"sessionid=abc; Path=/", "sessionid=[redacted]; Path=/"},
      {"<Password>abc</Password>", "<Password>[redacted]</Password>"},
      {"<a><SessionID>abc</SessionID><b>c</b></a>", "<a><SessionID>[redacted]</SessionID><b>c</b></a>"},
      {"token=", "token="},
      {"<token></token>", "<token></token>"},
      {"tokens=abc", "tokens=abc"},
      {"x = y", "x = y"},
  };
  for (const Row& row : rows) EXPECT_EQ(redact({}, row.body), row.out) << row.body;
}

TEST(Redaction, Headers) {
  struct Row {
    const char *name, *value, *out;
  };
  const Row rows[] = {
      {"Set-Cookie", "sid=abc; Path=/", "Set-Cookie: [redacted]"},
      {"Authorization", "Bearer abc", "Authorization: [redacted]"},
      {"X-Api-Key", "abc", "X-Api-Key: [redacted]"},
      {"X-SESSION-ID", "abc", "X-SESSION-ID: [redacted]"},
      {"Location", "https://a.example/?access_token=abc&x=y", "Location: https://a.example/?access_token=[redacted]&x=y"},
      {"X-Echo", "my secret-one here", "X-Echo: my [redacted] here"},
      {"secret-one", "x", "[redacted]: x"},
      {"Content-Type", "application/json", "Content-Type: application/json"},
      {"Date", "Thu, 15 Jan 2026 12:00:00 GMT", "Date: Thu, 15 Jan 2026 12:00:00 GMT"},
      {"X-Empty", "", "X-Empty: "},
  };
  for (const Row& row : rows) EXPECT_EQ(redact_header({"secret-one"}, row.name, row.value), row.out);
  EXPECT_EQ(Redactor({}).redact_headers({{"A", "b"}, {"Cookie", "c"}, {"D", "e"}}), "A: b\nCookie: [redacted]\nD: e");
  EXPECT_EQ(Redactor({}).redact_headers({}), "");
}

TEST(Redaction, AMegabyteOfBackslashesEnds) {
  const std::string body(1024 * 1024, '\\');
  EXPECT_EQ(redact({"secret-one"}, body), body);
}

}  // namespace

}  // namespace granary
