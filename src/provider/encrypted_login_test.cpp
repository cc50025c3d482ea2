// Valley's flow: what is sent is encrypted under the credential's own key and vector in the first reading that gives a
// legal length, key, vector and password never leave in clear, and what answers mean.
#include "crypto/primitives.hpp"
#include "provider/flow_fixture.hpp"

namespace granary {

namespace {

const char* const kUnexpected = "unavailable unexpected_answer";
const std::string kKey = "0123456789abcdef0123456789abcdef";  // 16 bytes as hex
const std::string kVector = "00112233445566778899aabbccddeeff";

class EncryptedLoginTest : public FlowTest {
 protected:
  EncryptedLoginTest() : FlowTest("valley-credentials") {
    set_field("apid", "app-1");
    set_field("key", kKey);
    set_field("initializationVector", kVector);
    set_field("username", "grower");
    set_field("password", "geheim-und-lang");
  }
  std::string member(std::string_view name) {
    const auto body = Json::parse(request().body);
    return body ? body->find_string(name).value_or("") : "";
  }
};

std::string encrypted(std::string_view key, std::string_view vector, std::string_view plain) {
  return to_base64(crypto::encrypt_cbc(key, vector, plain));
}

TEST_F(EncryptedLoginTest, SendsUserNameAndPasswordEncrypted) {
  begin();
  EXPECT_EQ(request().method, "POST");
  EXPECT_EQ(request().url, "https://provider.example/base/login");
  EXPECT_EQ(member("apid"), "app-1");
  EXPECT_EQ(member("username"), encrypted(*from_hex(kKey), *from_hex(kVector), "grower"));
  EXPECT_EQ(member("password"), encrypted(*from_hex(kKey), *from_hex(kVector), "geheim-und-lang"));
  const std::string sent = request().url + request().body;
  for (const std::string_view secret : {std::string_view(kKey), std::string_view(kVector), std::string_view("geheim")})
    EXPECT_EQ(sent.find(secret), std::string::npos) << secret;
}

TEST_F(EncryptedLoginTest, TheCiphertextsAreSecretsToo) {
  begin();
  const std::string user = member("username"), password = member("password");
  feed(answer(200, "{}"));
  std::vector<std::string> derived;
  for (const auto& secret : verdict().derived_secrets) derived.emplace_back(secret.reveal());
  EXPECT_EQ(derived, (std::vector<std::string>{user, password}));
}

TEST_F(EncryptedLoginTest, HexElseBase64ElseText) {
  const std::string sixteen(16, 'k'), thirty_two(32, 'k');
  struct Row {
    std::string text;
    std::string bytes;  // as they must be read; empty: unusable
  };
  const Row rows[] = {
      {to_hex(sixteen), sixteen},
      {to_hex(std::string(24, 'k')), std::string(24, 'k')},
      {to_hex(thirty_two), thirty_two},
      {"0123456789ABCDEF0123456789ABCDEF", *from_hex(kKey)},
      {to_base64(sixteen), sixteen},
      {to_base64url(thirty_two), thirty_two},
      {"plain-text-16-by", "plain-text-16-by"},
      {"zz23456789abcdef", "zz23456789abcdef"},  // base64 of 12 bytes: no legal length, so it is the text
      {"0123456789abcdef", "0123456789abcdef"},  // hex of 8 bytes
      {"ein Schlüssel16", "ein Schlüssel16"},    // 16 bytes, 15 characters
      {"", ""},
      {"short", ""},
      {"seventeen letters", ""},
      {to_hex(std::string(20, 'k')), ""},
      {to_hex(sixteen) + "0", ""},
      {std::string(33, 'k'), ""},
      {std::string(4'096, 'k'), ""},
  };
  for (const Row& row : rows) {
    set_field("key", row.text);
    begin();
    if (row.bytes.empty()) {
      EXPECT_EQ(line_of(verdict().answer), "unavailable unusable_key") << row.text;
      continue;
    }
    EXPECT_EQ(member("username"), encrypted(row.bytes, *from_hex(kVector), "grower")) << row.text;
  }
}

TEST_F(EncryptedLoginTest, TheVectorHasSixteenBytes) {
  for (const std::string& text :
       {std::string(), std::string("short"), to_hex(std::string(24, 'v')), std::string(24, 'v'), std::string(17, '-')}) {
    set_field("initializationVector", text);
    begin();
    EXPECT_EQ(line_of(verdict().answer), "unavailable unusable_key") << text;
    EXPECT_FALSE(verdict().grant);
  }
  set_field("initializationVector", "sixteen bytes...");
  begin();
  EXPECT_EQ(member("username"), encrypted(*from_hex(kKey), "sixteen bytes...", "grower"));
}

TEST_F(EncryptedLoginTest, EncodingsCanBeSet) {
  set_parameter("key_encoding", "'plain'");
  set_parameter("ciphertext_encoding", "'hex'");
  begin();  // 32 letters are a key of 32 bytes then
  EXPECT_EQ(member("username"), to_hex(crypto::encrypt_cbc(kKey, *from_hex(kVector), "grower")));
  set_parameter("key_encoding", "'base64'");
  begin();
  EXPECT_EQ(member("username"), to_hex(crypto::encrypt_cbc(*from_base64(kKey), *from_hex(kVector), "grower")));
  set_field("key", "plain-text-16-by");
  begin();
  EXPECT_EQ(line_of(verdict().answer), "unavailable unusable_key");
}

TEST_F(EncryptedLoginTest, WhatIsEncryptedIsAParameter) {
  set_parameter("encrypt", "{'payload':'{username}|{password}|{apid}'}");
  set_parameter("login", "{'path':'/v2','query':{'d':'{payload}'},'headers':{'X-App':'{apid}'}}");
  begin();
  const std::string payload = encrypted(*from_hex(kKey), *from_hex(kVector), "grower|geheim-und-lang|app-1");
  EXPECT_EQ(request().url, "https://provider.example/base/v2?d=" + percent_encode(payload));
  EXPECT_EQ(header("X-App"), "app-1");
}

TEST_F(EncryptedLoginTest, WhatAnswersMean) {
  struct Row {
    int status;
    const char *body, *verdict;
  };
  const Row rows[] = {
      {200, "{}", "ok"},
      {201, "{'token':'x'}", "ok"},
      {200, "{'errors':[]}", "ok"},
      {401, "", "refused refused"},
      {401, "{'error':'x'}", "refused refused"},
      {401, "<html></html>", "unavailable unexpected_answer"},
      {403, "", "forbidden permission_denied"},
      {403, "{}", "forbidden permission_denied"},
      {200, "{'error':'invalid password'}", kUnexpected},
      {200, "{'error':null}", kUnexpected},
      {200, "{'error':false}", kUnexpected},
      {200, "", kUnexpected},
      {200, "[]", kUnexpected},
      {200, "'ok'", kUnexpected},
      {200, "<html></html>", kUnexpected},
      {204, "", kUnexpected},
      {400, "{}", kUnexpected},
      {400, "{'error':'invalid password'}", kUnexpected},
      {404, "", kUnexpected},
      {407, "", kUnexpected},
      {422, "{}", kUnexpected},
  };
  for (const Row& row : rows)
    EXPECT_EQ(line_of(run({answer(row.status, row.body)}).answer), row.verdict) << row.status << " " << row.body;
  for (const auto& other : answers_that_say_nothing()) {
    EXPECT_EQ(line_of(run({other.exchange}).answer), "unavailable " + std::string(name_of(other.reason))) << other.what;
    EXPECT_EQ(heard(), "answered") << other.what;
  }
}

TEST_F(EncryptedLoginTest, NoParameterCanSendASecretInClear) {
  for (const char* secret : {"password", "key", "initializationVector"}) {
    const std::string placeholder = "{" + std::string(secret) + "}";
    for (const std::string& login :
         {"{'path':'/x','json':{'a':{'b':['" + placeholder + "']}}}", "{'path':'/x','form':{'a':'" + placeholder + "'}}",
          "{'path':'/x','query':{'a':'" + placeholder + "'}}", "{'path':'/x','headers':{'a':'" + placeholder + "'}}",
          "{'path':'/x/" + placeholder + "'}"}) {
      set_parameter("login", login);
      EXPECT_NE(refusal_of_plan().find(secret), std::string::npos) << login << ": " << refusal_of_plan();
    }
  }
}

TEST_F(EncryptedLoginTest, RefusesParametersAndNamesThem) {
  struct Row {
    const char *name, *value, *named;
  };
  const Row rows[] = {
      {"login", "null", "login"},
      {"encrypt", "null", "encrypt"},
      {"encrypt", "['{username}']", "encrypt"},
      {"encrypt", "{'encrypted_username':1,'encrypted_password':'x'}", "encrypt.encrypted_username"},
      {"encrypt", "{'encrypted_username':'{absent}','encrypted_password':'x'}", "absent"},
      {"key_encoding", "'utf8'", "key_encoding"},
      {"initialization_vector_encoding", "''", "initialization_vector_encoding"},
      {"ciphertext_encoding", "'plain'", "ciphertext_encoding"},
      {"ciphertext_encoding", "'auto'", "ciphertext_encoding"},
      {"cipher", "'AES'", "cipher"},
  };
  const Json built_in = provider_.parameters;
  for (const Row& row : rows) {
    provider_.parameters = built_in;
    set_parameter(row.name, row.value);
    EXPECT_NE(refusal_of_plan().find(row.named), std::string::npos) << row.name << " " << row.value << ": " << refusal_of_plan();
  }
}

}  // namespace

}  // namespace granary
