// Requests filled from templates: each value is encoded for the place it stands in, and no value can leave its place.
#include "provider/request_template.hpp"

#include "provider/flow_fixture.hpp"

namespace granary {

namespace {

// Quotes, separators of every place, line breaks, braces, and text that is no ASCII.
const std::string kNasty = "a\"\\ b&c=d?e#f/g%h+i{user}\r\nX-Evil: 1;é";
const std::string kNastyEncoded = "a%22%5C%20b%26c%3Dd%3Fe%23f%2Fg%25h%2Bi%7Buser%7D%0D%0AX-Evil%3A%201%3B%C3%A9";

http::OutboundRequest fill(const std::string& text, const std::string& user = kNasty,
                           const std::string& base = "https://a.example/base") {
  const auto parsed = RequestTemplate::parse(json(text), {"user", "other"});
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().detail);
  if (!parsed) return {};
  return parsed->fill(*Url::parse(base),
                      [&](std::string_view name) { return name == "user" ? std::string_view(user) : std::string_view(); });
}

std::string header_of(const http::OutboundRequest& request, std::string_view name) {
  std::string out = "(none)";
  for (const auto& [known, value] : request.headers)
    if (known == name) out = value;
  return out;
}

TEST(RequestTemplate, EncodesForEachPlace) {
  EXPECT_EQ(fill("{'path':'/u/{user}/x'}").url, "https://a.example/base/u/" + kNastyEncoded + "/x");
  EXPECT_EQ(fill("{'path':'/u','query':{'q':'{user}','a b':'c d'}}").url,
            "https://a.example/base/u?q=" + kNastyEncoded + "&a%20b=c d");
  EXPECT_EQ(fill("{'path':'/u','form':{'f':'{user}','g':'-{user}-'}}").body, "f=" + kNastyEncoded + "&g=-" + kNastyEncoded + "-");
  const auto body = Json::parse(fill("{'path':'/u','json':{'a':'{user}','b':['x{user}y',1,null,true,{'c':'{user}'}]}}").body);
  ASSERT_TRUE(body);
  EXPECT_EQ(*body->at_pointer("/a"), Json(kNasty));
  EXPECT_EQ(*body->at_pointer("/b/0"), Json("x" + kNasty + "y"));
  EXPECT_EQ(*body->at_pointer("/b/1"), Json(1));
  EXPECT_EQ(*body->at_pointer("/b/4/c"), Json(kNasty));
}

TEST(RequestTemplate, AValueCannotAddAHeader) {
  for (const char* value : {"x\r\nEvil: 1", "x\nEvil: 1", "x\rEvil: 1", "\r\n\r\nGET / HTTP/1.1", "x\0y", "a\tb", "\x7f"}) {
    const auto request = fill("{'path':'/u','headers':{'X-User':'<{user}>'}}", value);
    const std::string header = header_of(request, "X-User");
    EXPECT_EQ(header.find_first_of("\r\n"), std::string::npos) << header;
    EXPECT_TRUE(header.starts_with('<') && header.ends_with('>')) << header;
    EXPECT_EQ(request.headers.size(), 2U);
  }
  EXPECT_EQ(header_of(fill("{'path':'/u','headers':{'X-User':'{user}'}}", "é \"'"), "X-User"), "é \"'");
}

TEST(RequestTemplate, ContentTypeFollowsTheBody) {
  struct Row {
    const char *text, *type, *method;
  };
  const Row rows[] = {
      {"{'path':'/u'}", "(none)", "POST"},
      {"{'path':'/u','method':'GET'}", "(none)", "GET"},
      {"{'path':'/u','json':{}}", "application/json", "POST"},
      {"{'path':'/u','json':null}", "(none)", "POST"},
      {"{'path':'/u','form':{'a':'b'}}", "application/x-www-form-urlencoded", "POST"},
      {"{'path':'/u','method':'PUT','json':[1]}", "application/json", "PUT"},
  };
  for (const Row& row : rows) {
    const auto request = fill(row.text);
    EXPECT_EQ(header_of(request, "Content-Type"), row.type) << row.text;
    EXPECT_EQ(header_of(request, "Accept"), "application/json");
    EXPECT_EQ(request.method, row.method) << row.text;
    EXPECT_EQ(request.body.empty(), std::string(row.type) == "(none)") << row.text;
  }
}

TEST(RequestTemplate, ValuesAreNotFilledTwice) {
  EXPECT_EQ(fill("{'path':'/','form':{'a':'{user}'}}", "{other}").body, "a=%7Bother%7D");
  EXPECT_EQ(Json::parse(fill("{'path':'/','json':{'a':'{user}'}}", "{user}").body)->find_string("a"), "{user}");
  EXPECT_EQ(Json::parse(fill("{'path':'/','json':{'a':'{user}{other}{user}'}}", "x").body)->find_string("a"), "xx");
  EXPECT_EQ(fill("{'path':''}", "x", "https://a.example").url, "https://a.example");
}

TEST(RequestTemplate, BracesThatNameNothingStay) {
  for (const char* text : {"{}", "{", "}", "{ user }", "{user", "{us-er}", "{{", "query($p:Int!){a(b:$p){c d}}"})
    EXPECT_EQ(
        fill_placeholders(
            text, [](std::string_view) { return std::string_view("x"); }, [](std::string_view v) { return std::string(v); }),
        text);
  EXPECT_EQ(placeholders_of("{a}{b_1} {a} {} {c d} {{e}}"), (std::vector<std::string>{"a", "b_1", "a", "e"}));
}

TEST(RequestTemplate, RefusesAndNames) {
  struct Row {
    const char *text, *named;
  };
  const Row rows[] = {
      {"'POST /u'", "object"},
      {"[]", "object"},
      {"{'path':'u'}", "path"},
      {"{'path':'/u?a=b'}", "path"},
      {"{'path':'/u#a'}", "path"},
      {"{'path':'/u a'}", "path"},
      {"{'path':'/u\\nX: y'}", "path"},
      {"{'path':'/{absent}'}", "absent"},
      {"{'method':'get'}", "method"},
      {"{'method':''}", "method"},
      {"{'method':'GET / HTTP/1.1\\r\\nX:'}", "method"},
      {"{'headers':[]}", "headers"},
      {"{'headers':{'a':1}}", "headers.a"},
      {"{'headers':{'a':'{absent}'}}", "absent"},
      {"{'query':'a=b'}", "query"},
      {"{'query':{'a':null}}", "query.a"},
      {"{'query':{'a':'{absent}'}}", "absent"},
      {"{'form':{'a':['{user}']}}", "form.a"},
      {"{'form':{'a':'{absent}'}}", "absent"},
      {"{'json':'{absent}'}", "absent"},
      {"{'json':{'a':[[{'b':'{absent}'}]]}}", "absent"},
      {"{'json':{},'form':{'a':'b'}}", "both"},
      {"{'url':'https://evil.example'}", "url"},
      {"{'Path':'/u'}", "Path"},
  };
  for (const Row& row : rows) {
    const auto parsed = RequestTemplate::parse(json(row.text), {"user"});
    ASSERT_FALSE(parsed) << row.text;
    EXPECT_NE(parsed.error().detail.find(row.named), std::string::npos) << row.text << ": " << parsed.error().detail;
  }
}

}  // namespace

}  // namespace granary
