// A provider's base URL: its parts and its origin, to which credentials are bound; everything doubtful is refused.
#include "base/url.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

using std::string_literals::operator""s;

TEST(Url, Parts) {
  const struct {
    const char* text;
    const char* host;
    int port;
    const char* path;
    const char* origin;
  } rows[] = {
      {"https://a.example", "a.example", 443, "", "https://a.example"},
      {"https://a.example/", "a.example", 443, "", "https://a.example"},
      {"https://A.Example:443", "a.example", 443, "", "https://a.example"},
      {"http://a.example:80/x/", "a.example", 80, "/x", "http://a.example"},
      {"http://a.example:443", "a.example", 443, "", "http://a.example:443"},
      {"https://a.example:80", "a.example", 80, "", "https://a.example:80"},
      {"http://127.0.0.1:9001/api/v1", "127.0.0.1", 9001, "/api/v1", "http://127.0.0.1:9001"},
      {"http://[::1]:8080/x", "::1", 8080, "/x", "http://[::1]:8080"},
      {"https://[2001:DB8::1]", "2001:db8::1", 443, "", "https://[2001:db8::1]"},
      {"https://a.example//", "a.example", 443, "", "https://a.example"},
      {"https://a.example:65535", "a.example", 65535, "", "https://a.example:65535"},
  };
  for (const auto& row : rows) {
    const auto url = Url::parse(row.text);
    ASSERT_TRUE(url) << row.text;
    EXPECT_EQ(url->host, row.host) << row.text;
    EXPECT_EQ(url->port, row.port) << row.text;
    EXPECT_EQ(url->path, row.path) << row.text;
    EXPECT_EQ(url->origin(), row.origin) << row.text;
    EXPECT_EQ(url->text(), std::string(row.origin) + row.path) << row.text;
  }
}

TEST(Url, OriginsDifferInSchemeHostAndPort) {
  const std::string origin = Url::parse("https://a.example/x").value().origin();
  for (const char* same : {"https://a.example", "https://a.example:443/y", "https://A.EXAMPLE"})
    EXPECT_EQ(Url::parse(same).value().origin(), origin) << same;
  for (const char* other :
       {"http://a.example", "https://b.example", "https://a.example:444", "https://a.example.", "https://x.a.example"})
    EXPECT_NE(Url::parse(other).value().origin(), origin) << other;
}

TEST(Url, Refuses) {
  const std::string rows[] = {
      "",
      "a.example",
      "//a.example",
      "/x",
      "ftp://a.example",
      "file:///etc/passwd",
      "https:/a.example",
      "https:a.example",
      "https://",
      "https:///x",
      "https://:443",
      "https://user@a.example",
      "https://user:word@a.example",
      "https://a.example@b.example",
      "https://a.example?x=1",
      "https://a.example/?x=1",
      "https://a.example/x?y",
      "https://a.example#x",
      "https://a.example/x#y",
      "https://a.example:",
      "https://a.example:0",
      "https://a.example:65536",
      "https://a.example:-1",
      "https://a.example:+1",
      "https://a.example:80x",
      "https://a.example:8080:1",
      "https://a example",
      "https://a.example/x y",
      " https://a.example",
      "https://a.example ",
      "https://a.example/\n",
      "https://a.example/\r\nX: y",
      "https://a.example\0.b"s,
      "https://a.example/\0"s,
      "https://a.example\\x",
      "https://a.example/\\x",
      "https://a%2eexample",
      "https://a,b",
      "https://b\xc3\xbc"
      "cher.example",
      "https://a.example/\xc3\xa9",
      "https://[::1",
      "https://[]",
      "https://[::1]x",
      "https://[::1]80",
      "https://[a.example]",
      "https://[127.0.0.1]",
      "https://[::::]",
      "https://[2001:db8]",
      "https://[fe80::1%25eth0]",
      "https://::1",
  };
  for (const auto& text : rows) EXPECT_FALSE(Url::parse(text)) << text;
}

}  // namespace

}  // namespace granary
