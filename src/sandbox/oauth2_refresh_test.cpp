#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

constexpr const char* kForm = "application/x-www-form-urlencoded";

class SandboxOauth : public SandboxTest {
 protected:
  using SandboxTest::SandboxTest;

  static std::string basic(const Json& account) {
    return "Basic " + to_base64(text(account, "/request/publicKey") + ":" + text(account, "/request/privateKey"));
  }

  http::Response refresh(const Json& account, const std::string& token) {
    return call({.method = "POST",
                 .path = "/ag-leader/api/token",
                 .body = "grant_type=refresh_token&refresh_token=" + percent_encode(token),
                 .content_type = kForm,
                 .authorization = basic(account)});
  }

  static std::string error_of(const http::Response& response) {
    return std::to_string(response.status) + " " + text(Json::parse(response.body).value_or(Json()), "/error");
  }
};

TEST_F(SandboxOauth, RotatesOneUseTokens) {
  const Json account = create("{'provider':'ag-leader'}");
  const std::string first = text(account, "/request/refreshToken");
  const auto response = refresh(account, first);
  ASSERT_EQ(response.status, 200) << response.body;
  const Json answer = *Json::parse(response.body);
  EXPECT_EQ(text(answer, "/token_type"), "Bearer");
  EXPECT_EQ(answer.find("expires_in")->integer(), 3600);
  EXPECT_NE(text(answer, "/access_token"), "");
  const std::string second = text(answer, "/refresh_token");
  EXPECT_NE(second, first);
  EXPECT_EQ(text(show(account), "/request/refreshToken"), second);
  EXPECT_EQ(text(show(account), "/spentRefreshTokens/0"), first);
  EXPECT_EQ(refresh(account, second).status, 200);
}

TEST_F(SandboxOauth, ReuseRevokesTheFamily) {
  const Json account = create("{'provider':'ag-leader'}");
  const std::string first = text(account, "/request/refreshToken");
  ASSERT_EQ(refresh(account, first).status, 200);
  EXPECT_EQ(error_of(refresh(account, first)), "400 invalid_grant");
  const Json after = show(account);
  EXPECT_EQ(text(after, "/state"), "revoked");
  EXPECT_EQ(text(after, "/revokedBecause"), "a spent refresh token came again");
  const std::string newest = text(after, "/request/refreshToken");
  EXPECT_EQ(error_of(refresh(account, newest)), "400 invalid_grant");
  // A new consent is a new family: the old tokens are unknown then.
  ASSERT_EQ(act(account, "restore"), 200);
  ASSERT_EQ(call(send_json("PATCH", "/sandbox/accounts/" + text(account, "/id"), json("{'refreshToken':'consented'}"))).status,
            200);
  for (const auto& old : {first, newest}) EXPECT_EQ(error_of(refresh(account, old)), "400 invalid_grant");
  EXPECT_EQ(refresh(account, "consented").status, 200);
}

TEST_F(SandboxOauth, AnswersErrorsOfRfc6749) {
  const Json account = create("{'provider':'ag-leader','publicKey':'pub','privateKey':'pri:v','refreshToken':'token'}");
  const std::string good = "grant_type=refresh_token&refresh_token=token", client = "Basic " + to_base64("pub:pri:v");
  struct Row {
    std::string method, type, authorization, body, error;
  };
  const Row rows[] = {
      {"POST", kForm, "Basic " + to_base64("pub:other"), good, "401 invalid_client"},
      {"POST", kForm, "Basic " + to_base64("other:pri:v"), good, "401 invalid_client"},
      {"POST", kForm, "Basic " + to_base64("pub"), good, "401 invalid_client"},
      {"POST", kForm, "Basic ???", good, "401 invalid_client"},
      {"POST", kForm, "", good + "&client_id=pub&client_secret=pri%3Av", "401 invalid_client"},
      {"POST", kForm, "Basic " + to_base64("x:y"), "grant_type=refresh_token&refresh_token=unknown", "401 invalid_client"},
      {"POST", kForm, client, "grant_type=refresh_token&refresh_token=unknown", "400 invalid_grant"},
      {"POST", kForm, client, "grant_type=authorization_code&refresh_token=token", "400 unsupported_grant_type"},
      {"POST", kForm, client, "refresh_token=token", "400 invalid_request"},
      {"POST", kForm, client, "grant_type=refresh_token", "400 invalid_request"},
      {"POST", kForm, client, "grant_type=%", "400 invalid_request"},
      {"POST", kForm, client, "", "400 invalid_request"},
      {"POST", "application/json", client, good, "400 invalid_request"},
      {"GET", kForm, client, good, "405 "},
      {"POST", kForm, client, good, "200 "},
  };
  for (const Row& row : rows)
    EXPECT_EQ(error_of(call({.method = row.method,
                             .path = "/ag-leader/api/token",
                             .body = row.body,
                             .content_type = row.type,
                             .authorization = row.authorization})),
              row.error)
        << row.body;
}

