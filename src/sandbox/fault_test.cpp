#include "sandbox/fault.hpp"

#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

class SandboxFault : public SandboxTest {
 protected:
  static Json login_of(const Json& account) {
    return Json::Object{{"session", Json::Object{{"email", text(account, "/request/username")},
                                                 {"password", text(account, "/request/password")},
                                                 {"platform_id", "API"},
                                                 {"version_id", "1.0.0"}}}};
  }

  http::Response log_in(const Json& account) { return call(send_json("POST", "/sentera/v1/sessions", login_of(account))); }

  http::Response ask(const std::string& token) {
    return call(send_json("POST", "/sentera/graphql",
                          json("{'query':'{organizations(pagination:{page:1,page_size:1}){total_count}}'}"), "Bearer " + token));
  }

  http::Response refresh(const Json& account) {
    return call({.method = "POST",
                 .path = "/ag-leader/api/token",
                 .body = "grant_type=refresh_token&refresh_token=" + text(account, "/request/refreshToken"),
                 .content_type = "application/x-www-form-urlencoded",
                 .authorization =
                     "Basic " + to_base64(text(account, "/request/publicKey") + ":" + text(account, "/request/privateKey"))});
  }
};

TEST_F(SandboxFault, EachKindDoesWhatItSays) {
  struct Row {
    const char* fault;
    int status;
    http::Delivery delivery;
    const char *type, *in_body, *retry_after;
  };
  using enum http::Delivery;
  const char* const kJson = "application/json";
  const Row rows[] = {
      {"'refuse'", 401, whole, kJson, "Invalid email", ""},
      {"403", 403, whole, kJson, "Forbidden", ""},
      {"'408'", 408, whole, kJson, "", ""},
      {"429", 429, whole, kJson, "Too Many", "30"},
      {"429,'retryAfter':7", 429, whole, kJson, "", "7"},
      {"500", 500, whole, kJson, "", ""},
      {"502", 502, whole, "text/html; charset=utf-8", "<html>", ""},
      {"503", 503, whole, kJson, "", ""},
      {"503,'retryAfter':'Sun, 06 Nov 1994 08:49:37 GMT'", 503, whole, kJson, "", "Sun, 06 Nov 1994 08:49:37 GMT"},
      {"504", 504, whole, "text/html; charset=utf-8", "<html>", ""},
      {"'hang'", 200, hang, "", "", ""},
      {"'drip'", 200, drip, kJson, "auth_token", ""},
      {"'reset'", 200, reset, "", "", ""},
      {"'cut'", 200, cut, kJson, "auth_token", ""},
      {"'html'", 200, whole, "text/html; charset=utf-8", "<html>", ""},
      {"'broken-json'", 200, whole, kJson, "{\"status\"", ""},
      {"'invalid-client'", 401, whole, kJson, "invalid_client", ""},
      {"'grant-dead-elsewhere'", 403, whole, kJson, "INVALID_GRANT", ""},
      {"'slow-down'", 403, whole, kJson, "rate limit", ""},
      {"'bot-challenge'", 403, whole, "text/html; charset=utf-8", "<title>", ""},
      {"'gzip-unnamed'", 200, whole, kJson, "\x1f\x8b", ""},
      {"'zlib-misnamed'", 200, whole, kJson, "\x78", ""},
      {"'form-encoded'", 200, whole, "application/x-www-form-urlencoded", "auth_token=", ""},
      {"'called-html'", 200, whole, "text/html; charset=utf-8", "auth_token", ""},
      {"'damaged'", 200, whole, kJson, "\xE8", ""},
      {"'keys-twice'", 200, whole, kJson, "a-value-of-before", ""},
      {"'guarded'", 200, whole, kJson, ")]}',", ""},
      {"'tokens-in-500'", 500, whole, kJson, "auth_token", ""},
      {"'tokens-beside-error'", 200, whole, kJson, "server_error", ""},
      {"'tokens-renamed'", 200, whole, kJson, "authSecret", ""},
      {"'empty-json'", 200, whole, kJson, "{}", ""},
      {"'empty'", 200, whole, "", "", ""},
      {"'graphql-errors'", 200, whole, kJson, "errors", ""},
  };
  const Json account = create("{'provider':'sentera'}");
  for (const Row& row : rows) {
    ASSERT_EQ(put_fault("{'fault':" + std::string(row.fault) + "}"), 200) << row.fault;
    const auto response = log_in(account);
    EXPECT_EQ(response.status, row.status) << row.fault;
    EXPECT_EQ(response.delivery, row.delivery) << row.fault;
    EXPECT_EQ(response.content_type, row.type) << row.fault;
    EXPECT_TRUE(response.body.contains(row.in_body)) << row.fault;
    const auto retry_after = std::ranges::find(response.headers, "Retry-After", [](const auto& header) { return header.first; });
    EXPECT_EQ(retry_after == response.headers.end() ? "" : retry_after->second, row.retry_after) << row.fault;
  }
  EXPECT_EQ(std::size(rows) - 2 + 1, fault_kinds().size()) << "a kind is not tested here (expired-session has its own test)";
  ASSERT_EQ(call({.method = "DELETE", .path = "/sandbox/faults"}).status, 200);
  EXPECT_EQ(log_in(account).status, 200);
}

