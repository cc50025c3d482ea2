// Agvance's flow: the envelope and what its Status and Message mean, where the session id stands, and a stored session
// that is tried first where a probe is configured (docs/providers.md).
#include "provider/flow_fixture.hpp"

namespace granary {

namespace {

const char* const kUnexpected = "unavailable unexpected_answer";

class AgvanceTest : public FlowTest {
 protected:
  AgvanceTest() : FlowTest("agvance-credentials") {
    set_field("apiKey", "api\"key");
    set_field("databaseId", "42");
    set_field("username", "grower");
    set_field("password", "pässword");
  }
};

http::Exchange session_ok(int status = 200) {
  return answer(status, "{'Status':'0','Message':'OK','APIUsers':[{'SessionID':'s1'}]}");
}

TEST_F(AgvanceTest, SendsTheLogin) {
  begin();
  EXPECT_EQ(request().url, "https://provider.example/base/ApiUser/LogOn");
  EXPECT_EQ(header("Accept"), "application/json");
  EXPECT_EQ(request().body, R"({"ApiKey":"api\"key","DatabaseID":"42","UserName":"grower","Password":"pässword"})");
}

TEST_F(AgvanceTest, WhatLoginAnswersMean) {
  const std::string session = ",'SessionID':'s1'}";
  struct Row {
    int status;
    std::string body;
    const char* verdict;
  };
  const Row rows[] = {
      {200, "{'Status':'0'" + session, "ok"},
      {200, "{'Status':0" + session, "ok"},
      {200, "{'Status':'3','Message':'incorrect but fine'" + session, "ok"},
      {201, "{'Status':'0'" + session, "ok"},
      {400, "{'Status':'0'" + session, "ok"},
      {404, "{'Status':'3'" + session, "ok"},
      {401, "", "refused refused"},
      {401, "{'Status':'0'" + session, "refused refused"},
      {401, "<html></html>", "unavailable unexpected_answer"},
      {200, "{'Status':'1','Message':'Invalid login.'}", "refused refused"},
      {200, "{'Status':2,'Message':'the INVALID USER name'}", "refused refused"},
      {403, "{'Status':'1','Message':'Unauthorized'}", "refused refused"},
      {400, "{'Status':'2','Message':'Incorrect database'}", "refused refused"},
      {200, "{'Status':'0'}", kUnexpected},
      {200, "{'Status':'0','SessionID':''}", kUnexpected},
      {200, "{'Status':'0','SessionID':null}", kUnexpected},
      {200, "{'Status':'0','APIUsers':[]}", kUnexpected},
      {200, "{'SessionID':'s1'}", kUnexpected},
      {200, "{'Status':'4'" + session, kUnexpected},
      {200, "{'Status':'00'" + session, kUnexpected},
      {200, "{'Status':''" + session, kUnexpected},
      {200, "{'Status':null" + session, kUnexpected},
      {200, "{'Status':true" + session, kUnexpected},
      {200, "{'Status':'OK'" + session, kUnexpected},
      {200, "{'status':'0'" + session, kUnexpected},
      {200, "{'Status':'1'}", kUnexpected},
      {200, "{'Status':'1','Message':''}", kUnexpected},
      {200, "{'Status':'1','Message':'Server is busy'}", kUnexpected},
      {200, "{'Status':'2','Message':['invalid login']}", kUnexpected},
      {200, "{'Status':'5','Message':'invalid login'}", kUnexpected},
      {200, "{'Message':'invalid login'}", kUnexpected},
      {403, "", kUnexpected},
      {403, "{'Status':'1','Message':'Method restricted'}", kUnexpected},
      {400, "invalid login", kUnexpected},
      {404, "<html>invalid login</html>", kUnexpected},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(run({answer(row.status, row.body)}).answer), row.verdict) << row.status << " " << row.body;
    EXPECT_EQ(update("sessionId"), verdict().answer.kind == AnswerKind::ok ? "s1" : "(kept)") << row.body;
  }
}

TEST_F(AgvanceTest, TheEnvelopeDoesNotCountOtherwise) {
  const std::string refusal = "{'Status':'1','Message':'invalid login'}";
  for (const int status : {300, 302, 408, 429, 500, 502, 503, 504}) {
    EXPECT_EQ(run({answer(status, refusal)}).answer.kind, AnswerKind::unavailable) << status;
    EXPECT_EQ(run({session_ok(status)}).answer.kind, AnswerKind::unavailable) << status;
  }
  for (const auto& other : answers_that_say_nothing()) {
    EXPECT_EQ(line_of(run({other.exchange}).answer), "unavailable " + std::string(name_of(other.reason))) << other.what;
    EXPECT_EQ(heard(), "answered") << other.what << ": a login spends nothing";
  }
}

