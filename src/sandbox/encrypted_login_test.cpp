#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

class SandboxValley : public SandboxTest {
 protected:
  http::Response log_in(const Json& body) { return call(send_json("POST", "/valley/login", body)); }

  static Json login(std::string_view apid, std::string_view key, std::string_view vector, std::string_view user,
                    std::string_view password) {
    return Json::Object{{"apid", apid},
                        {"username", to_base64(crypto::encrypt_cbc(key, vector, user))},
                        {"password", to_base64(crypto::encrypt_cbc(key, vector, password))}};
  }
};

TEST_F(SandboxValley, OpensWithTheAccountsKey) {
  const std::string vector = "sixteen letters!";
  struct Row {
    std::string key_text, vector_text, key;
  };
  const Row rows[] = {
      {to_hex(std::string(16, 'k')), to_hex(vector), std::string(16, 'k')},
      {to_hex(std::string(32, 'k')), to_base64(vector), std::string(32, 'k')},
      {to_base64(std::string(24, 'k')), vector, std::string(24, 'k')},
      {std::string(16, '-'), vector, std::string(16, '-')},
  };
  for (const Row& row : rows) {
    const Json settings =
        Json::Object{{"provider", "valley"}, {"apid", "app"},  {"key", row.key_text}, {"initializationVector", row.vector_text},
                     {"username", "u"},      {"password", "p"}};
    const auto created = call(send_json("POST", "/sandbox/accounts", settings));
    ASSERT_EQ(created.status, 201) << created.body;
    const Json account = *Json::parse(created.body);
    const auto good = log_in(login("app", row.key, vector, "u", "p"));
    EXPECT_EQ(good.status, 200) << row.key_text;
    EXPECT_TRUE(Json::parse(good.body)->object() && !Json::parse(good.body)->find("error"));
    EXPECT_EQ(log_in(login("app", row.key, vector, "u", "q")).status, 401);
    EXPECT_EQ(log_in(login("app", row.key, vector, "v", "p")).status, 401);
    EXPECT_EQ(log_in(login("other", row.key, vector, "u", "p")).status, 401);
    EXPECT_EQ(log_in(login("app", std::string(row.key.size(), 'x'), vector, "u", "p")).status, 401);
    ASSERT_EQ(act(account, "revoke"), 200);
    EXPECT_EQ(log_in(login("app", row.key, vector, "u", "p")).status, 401);
    ASSERT_EQ(call({.method = "DELETE", .path = "/sandbox/accounts/" + text(account, "/id")}).status, 204);
  }
}

TEST_F(SandboxValley, RefusesWhatDoesNotOpen) {
  create("{'provider':'valley','apid':'app','username':'u','password':'p'}");
  for (const char* body : {"{'apid':'app','username':'u','password':'p'}", "{'apid':'app','username':'','password':''}",
                           "{'apid':'app','username':'AAAA','password':'AAAA'}",
                           "{'apid':'app','username':'AAAAAAAAAAAAAAAAAAAAAA==','password':'AAAAAAAAAAAAAAAAAAAAAA=='}"})
    EXPECT_EQ(log_in(json(body)).status, 401) << body;
  for (const char* body : {"{}", "{'apid':'app'}", "{'apid':1,'username':'u','password':'p'}", "[]"})
    EXPECT_EQ(log_in(json(body)).status, 400) << body;
}

TEST_F(SandboxValley, GrowersShareAnApplication) {
  const std::string key(32, 'k'), vector(16, 'v');
  const std::string application =
      "'provider':'valley','apid':'app','key':'" + to_hex(key) + "','initializationVector':'" + to_hex(vector) + "'";
  create("{" + application + ",'username':'first','password':'1'}");
  const Json second = create("{" + application + ",'username':'second','password':'2'}");
  EXPECT_EQ(log_in(login("app", key, vector, "second", "2")).status, 200);
  EXPECT_EQ(log_in(login("app", key, vector, "second", "1")).status, 401);
  EXPECT_EQ(show(second).at_pointer("/answers")->dump(), R"({"200":1,"401":1})");
}

TEST_F(SandboxValley, AccountsWithoutAUsableKeyOpenNothing) {
  create("{'provider':'valley','apid':'app','key':'short','username':'u','password':'p'}");
  EXPECT_EQ(log_in(login("app", std::string(16, 'k'), std::string(16, 'v'), "u", "p")).status, 401);
}

Catalog catalog_with_one_payload() {
  Catalog catalog = built_in_catalog();
  catalog.find_short_name("valley")->parameters = json(
      "{'login':{'method':'PUT','path':'/{apid}/in','headers':{'X-Login':'{payload}'}},"
      "'encrypt':{'payload':'{username}|{password}'},'key_encoding':'plain','initialization_vector_encoding':'base64',"
      "'ciphertext_encoding':'hex'}");
  return catalog;
}

class SandboxValleyChanged : public SandboxTest {
 protected:
  SandboxValleyChanged() : SandboxTest(catalog_with_one_payload()) {}
};

TEST_F(SandboxValleyChanged, FollowsTheDescriptor) {
  const Json account = create("{'provider':'valley','username':'u|v','password':'p|q'}");
  const std::string key = text(account, "/request/key");
  const std::string vector = from_base64(text(account, "/request/initializationVector")).value_or("");
  ASSERT_EQ(key.size(), 32u);
  ASSERT_EQ(vector.size(), 16u);
  const auto log_in = [&](std::string_view plain) {
    return call({.method = "PUT",
                 .path = "/valley/" + text(account, "/request/apid") + "/in",
                 .headers = {{"X-Login", to_hex(crypto::encrypt_cbc(key, vector, plain))}}})
        .status;
  };
  EXPECT_EQ(log_in("u|v|p|q"), 200);
  EXPECT_EQ(log_in("u|v|p"), 401);
  EXPECT_EQ(log_in("u"), 401);
  EXPECT_EQ(log_in(""), 401);
}

}  // namespace

}  // namespace granary::sandbox