TEST_F(SandboxFault, TheNearestScopeWins) {
  const Json one = create("{'provider':'sentera'}"), other = create("{'provider':'sentera'}");
  const std::string token = text(*Json::parse(log_in(one).body), "/auth_token");
  ASSERT_EQ(put_fault("{'fault':503,'account':'" + text(one, "/id") + "'}"), 200);
  ASSERT_EQ(put_fault("{'fault':403,'account':'" + text(one, "/id") + "','path':'/graphql'}"), 200);
  ASSERT_EQ(put_fault("{'fault':500}"), 200);
  ASSERT_EQ(put_fault("{'fault':502,'provider':'sentera'}"), 200);
  EXPECT_EQ(ask(token).status, 403);
  EXPECT_EQ(log_in(one).status, 503);
  EXPECT_EQ(log_in(other).status, 502);
  EXPECT_EQ(call(send_json("POST", "/valley/login", Json::Object{})).status, 500);
  EXPECT_EQ(call({.method = "DELETE", .path = "/sandbox/faults", .query = "account=" + text(one, "/id")}).status, 200);
  EXPECT_EQ(ask(token).status, 502);
  EXPECT_EQ(call({.method = "DELETE", .path = "/sandbox/faults", .query = "provider=sentera"}).status, 200);
  EXPECT_EQ(ask(token).status, 500);
  // The same scope again: the newer one.
  ASSERT_EQ(put_fault("{'fault':504}"), 200);
  EXPECT_EQ(ask(token).status, 504);
  EXPECT_EQ(body_of(get("/sandbox")).find("faults")->array()->size(), 1u);
}

TEST_F(SandboxFault, EndsAfterItsCount) {
  const Json account = create("{'provider':'sentera'}");
  ASSERT_EQ(put_fault("{'fault':500,'count':2,'account':'" + text(account, "/id") + "'}"), 200);
  EXPECT_EQ(call(send_json("POST", "/sentera/v1/sessions", Json::Object{})).status, 400) << "not the account's call";
  EXPECT_EQ(log_in(account).status, 500);
  EXPECT_EQ(log_in(account).status, 500);
  EXPECT_EQ(log_in(account).status, 200);
}

TEST_F(SandboxFault, LosesTheRequestOrTheAnswer) {
  struct Row {
    const char* fault;
    bool is_spent;
  };
  const Row rows[] = {{"'fault':'reset'", false},
                      {"'fault':500,'at':'request'", false},
                      {"'fault':'reset','at':'answer'", true},
                      {"'fault':500,'at':'answer'", true},
                      {"'fault':'cut'", true},
                      {"'fault':'drip'", true},
                      {"'fault':'refuse'", false}};
  for (const Row& row : rows) {
    const Json account = create("{'provider':'ag-leader'}");
    ASSERT_EQ(put_fault("{" + std::string(row.fault) + ",'count':1}"), 200);
    refresh(account);
    EXPECT_EQ(text(show(account), "/request/refreshToken") != text(account, "/request/refreshToken"), row.is_spent) << row.fault;
    EXPECT_EQ(refresh(account).status, row.is_spent ? 400 : 200) << row.fault;
  }
}

TEST_F(SandboxFault, ExpiredSessionMeetsTheNextCallWithOne) {
  const Json account = create("{'provider':'sentera'}");
  const std::string token = text(*Json::parse(log_in(account).body), "/auth_token");
  ASSERT_EQ(put_fault("{'fault':'expired-session','provider':'sentera'}"), 200);
  const std::string next = text(*Json::parse(log_in(account).body), "/auth_token");
  EXPECT_EQ(ask(token).status, 401);
  EXPECT_EQ(ask(next).status, 401) << "all sessions of the account ended";
  EXPECT_EQ(log_in(account).status, 200);
  EXPECT_TRUE(body_of(get("/sandbox")).find("faults")->array()->empty());
}

TEST_F(SandboxFault, IsGoneWithItsAccount) {
  const Json account = create("{'provider':'sentera'}");
  ASSERT_EQ(put_fault("{'fault':500,'account':'" + text(account, "/id") + "'}"), 200);
  ASSERT_EQ(call({.method = "DELETE", .path = "/sandbox/accounts/" + text(account, "/id")}).status, 204);
  EXPECT_TRUE(body_of(get("/sandbox")).find("faults")->array()->empty());
}

TEST_F(SandboxFault, RefusesWhatMakesNoSense) {
  const std::string id = text(create("{'provider':'sentera'}"), "/id");
  const std::string bodies[] = {"[]",
                                "{}",
                                "{'fault':null}",
                                "{'fault':'unknown'}",
                                "{'fault':418}",
                                "{'fault':500,'provider':'unknown'}",
                                "{'fault':500,'provider':1}",
                                "{'fault':500,'account':'sentera-99'}",
                                "{'fault':500,'account':'" + id + "','provider':'valley'}",
                                "{'fault':500,'path':'graphql'}",
                                "{'fault':500,'at':'night'}",
                                "{'fault':'cut','at':'answer'}",
                                "{'fault':'refuse','at':'answer'}",
                                "{'fault':500,'retryAfter':1}",
                                "{'fault':429,'retryAfter':-1}",
                                "{'fault':429,'retryAfter':'a\\r\\nb'}",
                                "{'fault':429,'retryAfter':''}",
                                "{'fault':500,'count':0}",
                                "{'fault':500,'count':1.5}",
                                "{'fault':500,'count':'1'}",
                                "{'fault':500,'counts':1}"};
  for (const auto& body : bodies) EXPECT_EQ(put_fault(body), 400) << body;
  EXPECT_EQ(call({.method = "PUT", .path = "/sandbox/faults", .body = "no"}).status, 400);
  EXPECT_EQ(call({.method = "DELETE", .path = "/sandbox/faults", .query = "fault=500"}).status, 400);
}

}  // namespace

}  // namespace granary::sandbox