TEST_F(SandboxOauth, KeepsTokensWithoutRotation) {
  const Json account = create("{'provider':'ag-leader','rotates':false,'sessionSeconds':60}");
  const std::string token = text(account, "/request/refreshToken");
  for (int i = 0; i < 3; ++i) {
    const Json answer = *Json::parse(refresh(account, token).body);
    EXPECT_EQ(answer.find("refresh_token"), nullptr);
    EXPECT_EQ(answer.find("expires_in")->integer(), 60);
  }
}

TEST_F(SandboxOauth, RevokesAndRestores) {
  const Json account = create("{'provider':'ag-leader'}");
  const std::string token = text(account, "/request/refreshToken");
  ASSERT_TRUE(sandbox_.revoke("ag-leader", text(account, "/id")));
  EXPECT_EQ(error_of(refresh(account, token)), "400 invalid_grant");
  ASSERT_EQ(act(account, "restore"), 200);
  EXPECT_EQ(refresh(account, token).status, 200);
  EXPECT_FALSE(sandbox_.revoke("sentera", text(account, "/id")));
  EXPECT_FALSE(sandbox_.revoke("ag-leader", "ag-leader-99"));
}

// Adding a provider that uses an existing flow is one file and no code, here too.
Catalog catalog_with_fifth() {
  Catalog catalog;
  auto provider = parse_descriptor(json(
      "{'slug':'fifth-credentials','name':'Fifth','user_key':'fifthCredentials','request':["
      "{'name':'clientId','required':true},{'name':'clientSecret','required':true,'secret':true},"
      "{'name':'grant','required':true,'secret':true}],'response':['accessToken'],'flow':'oauth2_refresh','parameters':{"
      "'token_path':'/oauth/token','client_authentication':'body','client_id_field':'clientId',"
      "'client_secret_field':'clientSecret','refresh_token_field':'grant','form':{'scope':'api'},"
      "'probe':{'method':'GET','path':'/me','headers':{'Authorization':'Bearer {accessToken}'}},'previous_token_valid':true}}"));
  EXPECT_TRUE(provider && catalog.add(std::move(*provider)));
  return catalog;
}

class SandboxFifthProvider : public SandboxOauth {
 protected:
  SandboxFifthProvider() : SandboxOauth(catalog_with_fifth()) {}

  http::Response refresh(const std::string& more) {
    return call(
        {.method = "POST", .path = "/fifth/oauth/token", .body = "grant_type=refresh_token&" + more, .content_type = kForm});
  }
};

TEST_F(SandboxFifthProvider, FollowsItsDescriptor) {
  const Json account = create("{'provider':'fifth','clientId':'i','clientSecret':'s','grant':'g'}");
  const std::string client = "&client_id=i&client_secret=s&scope=api";
  EXPECT_EQ(error_of(refresh("refresh_token=g&client_id=i&client_secret=s")), "400 invalid_request");
  EXPECT_EQ(error_of(refresh("refresh_token=g&client_id=i&client_secret=x&scope=api")), "401 invalid_client");
  const auto first = refresh("refresh_token=g" + client);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(refresh("refresh_token=g" + client).status, 200);  // previous_token_valid
  const Json newest = *Json::parse(refresh("refresh_token=" + text(show(account), "/request/grant") + client).body);
  EXPECT_EQ(error_of(refresh("refresh_token=g" + client)), "400 invalid_grant");

  EXPECT_EQ(call({.path = "/fifth/me", .authorization = "Bearer " + text(newest, "/access_token")}).status, 401)
      << "the family is revoked";
  ASSERT_EQ(act(account, "restore"), 200);
  const Json again = *Json::parse(refresh("refresh_token=" + text(newest, "/refresh_token") + client).body);
  const TestRequest probe = {.path = "/fifth/me", .authorization = "Bearer " + text(again, "/access_token")};
  EXPECT_EQ(call(probe).status, 200);
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(call(probe).status, 401);
  EXPECT_EQ(call({.path = "/fifth/me"}).status, 400);
  EXPECT_EQ(call({.path = "/fifth/me", .authorization = "Bearer other"}).status, 401);
  EXPECT_EQ(call({.method = "POST", .path = "/fifth/me", .authorization = probe.authorization}).status, 405);
}

}  // namespace

}  // namespace granary::sandbox
