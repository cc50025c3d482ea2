#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

Catalog catalog_with_probe(const char* pointer) {
  Catalog catalog = built_in_catalog();
  Provider& provider = *catalog.find_short_name("agvance");
  provider.parameters.set("probe", json("{'method':'GET','path':'/ApiUser'}"));
  if (pointer) provider.parameters.set("session_id_pointers", Json::Array{Json(pointer)});
  if (pointer) provider.parameters.set("refused_messages", Json::Array{Json("no such grower")});
  return catalog;
}

class SandboxAgvance : public SandboxTest {
 protected:
  explicit SandboxAgvance(const char* pointer = nullptr) : SandboxTest(catalog_with_probe(pointer)) {}

  static Json login_of(const Json& account) {
    return Json::Object{{"ApiKey", text(account, "/request/apiKey")},
                        {"DatabaseID", text(account, "/request/databaseId")},
                        {"UserName", text(account, "/request/username")},
                        {"Password", text(account, "/request/password")}};
  }

  Json log_on(const Json& login) { return body_of(send_json("POST", "/agvance/ApiUser/LogOn", login)); }

  int probe(const std::string& session) { return call({.path = "/agvance/ApiUser", .headers = {{"sessionid", session}}}).status; }
};

TEST_F(SandboxAgvance, BeginsSessions) {
  const Json account = create("{'provider':'agvance'}");
  EXPECT_EQ(text(account, "/request/clientEnvironment"), "STAGE");
  const Json answer = log_on(login_of(account));
  EXPECT_EQ(text(answer, "/Status"), "0");
  EXPECT_EQ(text(answer, "/Message"), "OK");
  EXPECT_EQ(text(answer, "/APIUsers/0/UseriD"), text(account, "/request/username"));
  const std::string session = text(answer, "/APIUsers/0/SessionID");
  EXPECT_EQ(probe(session), 200);
  EXPECT_EQ(probe(""), 401);
  EXPECT_EQ(probe("other"), 401);
  EXPECT_EQ(call({.path = "/agvance/ApiUser"}).status, 401);
  EXPECT_EQ(call({.method = "POST", .path = "/agvance/ApiUser"}).status, 405);
  clock_.advance(std::chrono::hours(8));
  EXPECT_EQ(probe(session), 401);
}

TEST_F(SandboxAgvance, RefusesInItsEnvelope) {
  const Json account = create("{'provider':'agvance'}");
  for (const char* name : {"ApiKey", "DatabaseID", "UserName", "Password"}) {
    Json login = login_of(account);
    login.set(name, "wrong");
    const Json answer = log_on(login);
    EXPECT_EQ(text(answer, "/Status"), "1") << name;
    EXPECT_TRUE(text(answer, "/Message").starts_with("Invalid login")) << name;
    EXPECT_FALSE(answer.find("APIUsers")) << name;
  }
  ASSERT_EQ(act(account, "revoke"), 200);
  EXPECT_EQ(text(log_on(login_of(account)), "/Status"), "1");
  for (const char* name : {"ApiKey", "DatabaseID", "UserName", "Password"}) {
    Json login = login_of(account);
    login.set(name, 1);
    EXPECT_EQ(call(send_json("POST", "/agvance/ApiUser/LogOn", login)).status, 400) << name;
  }
}

TEST_F(SandboxAgvance, TellsAccountsApart) {
  create("{'provider':'agvance','username':'u','databaseId':'1','password':'first'}");
  const Json second = create("{'provider':'agvance','username':'u','databaseId':'2','password':'second'}");
  EXPECT_EQ(text(log_on(login_of(second)), "/Status"), "0");
  EXPECT_EQ(show(second).at_pointer("/answers/200")->integer(), 1);
}

class SandboxAgvanceChanged : public SandboxAgvance {
 protected:
  SandboxAgvanceChanged() : SandboxAgvance("/Result/0/Session/Id") {}
};

TEST_F(SandboxAgvanceChanged, FollowsTheDescriptor) {
  const Json account = create("{'provider':'agvance'}");
  const Json answer = log_on(login_of(account));
  EXPECT_EQ(probe(text(answer, "/Result/0/Session/Id")), 200);
  EXPECT_FALSE(answer.at_pointer("/APIUsers/0/SessionID"));
  Json wrong = login_of(account);
  wrong.set("Password", "wrong");
  EXPECT_EQ(text(log_on(wrong), "/Message"), "no such grower");
}

}  // namespace

}  // namespace granary::sandbox
