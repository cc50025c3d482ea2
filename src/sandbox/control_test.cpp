#include "sandbox/control.hpp"

#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

using SandboxControl = SandboxTest;

TEST_F(SandboxControl, CreatesAccountsWithWhatToPost) {
  for (const Provider& provider : catalog_.all()) {
    const Json account = create("{'provider':'" + std::string(provider.short_name()) + "'}");
    EXPECT_EQ(text(account, "/post"), "/services/usermanagement/api/users/{leafUserId}/" + provider.slug);
    for (const RequestField& field : provider.request)
      EXPECT_EQ(text(account, "/request/" + field.name).empty(), !field.required && !field.fallback)
          << provider.slug << " " << field.name;
  }
  const auto response = call(
      send_json("POST", "/sandbox/accounts", json("{'provider':'agvance','clientEnvironment':'PRODUCTION','username':'u'}")));
  EXPECT_EQ(response.status, 201);
  const Json account = *Json::parse(response.body);
  EXPECT_EQ(response.headers.at(0).second, "/sandbox/accounts/" + text(account, "/id"));
  EXPECT_EQ(text(account, "/request/clientEnvironment"), "PRODUCTION");
  EXPECT_EQ(text(account, "/request/username"), "u");
}

TEST_F(SandboxControl, RefusesBadAccounts) {
  create("{'provider':'sentera','username':'taken'}");
  const std::string long_name(5'000, 'x');
  const std::pair<std::string, int> rows[] = {
      {"[]", 400},
      {"{}", 400},
      {"{'provider':'unknown'}", 400},
      {"{'provider':1}", 400},
      {"{'provider':'sentera','colour':'red'}", 400},
      {"{'provider':'sentera','password':''}", 400},
      {"{'provider':'sentera','password':null}", 400},
      {"{'provider':'sentera','password':1}", 400},
      {"{'provider':'sentera','password':'" + long_name + "'}", 400},
      {"{'provider':'agvance','clientEnvironment':'TEST'}", 400},
      {"{'provider':'sentera','organizations':'A'}", 400},
      {"{'provider':'sentera','organizations':[1]}", 400},
      {"{'provider':'sentera','organizationsPerPage':0}", 400},
      {"{'provider':'sentera','organizationsPerPage':101}", 400},
      {"{'provider':'sentera','sessionSeconds':0}", 400},
      {"{'provider':'sentera','sessionSeconds':'60'}", 400},
      {"{'provider':'sentera','sessionSeconds':99999999999}", 400},
      {"{'provider':'sentera','rotates':true}", 400},
      {"{'provider':'ag-leader','rotates':'yes'}", 400},
      {"{'provider':'ag-leader','organizations':[]}", 400},
      {"{'provider':'valley','sessionSeconds':60}", 400},
      {"{'provider':'sentera','username':'taken'}", 409},
  };
  for (const auto& [body, status] : rows) {
    const auto response = call(send_json("POST", "/sandbox/accounts", json(body)));
    EXPECT_EQ(response.status, status) << body.substr(0, 100);
    EXPECT_NE(text(Json::parse(response.body).value_or(Json()), "/message"), "") << body.substr(0, 100);
  }
  EXPECT_EQ(body_of(get("/sandbox")).find("accounts")->array()->size(), 1u);
}

TEST_F(SandboxControl, ChangesAccounts) {
  const Json account = create("{'provider':'ag-leader'}"), other = create("{'provider':'ag-leader'}");
  const std::string path = "/sandbox/accounts/" + text(account, "/id");
  const auto change = [&](const std::string& body) { return call(send_json("PATCH", path, json(body))).status; };
  EXPECT_EQ(change("{}"), 200);
  EXPECT_EQ(change("{'refreshToken':'new','rotates':false,'sessionSeconds':5}"), 200);
  EXPECT_EQ(text(show(account), "/request/refreshToken"), "new");
  EXPECT_EQ(show(account).find("sessionSeconds")->integer(), 5);
  EXPECT_EQ(change("{'refreshToken':'new'}"), 200) << "its own";
  EXPECT_EQ(change("{'provider':'valley'}"), 400);
  EXPECT_EQ(change("{'publicKey':''}"), 400);
  EXPECT_EQ(change("[]"), 400);
  EXPECT_EQ(change("{'refreshToken':'" + text(other, "/request/refreshToken") + "'}"), 409);
  EXPECT_EQ(text(show(account), "/request/refreshToken"), "new");
}

TEST_F(SandboxControl, AnswersUnknownRoutesAndMethods) {
  create("{'provider':'sentera'}");
  struct Row {
    const char *method, *path;
    int status;
    const char* allow;
  };
  const Row rows[] = {
      {"GET", "/sandbox/", 200, ""},
      {"HEAD", "/sandbox", 200, ""},
      {"GET", "/sandbox/accounts/sentera-1", 200, ""},
      {"GET", "/sandbox/accounts/sentera-2", 404, ""},
      {"GET", "/sandbox/accounts/valley-1", 404, ""},
      {"GET", "/sandbox/accounts/sentera-01", 404, ""},
      {"GET", "/sandbox/accounts/sentera", 404, ""},
      {"GET", "/sandbox/accounts/", 405, "POST"},
      {"POST", "/sandbox/accounts/sentera-1/other", 404, ""},
      {"POST", "/sandbox/accounts/sentera-2/revoke", 404, ""},
      {"GET", "/sandbox/accounts/sentera-1/revoke", 405, "POST"},
      {"PUT", "/sandbox/accounts/sentera-1", 405, "GET, PATCH, DELETE"},
      {"GET", "/sandbox/faults", 405, "PUT, DELETE"},
      {"DELETE", "/sandbox", 405, "GET"},
      {"GET", "/sandbox/other", 404, ""},
      {"GET", "/", 404, ""},
      {"GET", "", 404, ""},
      {"OPTIONS", "*", 404, ""},
      {"GET", "/unknown/login", 404, ""},
      {"GET", "/sentera", 404, ""},
      {"GET", "/sandboxes", 404, ""},
  };
  for (const Row& row : rows) {
    const auto response = call({.method = row.method, .path = row.path});
    EXPECT_EQ(response.status, row.status) << row.method << " " << row.path;
    EXPECT_TRUE(Json::parse(response.body)) << row.path;
    const std::string allow = response.headers.empty() ? "" : response.headers.front().second;
    EXPECT_EQ(allow, row.allow) << row.method << " " << row.path;
  }
}

TEST_F(SandboxControl, ShowsCallsOneByOne) {
  const Json account = create("{'provider':'sentera'}");
  ASSERT_EQ(put_fault("{'fault':'hang','count':1}"), 200);
  call({.method = "POST", .path = "/sentera/v1/sessions"});
  call({.method = "POST", .path = "/sentera/no\xff"});
  const Json everything = body_of(get("/sandbox"));
  const Json* calls = everything.find("latestCalls");
  ASSERT_TRUE(calls && calls->array()->size() == 2);
  EXPECT_EQ(text(*calls, "/0/answer"), "hang");
  EXPECT_EQ(text(*calls, "/0/fault"), "hang");
  EXPECT_EQ(text(*calls, "/0/path"), "/v1/sessions");
  EXPECT_EQ(text(*calls, "/1/answer"), "404");
  EXPECT_EQ(text(*calls, "/1/path"), "/no?");
  for (int i = 0; i < 150; ++i) call(get("/sentera/x"));
  EXPECT_EQ(body_of(get("/sandbox")).find("latestCalls")->array()->size(), 100u);
  for (const Json& provider : *body_of(get("/sandbox")).find("providers")->array())
    EXPECT_EQ(provider.find("calls")->integer(), text(provider, "/provider") == "sentera" ? 152 : 0);
}

TEST_F(SandboxControl, KeepsItsLimits) {
  Accounts accounts(clock_, random_);
  const Provider& provider = *catalog_.find_short_name("valley");
  for (std::size_t i = 0; i < kAccountsMax; ++i) ASSERT_TRUE(accounts.create(provider, {}));
  EXPECT_FALSE(accounts.create(provider, {}));
  accounts.remove(*accounts.find("valley-1"));
  EXPECT_TRUE(accounts.create(provider, {}));

  Faults faults;
  for (std::size_t i = 0; i < kFaultsMax; ++i)
    ASSERT_TRUE(faults.add({.kind = find_fault_kind("500"),
                            .provider = "",
                            .account = std::to_string(i),
                            .path = "",
                            .retry_after = "",
                            .count = {}}));
  EXPECT_FALSE(
      faults.add({.kind = find_fault_kind("500"), .provider = "", .account = "", .path = "", .retry_after = "", .count = {}}));
}

struct UnreadableBody final : http::BodyReader {
  explicit UnreadableBody(http::BodyEnd how) : end(how) {}
  bool has_body() const override { return true; }
  Task<http::BodyEnd> read(std::size_t, std::string) override { co_return end; }
  http::BodyEnd end;
};

TEST_F(SandboxControl, AnswersWhatTheServerCouldNotRead) {
  const struct {
    http::Defect defect;
    http::BodyEnd end;
    int status;
  } rows[] = {{http::Defect::malformed, http::BodyEnd::whole, 400},
              {http::Defect::head_too_large, http::BodyEnd::whole, 400},
              {http::Defect::none, http::BodyEnd::malformed, 400},
              {http::Defect::none, http::BodyEnd::too_large, 413}};
  for (const auto& row : rows) {
    http::Request request;
    request.defect = row.defect;
    UnreadableBody body(row.end);
    asio::io_context context;
    asio::co_spawn(context, sandbox_.handle(request, body),
                   [&](std::exception_ptr, const http::Response& response) { EXPECT_EQ(response.status, row.status); });
    context.run();
  }
}

TEST_F(SandboxControl, DemonstratesEachProvider) {
  const auto accounts = sandbox_.create_demo_accounts();
  ASSERT_EQ(accounts.size(), catalog_.all().size());
  for (const DemoAccount& demo : accounts) {
    const Provider* provider = catalog_.find_short_name(demo.provider);
    ASSERT_TRUE(provider);
    for (const RequestField& field : provider->request)
      EXPECT_TRUE(!field.required || demo.request.find(field.name)) << field.name;
    EXPECT_EQ(Sandbox::base_url("http://127.0.0.1:8090", *provider), "http://127.0.0.1:8090/" + demo.provider);
    EXPECT_TRUE(sandbox_.revoke(demo.provider, demo.account));
    EXPECT_FALSE(sandbox_.revoke(demo.provider, "other"));
  }
}

}  // namespace

}  // namespace granary::sandbox
