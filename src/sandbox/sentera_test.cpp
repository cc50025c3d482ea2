#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

constexpr const char* kQuery =
    "query($p:Int!){organizations(pagination:{page:$p,page_size:2}){total_count page page_size results{sentera_id name}}}";

class SandboxSentera : public SandboxTest {
 protected:
  http::Response log_in(const std::string& user, const std::string& password) {
    const Json session = Json::Object{{"email", user}, {"password", password}, {"platform_id", "API"}, {"version_id", "1.0.0"}};
    return call(send_json("POST", "/sentera/v1/sessions", Json::Object{{"session", session}}));
  }

  std::string token_of(const Json& account) {
    const auto response = log_in(text(account, "/request/username"), text(account, "/request/password"));
    EXPECT_EQ(response.status, 200) << response.body;
    return text(Json::parse(response.body).value_or(Json()), "/auth_token");
  }

  http::Response ask(const std::string& token, const std::string& query, const std::string& variables = "{}") {
    return call(
        send_json("POST", "/sentera/graphql", Json::Object{{"query", query}, {"variables", json(variables)}}, "Bearer " + token));
  }
};

TEST_F(SandboxSentera, LogsIn) {
  const Json account = create("{'provider':'sentera','username':'a@b.example','password':'right'}");
  const Json answer = *Json::parse(log_in("a@b.example", "right").body);
  EXPECT_EQ(text(answer, "/user_email"), "a@b.example");
  EXPECT_EQ(text(answer, "/status"), "active");
  EXPECT_NE(text(answer, "/auth_token"), "");
  EXPECT_EQ(log_in("a@b.example", "wrong").status, 401);
  EXPECT_EQ(log_in("a@b.example", "").status, 401);
  EXPECT_EQ(log_in("A@b.example", "right").status, 401);
  EXPECT_EQ(log_in("", "").status, 401);
  EXPECT_EQ(show(account).at_pointer("/answers/401")->integer(), 2) << "those of the account's own user name";
  // A request that no client written from the documents would send is no refusal.
  for (const char* body :
       {"{}", "{'session':{}}", "{'session':{'email':'a@b.example','password':'right'}}", "[]", "{'session':'x'}"})
    EXPECT_EQ(call(send_json("POST", "/sentera/v1/sessions", json(body))).status, 400) << body;
  EXPECT_EQ(call(get("/sentera/v1/sessions")).status, 405);
  EXPECT_EQ(call(get("/sentera/v1/other")).status, 404);
}

TEST_F(SandboxSentera, ListsOrganizationsOverPages) {
  const Json account = create("{'provider':'sentera','organizations':['A','B','B'],'organizationName':'A'}");
  const std::string token = token_of(account);
  struct Row {
    const char *variables, *page;  // names, then total, page and size
  };
  const Row rows[] = {{"{'p':1}", "A B 3 1 2"},
                      {"{'p':2}", "B 3 2 2"},
                      {"{'p':3}", "3 3 2"},
                      {"{'p':9223372036854775807}", "3 9223372036854775807 2"}};
  for (const Row& row : rows) {
    const Json answer = *Json::parse(ask(token, kQuery, row.variables).body);
    const Json* page = answer.at_pointer("/data/organizations");
    ASSERT_TRUE(page) << answer.dump();
    std::string line;
    for (const Json& result : *page->find("results")->array()) line += text(result, "/name") + " ";
    line += page->find("total_count")->dump() + " " + page->find("page")->dump() + " " + page->find("page_size")->dump();
    EXPECT_EQ(line, row.page) << row.variables;
  }
  EXPECT_EQ(ask(token, "{o: organizations(pagination:{page:1,page_size:1}){results{name}}}").body,
            R"({"data":{"o":{"results":[{"name":"A"}]}}})");
}

TEST_F(SandboxSentera, GivesFewerThanAsked) {
  const Json account = create("{'provider':'sentera','organizationsPerPage':1}");
  const std::string body =
      ask(token_of(account), "{organizations(pagination:{page:5,page_size:100}){total_count page_size results{name}}}").body;
  EXPECT_EQ(body, R"({"data":{"organizations":{"total_count":5,"page_size":1,"results":[{"name":")" +
                      text(account, "/request/organizationName") + R"("}]}}})");
}

TEST_F(SandboxSentera, AnswersBadQueriesWithErrors) {
  const std::string token = token_of(create("{'provider':'sentera'}"));
  for (const char* query :
       {"", "{organizations{total_count}}", "{organizations(pagination:{page:0,page_size:1}){total_count}}",
        "{organizations(pagination:{page:1}){total_count}}", "{organizations(pagination:{page:1,page_size:-1}){total_count}}",
        "{organizations(pagination:{page:$p,page_size:1}){total_count}}", "{organizations(pagination:1){total_count}}",
        "{organizations(pagination:{page:1,page_size:1}){owner}}",
        "{organizations(pagination:{page:1,page_size:1}){results{phone}}}",
        "{organizations(name:\"A\",pagination:{page:1,page_size:1}){total_count}}", "{fields{id}}", "mutation{x}"}) {
    const auto response = ask(token, query);
    const Json answer = *Json::parse(response.body);
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(answer.find("data") && answer.find("data")->is_null() && answer.at_pointer("/errors/0/message")) << query;
  }
  EXPECT_EQ(call({.method = "POST", .path = "/sentera/graphql", .body = "no", .authorization = "Bearer " + token}).status, 400);
  EXPECT_EQ(call({.path = "/sentera/graphql", .authorization = "Bearer " + token}).status, 405);
}

TEST_F(SandboxSentera, SessionsEnd) {
  const Json account = create("{'provider':'sentera','sessionSeconds':100}");
  const std::string path = "/sandbox/accounts/" + text(account, "/id");
  const auto is_live = [&](const std::string& token) { return ask(token, kQuery, "{'p':1}").status == 200; };
  EXPECT_FALSE(is_live(""));
  EXPECT_FALSE(is_live("unknown"));
  std::string token = token_of(account);
  EXPECT_TRUE(is_live(token));
  EXPECT_EQ(call(send_json("POST", "/sentera/graphql", Json(), token)).status, 401) << "without the scheme";
  clock_.advance(seconds(100));
  EXPECT_FALSE(is_live(token));

  token = token_of(account);
  ASSERT_EQ(act(account, "expire-sessions"), 200);
  EXPECT_FALSE(is_live(token));
  token = token_of(account);
  ASSERT_EQ(act(account, "revoke"), 200);
  EXPECT_FALSE(is_live(token));
  EXPECT_EQ(log_in(text(account, "/request/username"), text(account, "/request/password")).status, 401);
  ASSERT_EQ(act(account, "restore"), 200);
  token = token_of(account);
  ASSERT_EQ(call(send_json("PATCH", path, json("{'password':'changed'}"))).status, 200);
  EXPECT_FALSE(is_live(token));
  EXPECT_EQ(log_in(text(account, "/request/username"), "changed").status, 200);
  ASSERT_EQ(call({.method = "DELETE", .path = path}).status, 204);
  EXPECT_FALSE(is_live(token));
}

TEST_F(SandboxSentera, TheOldestSessionGivesWay) {
  const Json account = create("{'provider':'sentera'}");
  const std::string first = token_of(account);
  for (int i = 0; i < 16; ++i) token_of(account);
  EXPECT_EQ(ask(first, kQuery, "{'p':1}").status, 401);
  EXPECT_EQ(show(account).find("sessions")->array()->size(), 16u);
}

}  // namespace

}  // namespace granary::sandbox
