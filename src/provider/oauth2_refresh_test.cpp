// Ag Leader's flow, and what the parameters of its kind make of it: which answers are refusals, what is kept of tokens, and
// that a one-use token is spent once (docs/providers.md).
#include "provider/answer.hpp"
#include "provider/oauth2_refresh_fixture.hpp"

namespace granary {

namespace {

TEST_F(Oauth2RefreshTest, AsksForATokenAndNamesWhatItSpends) {
  begin();
  EXPECT_EQ(request().method, "POST");
  EXPECT_EQ(request().url, "https://provider.example/base/api/token");
  EXPECT_EQ(request().body, "grant_type=refresh_token&refresh_token=old%2Btoken%2F%3D");
  EXPECT_EQ(header("Authorization"), "Basic " + to_base64("client:s&cret"));
  EXPECT_EQ(header("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_TRUE(request().fresh_connection) << "no layer below may send it twice";
  EXPECT_EQ(send().one_use_token, "old+token/=");
}

TEST_F(Oauth2RefreshTest, ClientInTheBodyAndAFormOfItsOwn) {
  set_parameter("client_authentication", "'body'");
  set_parameter("form", "{'scope':'read write','x&y':'1'}");
  begin();
  EXPECT_EQ(header("Authorization"), "");
  EXPECT_EQ(request().body,
            "grant_type=refresh_token&refresh_token=old%2Btoken%2F%3D&client_id=client&client_secret=s%26cret"
            "&scope=read%20write&x%26y=1");
}

TEST_F(Oauth2RefreshTest, WhatAnswersMean) {
  struct Row {
    int status;
    const char *body, *verdict;
  };
  const char* const kUnexpected = "unavailable unexpected_answer";
  const char* const kApplication = "unavailable application_refused";
  const Row rows[] = {
      {200, "{'access_token':'a'}", "ok"},
      {201, "{'access_token':'a'}", "ok"},
      {204, "{'access_token':'a'}", "ok"},
      {200, "{'access_token':'a','error':null}", "ok"},
      {200, "{'access_token':'a','error':''}", "ok"},
      {200, "{'access_token':'a','error':false}", "ok"},
      {200, "{'access_token':'a','error':{}}", "ok"},
      {200, "{'data':{'access_token':'a'}}", "ok"},
      {200, "[{'access_token':'a'}]", "ok"},
      {200, "access_token=a&expires_in=60&token_type=bearer", "ok"},
      {200, "{'access_token':'a'}{}", "ok"},
      {200, "{'access_token':'x','access_token':'a'}", "ok"},
      {200, "{'access_token':'a','note':'\\ud800'}", "ok"},
      {200, "{'access_token':'a','note':'caf\xE9'}", "ok"},
      {200, ")]}',\n{'access_token':'a'}", "ok"},
      {400, "{'error':'invalid_grant'}", "refused refused"},
      {400, "{'error':'INVALID_GRANT'}", "refused refused"},
      {400, "{'error':'Invalid Grant'}", "refused refused"},
      {400, "{'error':['invalid_grant']}", "refused refused"},
      {400, "{'error':{'code':'invalid_grant'}}", "refused refused"},
      {400, "{'errors':[{'code':'invalid_grant'}]}", "refused refused"},
      {400, "{'error':'Bad Request','message':'invalid_grant'}", "refused refused"},
      {400, "invalid_grant", "refused refused"},
      {400, "error: invalid_grant (token revoked)", "refused refused"},
      {400, "error=invalid_grant&error_description=revoked", "refused refused"},
      {401, "{'error':'invalid_grant'}", "refused refused"},
      {403, "{'error':'invalid_grant'}", "refused refused"},
      {200, "{'error':'invalid_grant'}", "refused refused"},
      {200, "{'success':false,'code':'invalid_grant'}", "refused refused"},
      {401, "", "refused refused"},
      {401, " \r\n", "refused refused"},
      {400, "{'error':'invalid_client'}", kApplication},
      {400, "{'error':'unauthorized_client'}", kApplication},
      {401, "{'error':'invalid_client'}", kApplication},
      {401, "{'error':'unauthorized_client'}", kApplication},
      {402, "{'error':'invalid_client'}", kApplication},
      {200, "{'error':{'type':'invalid_client'}}", kApplication},
      {400, "", kUnexpected},
      {400, "{}", kUnexpected},
      {400, "{'error':''}", kUnexpected},
      {400, "{'error':null}", kUnexpected},
      {400, "{'error':'invalid_request'}", kUnexpected},
      {400, "{'error':'invalid_scope'}", kUnexpected},
      {400, "{'error':'unsupported_grant_type'}", kUnexpected},
      {400, "{'error':'temporarily_unavailable'}", kUnexpected},
      {400, "{'error_description':'no invalid_grant here'}", kUnexpected},
      {400, "no_invalid_grant", kUnexpected},
      {400, "<html>invalid_grant</html>", kUnexpected},
      {401, "{}", kUnexpected},
      {401, "{'error':''}", kUnexpected},
      {401, "{'error':'invalid_token'}", kUnexpected},
      {401, "<html>Unauthorized</html>", kUnexpected},
      {403, "", kUnexpected},
      {403, "{'error':'access_denied'}", kUnexpected},
      {404, "{'error':'invalid_grant'}", kUnexpected},
      {422, "{'error':'invalid_grant'}", kUnexpected},
      {200, "{}", kUnexpected},
      {200, "{'access_token':''}", kUnexpected},
      {200, "{'access_token':null}", kUnexpected},
      {200, "{'access_token':['a']}", kUnexpected},
      {200, "{'refresh_token':'another-token'}", kUnexpected},
      {200, "{'access_token':'a','error':'server_error'}", kUnexpected},
      {200, "<html>{'access_token':'a'}</html>", kUnexpected},
  };
  for (const Row& row : rows)
    EXPECT_EQ(line_of(run({answer(row.status, row.body)}).answer), row.verdict) << row.status << " " << row.body;
}

TEST_F(Oauth2RefreshTest, WhatSaysNothingIsUnavailableAndKeepsTheTokens) {
  for (const auto& other : answers_that_say_nothing()) {
    const Verdict& verdict = run({other.exchange});
    EXPECT_EQ(verdict.answer.kind, AnswerKind::unavailable) << other.what;
    EXPECT_EQ(verdict.answer.reason, other.reason) << other.what;
    EXPECT_EQ(update("refreshToken"), "(kept)") << other.what;
    const bool is_unread = other.exchange.status == 200 && !other.exchange.failure && !other.exchange.body.empty() &&
                           !other.exchange.body.starts_with('<');
    EXPECT_EQ(heard() == "lost", is_unread || (other.exchange.failure && other.exchange.was_sent)) << other.what;
  }
}

TEST_F(Oauth2RefreshTest, ARotatedTokenReplacesTheOld) {
  run({answer(200, "{'access_token':'a','refresh_token':'new-token','expires_in':3600}")});
  EXPECT_EQ(update("accessToken"), "a");
  EXPECT_EQ(update("refreshToken"), "new-token");
  EXPECT_EQ(previous(verdict().grant), "old+token/=");
  EXPECT_EQ(verdict().grant->refresh_at, now_ + seconds(3'600 - 360)) << "a tenth before its end";
  EXPECT_EQ(heard(), "rotated");
  EXPECT_EQ(verdict().answer.token_lifetime, seconds(3'600));
}

// Beside what its provider gave: a repetition of the same POST or PUT is known by it.
TEST_F(Oauth2RefreshTest, TheTokenThatAClientGaveStaysWhenItIsSpent) {
  run({answer(200, "{'access_token':'a','refresh_token':'new-token'}")});
  EXPECT_EQ(secrets_.login.value("refreshToken"), "old+token/=");
  set_given("refreshToken", "given");
  run({answer(200, "{'access_token':'a','refresh_token':'new-token'}")});
  EXPECT_EQ(previous(verdict().grant), "given") << "what was sent is what is spent";
  EXPECT_EQ(secrets_.login.value("refreshToken"), "old+token/=");
}

TEST_F(Oauth2RefreshTest, AnAnswerWithoutRefreshTokenKeepsTheOld) {
  for (const char* more : {"", ",'refresh_token':null", ",'refresh_token':''", ",'refresh_token':'old+token/='"}) {
    run({answer(200, "{'access_token':'a'" + std::string(more) + "}")});
    EXPECT_EQ(line_of(verdict().answer), "ok") << more;
    EXPECT_EQ(update("refreshToken"), "(kept)") << more;
    EXPECT_EQ(previous(verdict().grant), "(none)") << more;
    EXPECT_EQ(heard(), "accepted") << more;
  }
}

// Its access token is no use, but the refresh token in it is the next one.
TEST_F(Oauth2RefreshTest, ARefreshTokenWithoutAnAccessTokenIsKept) {
  const std::string too_long(64 * 1024 + 1, 't');
  for (const std::string& token : {std::string("null"), std::string("''"), "'" + too_long + "'"}) {
    run({answer(200, "{'access_token':" + token + ",'refresh_token':'new-token'}")});
    EXPECT_EQ(line_of(verdict().answer), "unavailable unexpected_answer");
    EXPECT_EQ(update("refreshToken"), "new-token");
    EXPECT_EQ(previous(verdict().grant), "old+token/=");
    EXPECT_EQ(update("accessToken"), "(kept)");
    EXPECT_EQ(heard(), "rotated");
  }
}

TEST_F(Oauth2RefreshTest, ClientAndSecretFormEncodedInTheHeader) {
  set_parameter("client_authentication", "'basic_form_encoded'");
  begin();
  EXPECT_EQ(header("Authorization"), "Basic " + to_base64("client:s%26cret"));
}

TEST_F(Oauth2RefreshTest, ThePreviousTokenOnlyWhereTheDescriptorSaysSo) {
  const auto refusal = answer(400, "{'error':'invalid_grant'}");
  secrets_.grant.previous_token = Plaintext(std::string("previous"));
  EXPECT_EQ(line_of(run({refusal}, kLost).answer), "refused refused");
  set_parameter("previous_token_valid", "true");
  EXPECT_EQ(line_of(run({refusal}).answer), "refused refused") << "no answer was lost";
  // Lost, refused, then the one before: once.
  begin(kLost);
  feed(refusal);
  EXPECT_EQ(heard(), "refused");
  EXPECT_EQ(send().one_use_token, "previous");
  EXPECT_TRUE(request().fresh_connection);
  feed(refusal);
  EXPECT_EQ(line_of(verdict().answer), "refused refused");
  EXPECT_EQ(line_of(run({refusal}, GrantState::doubtful).answer), "refused refused")
      << "what was lost was lost before this token came";
  secrets_.grant.previous_token.reset();
  EXPECT_EQ(line_of(run({refusal}, kLost).answer), "refused refused");
}

TEST_F(Oauth2RefreshTest, ThePreviousTokenThatWorkedIsKept) {
  set_parameter("previous_token_valid", "true");
  secrets_.grant.previous_token = Plaintext(std::string("previous"));
  const auto refusal = answer(400, "{'error':'invalid_grant'}");
  run({refusal, answer(200, "{'access_token':'a','refresh_token':'new-token'}")}, kLost);
  EXPECT_EQ(update("refreshToken"), "new-token");
  // Without a new one, the stored one is the refused one: the one that worked takes its place.
  for (const char* more : {"", ",'refresh_token':'previous'"}) {
    run({refusal, answer(200, "{'access_token':'a'" + std::string(more) + "}")}, kLost);
    EXPECT_EQ(line_of(verdict().answer), "ok");
    EXPECT_EQ(update("refreshToken"), "previous") << more;
  }
}

// What is heard of the token that was sent decides where it stands (domain/grant.hpp).
TEST_F(Oauth2RefreshTest, WhatIsHeardOfTheTokenThatWasSent) {
  struct Row {
    const char* what;
    http::Exchange exchange;
    const char* heard;
  };
  using enum http::ExchangeFailure;
  const Row rows[] = {
      {"another", answer(200, "{'access_token':'a','refresh_token':'new-token'}"), "rotated"},
      {"the same again", answer(200, "{'access_token':'a','refresh_token':'old+token/='}"), "accepted"},
      {"none", answer(200, "{'access_token':'a'}"), "accepted"},
      {"none that can be read", answer(200, "{}"), "lost"},
      {"nothing at all", answer(200), "answered"},
      {"refused", answer(400, "{'error':'invalid_grant'}"), "refused"},
      {"another error", answer(400, "{'error':'invalid_request'}"), "answered"},
      {"429", answer(429), "answered"},
      {"500", answer(500), "answered"},
      {"503", answer(503, "{'error':'invalid_grant'}"), "answered"},
      {"a page", answer(200, "<html>"), "answered"},
      {"cut within", answer(200, "{'access_token':'a','refresh"), "lost"},
      {"cut after both", answer(200, "{'access_token':'a','refresh_token':'new-token','exp"), "rotated"},
      {"cut in the access token", answer(200, "{'access_token':'a"), "lost"},
      {"another beside an error", answer(400, "{'error':'invalid_grant','refresh_token':'new-token'}"), "answered"},
      {"a timeout after it was sent", no_answer(timeout, true), "lost"},
      {"a reset after it was sent", no_answer(unreachable, true), "lost"},
      {"an answer cut by the network", no_answer(cut, true, 200), "lost"},
      {"an answer that is too large", no_answer(too_large, true, 200), "lost"},
      {"no connection", no_answer(unreachable), "answered"},
      {"no name", no_answer(unresolved), "answered"},
      {"a timeout before it was sent", no_answer(timeout), "answered"},
  };
  for (const Row& row : rows) {
    run({row.exchange});
    EXPECT_EQ(heard(), row.heard) << row.what;
  }
}

class Oauth2ProbeTest : public Oauth2RefreshTest {
 protected:
  Oauth2ProbeTest() {
    set_parameter("probe", "{'method':'GET','path':'/me','headers':{'Authorization':'Bearer {accessToken}'}}");
    set_given("accessToken", "current");
  }
};

TEST_F(Oauth2ProbeTest, AFreshAccessTokenIsProbedAndNothingIsSpent) {
  begin();
  EXPECT_EQ(request().url, "https://provider.example/base/me");
  EXPECT_EQ(header("Authorization"), "Bearer current");
  EXPECT_EQ(send().one_use_token, "");
  feed(answer(200));
  EXPECT_EQ(line_of(verdict().answer), "ok");
  EXPECT_EQ(update("refreshToken"), "(kept)");
}

// A probe with what a client posted would say nothing of the refresh token beside it.
TEST_F(Oauth2ProbeTest, AnAccessTokenThatAClientPostedGivesWay) {
  set_field("accessToken", "posted");
  secrets_.grant.given.remove("accessToken");
  begin();
  EXPECT_EQ(send().one_use_token, "old+token/=");
}

TEST_F(Oauth2ProbeTest, AnEndedAccessTokenIsRefreshedFirst) {
  secrets_.grant.refresh_at = now_;
  begin();
  EXPECT_EQ(send().one_use_token, "old+token/=");
  feed(answer(200, "{'access_token':'fresh'}"));
  EXPECT_EQ(header("Authorization"), "Bearer fresh");
  feed(answer(200));
  EXPECT_EQ(line_of(verdict().answer), "ok");
  EXPECT_EQ(update("accessToken"), "fresh");
}

// Whoever sends stores it first: nothing else has it.
TEST_F(Oauth2ProbeTest, WhatARefreshGaveIsHandedOverBeforeTheProbe) {
  begin(kLost);
  EXPECT_EQ(send().one_use_token, "old+token/=") << "after a lost answer a probe would say nothing of the refresh token";
  feed(answer(200, "{'access_token':'fresh','refresh_token':'new-token'}"));
  EXPECT_EQ(header("Authorization"), "Bearer fresh");
  EXPECT_EQ(given("accessToken"), "fresh");
  EXPECT_EQ(given("refreshToken"), "new-token");
  EXPECT_EQ(previous(given_), "old+token/=");
  ASSERT_GE(heard_.size(), 3U);
  EXPECT_EQ(heard_[heard_.size() - 2], GrantEvent::rotated) << "with the Keep";
  EXPECT_EQ(heard(), "answered") << "a probe spends nothing";
  feed(answer(200));
  EXPECT_FALSE(verdict().grant) << "it is stored already";
  EXPECT_EQ(heard(), "answered");
}

// A token that still works when it is probed must not end before the next check.
TEST_F(Oauth2ProbeTest, AProbeSaysWhenTheTokenMustBeReplaced) {
  const WallTime refresh_at = now_ + seconds(1800);
  secrets_.grant.refresh_at = refresh_at;
  begin();
  EXPECT_EQ(send().one_use_token, "");
  feed(answer(200));
  EXPECT_EQ(verdict().answer.refresh_at, refresh_at);
}

TEST_F(Oauth2ProbeTest, WhatProbesMean) {
  const auto token = answer(200, "{'access_token':'fresh','refresh_token':'new-token'}");
  struct Row {
    const char* what;
    std::vector<http::Exchange> answers;
    const char* verdict;
    const char* refresh_token;
  };
  const Row rows[] = {
      {"200", {answer(200)}, "ok", "(kept)"},
      {"401, refresh, 200", {answer(401), token, answer(200)}, "ok", "new-token"},
      {"401, refresh, 401", {answer(401), token, answer(401)}, "refused refused", "new-token"},
      {"401, refresh, 403", {answer(401), token, answer(403)}, "forbidden permission_denied", "new-token"},
      {"401, refresh, 500", {answer(401), token, answer(500)}, "unavailable provider_error", "new-token"},
      {"401, refresh, lost",
       {answer(401), token, no_answer(http::ExchangeFailure::timeout, true)},
       "unavailable timeout",
       "new-token"},
      {"401, refresh refused", {answer(401), answer(400, "{'error':'invalid_grant'}")}, "refused refused", "(kept)"},
      {"401, refresh unavailable", {answer(401), answer(503)}, "unavailable provider_error", "(kept)"},
      {"403", {answer(403)}, "forbidden permission_denied", "(kept)"},
      {"404", {answer(404)}, "unavailable unexpected_answer", "(kept)"},
      {"400", {answer(400, "{'error':'invalid_grant'}")}, "unavailable unexpected_answer", "(kept)"},
      {"429", {answer(429)}, "unavailable rate_limited", "(kept)"},
      {"500", {answer(500)}, "unavailable provider_error", "(kept)"},
      {"lost", {no_answer(http::ExchangeFailure::timeout, true)}, "unavailable timeout", "(kept)"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(run(row.answers).answer), row.verdict) << row.what;
    EXPECT_EQ(update("refreshToken"), row.refresh_token) << row.what;
    const bool is_of_the_token = std::string_view(row.what) == "401, refresh refused";
    EXPECT_EQ(heard(), is_of_the_token ? "refused" : "answered") << row.what << ": a probe spends nothing";
  }
}

TEST_F(Oauth2RefreshTest, RefusesParametersAndNamesThem) {
  struct Row {
    const char *name, *value, *named;
  };
  const Row rows[] = {
      {"token_path", "''", "token_path"},
      {"token_path", "'api/token'", "token_path"},
      {"client_authentication", "'digest'", "client_authentication"},
      {"client_id_field", "'absent'", "client_id_field"},
      {"client_secret_field", "''", "client_secret_field"},
      {"refresh_token_field", "'token'", "refresh_token_field"},
      {"form", "[]", "form"},
      {"form", "{'a':1}", "form"},
      {"refused", "{}", "refused"},
      {"refused", "[{}]", "refused"},
      {"refused", "[{'status':'400','error':''}]", "refused"},
      {"refused", "[{'status':400}]", "refused"},
      {"refused", "[]", "refused"},
      {"refused", "['invalid_grant']", "refused"},
      {"refused", "[{'status':500,'value':'invalid_grant'}]", "refused"},
      {"refused", "[{'status':429,'value':'invalid_grant'}]", "refused"},
      {"refused", "[{'status':302,'value':'invalid_grant'}]", "refused"},
      {"refused", "[{'status':200,'value':''}]", "refused"},
      {"refused", "[{'value':''}]", "refused"},
      {"refused", "[{'status':401,'value':'','pointer':'/error'}]", "refused"},
      {"refused", "[{'value':'invalid_grant','pointer':'error'}]", "refused"},
      {"refused", "[{'value':'invalid_grant','path':'/error'}]", "path"},
      {"application_refused", "'invalid_client'", "application_refused"},
      {"token_lifetime", "3600", "token_lifetime"},
      {"token_lifetime", "'1s'", "token_lifetime"},
      {"refresh_lifetime_pointer", "'expires'", "refresh_lifetime_pointer"},
      {"probe", "{'path':'me'}", "probe"},
      {"probe", "{'path':'/{unknown}'}", "probe"},
      {"probe", "'GET /me'", "probe"},
      {"token_url", "'/x'", "token_url"},
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