TEST_F(AgvanceTest, EveryDefaultMessageIsARefusal) {
  for (const char* message : {"invalid login", "invalid user", "invalid password", "invalid credential", "invalid api",
                              "incorrect", "not authorized", "unauthorized"}) {
    const auto refusal = answer(200, "{'Status':'1','Message':'Sorry: " + to_lower(message) + "!'}");
    EXPECT_EQ(line_of(run({refusal}).answer), "refused refused") << message;
  }
  for (const char* message : {"invalid", "invalid date", "login", "not authorised", "session limit reached", "database offline"})
    EXPECT_EQ(line_of(run({answer(200, "{'Status':'1','Message':'" + std::string(message) + "'}")}).answer), kUnexpected)
        << message;
  set_parameter("refused_messages", "['Kein Zugang']");
  EXPECT_EQ(line_of(run({answer(200, "{'Status':'1','Message':'kein zugang'}")}).answer), "refused refused");
  EXPECT_EQ(line_of(run({answer(200, "{'Status':'1','Message':'invalid login'}")}).answer), kUnexpected);
}

TEST_F(AgvanceTest, WithoutAProbeACheckLogsIn) {
  set_given("sessionId", "stored");
  begin();
  EXPECT_TRUE(request().url.ends_with("/ApiUser/LogOn"));
}

class AgvanceProbeTest : public AgvanceTest {
 protected:
  AgvanceProbeTest() {
    set_parameter("probe", "{'method':'GET','path':'/ApiUser'}");
    set_given("sessionId", "stored");
  }
};

TEST_F(AgvanceProbeTest, TheStoredSessionIsProbedAndReused) {
  begin();
  EXPECT_EQ(request().url, "https://provider.example/base/ApiUser");
  EXPECT_EQ(header("SessionID"), "stored");
  feed(answer(200, "{'Status':'0'}"));
  EXPECT_EQ(line_of(verdict().answer), "ok");
  EXPECT_EQ(update("sessionId"), "(kept)");
  secrets_.grant.given.remove("sessionId");
  begin();
  EXPECT_TRUE(request().url.ends_with("/ApiUser/LogOn")) << "there is no session yet";
}

TEST_F(AgvanceProbeTest, ARefusedSessionIsNoRefusedLogin) {
  const auto gone = answer(200, "{'Status':'1','Message':'unauthorized'}");
  struct Row {
    const char* what;
    std::vector<http::Exchange> answers;
    const char* verdict;
  };
  const Row rows[] = {
      {"401, login", {answer(401), session_ok()}, "ok"},
      {"envelope, login", {gone, session_ok()}, "ok"},
      {"401, refused", {answer(401), answer(401)}, "refused refused"},
      {"envelope, refused", {gone, gone}, "refused refused"},
      {"401, unavailable", {answer(401), answer(500)}, "unavailable provider_error"},
      {"401, nothing known", {answer(401), answer(200, "{}")}, kUnexpected},
      {"unknown message", {answer(200, "{'Status':'1','Message':'busy'}")}, kUnexpected},
      {"403", {answer(403)}, kUnexpected},
      {"404", {answer(404)}, kUnexpected},
      {"HTML", {answer(200, "<html></html>")}, kUnexpected},
      {"503", {answer(503)}, "unavailable provider_error"},
      {"429", {answer(429)}, "unavailable rate_limited"},
      {"timeout", {no_answer(http::ExchangeFailure::timeout, true)}, "unavailable timeout"},
  };
  for (const Row& row : rows) EXPECT_EQ(line_of(run(row.answers).answer), row.verdict) << row.what;
}

TEST_F(AgvanceTest, RefusesParametersAndNamesThem) {
  struct Row {
    const char *name, *value, *named;
  };
  const Row rows[] = {
      {"login", "null", "login"},
      {"login", "{'path':'/x','json':{'a':['{absent}']}}", "absent"},
      {"login", "{'path':'/{absent}'}", "absent"},
      {"probe", "{'path':'x'}", "probe"},
      {"probe", "{'path':'/x','headers':{'a':'{absent}'}}", "absent"},
      {"session_header", "''", "session_header"},
      {"session_header", "null", "session_header"},
      {"session_id_pointers", "'/SessionID'", "session_id_pointers"},
      {"session_id_pointers", "[1]", "session_id_pointers"},
      {"refused_messages", "null", "refused_messages"},
      {"refused_messages", "[null]", "refused_messages"},
      {"refused_statuses", "[401]", "refused_statuses"},
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
