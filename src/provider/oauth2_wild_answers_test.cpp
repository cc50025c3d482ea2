// How token endpoints really answer: what is read and kept of it, before it is judged (docs/providers.md).
#include "provider/oauth2_refresh_fixture.hpp"

namespace granary {

namespace {

TEST_F(Oauth2RefreshTest, ATokenAnswerThatCannotBeReadCountsAsLost) {
  struct Row {
    const char* body;
    bool is_lost;
  };
  const Row rows[] = {
      {"{'access_token':'a", true},
      {"{'access_token':'a',", true},
      {"{'access_token':", true},
      {"{", true},
      {"{}", true},
      {"[]", true},
      {"OK", true},
      {"{'accessToken':'a'}", true},
      {"{'access_token':'a','refresh_token':['x']}", true},
      {"{'access_token':'a','refresh_token':1}", true},
      {"{'access_token':'a','refresh_token':'seven77'}", true},
      {"{'access_token':'a','refresh_token':'with a blank'}", true},
      {"\x1F\x8B\x08", true},
      {"<html>Sign in to the network</html>", false},
      {"", false},
      {"\xEF\xBB\xBF", false},
      {"{'error':'server_error'}", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(run({answer(200, row.body)}).answer), "unavailable unexpected_answer") << row.body;
    EXPECT_EQ(heard(), row.is_lost ? "lost" : "answered") << row.body;
    EXPECT_EQ(verdict().is_unread, row.is_lost) << row.body;
  }
  const std::string too_long(64 * 1024 + 1, 't');
  run({answer(200, "{'access_token':'a','refresh_token':'" + too_long + "'}")});
  EXPECT_EQ(heard(), "lost");
  run({answer(400, "{'error':")});
  EXPECT_EQ(heard(), "answered") << "a refusal spends nothing";
  run({answer(400, std::string(300, '\xFE'))});
  EXPECT_EQ(heard(), "lost") << "nobody knows what that is";
}

// The grower's next token, whatever else the answer says.
TEST_F(Oauth2RefreshTest, ATokenInAnAnswerThatFailsIsKeptBeforeItIsJudged) {
  struct Row {
    int status;
    const char *body, *verdict;
  };
  const Row rows[] = {
      {400, "{'error':'invalid_grant','refresh_token':'new-token'}", "refused refused"},
      {200, "{'error':'server_error','access_token':'a','refresh_token':'new-token'}", "unavailable unexpected_answer"},
      {429, "{'refresh_token':'new-token'}", "unavailable rate_limited"},
      {500, "{'access_token':'a','refresh_token':'new-token'}", "unavailable provider_error"},
      {503, "refresh_token=new-token", "unavailable provider_error"},
      {302, "{'refresh_token':'new-token'}", "unavailable unexpected_answer"},
      {401, "{'error':'invalid_client','refresh_token':'new-token'}", "unavailable application_refused"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(run({answer(row.status, row.body)}).answer), row.verdict) << row.body;
    EXPECT_EQ(given("refreshToken"), "new-token") << row.body;
    EXPECT_EQ(previous(given_), "old+token/=") << row.body;
    EXPECT_TRUE(given_ && given_->is_doubtful) << row.body;
    EXPECT_EQ(heard_[heard_.size() - 2], GrantEvent::rotated) << row.body;
  }
  auto cut = answer(200, "{'access_token':'a','refresh_token':'new-token','expires");
  cut.failure = http::ExchangeFailure::cut;
  EXPECT_EQ(line_of(run({cut}).answer), "unavailable unexpected_answer");
  EXPECT_EQ(given("refreshToken"), "new-token") << "it came whole, though the answer did not";
}

TEST_F(Oauth2RefreshTest, WhatIsNoNewTokenInAnAnswerThatFailsIsNotKept) {
  const char* const bodies[] = {
      "{'error':'invalid_grant','refresh_token':'old+token/='}", "{'error':'invalid_grant','refresh_token':['is invalid']}",
      "{'error':'invalid_grant','refresh_token':'invalid'}",     "{'error':'invalid_grant','refresh_token':'is not valid'}",
      "{'error':'invalid_grant','refresh_token':null}",          "{'error':'invalid_grant','access_token':'a'}",
  };
  for (const char* body : bodies) {
    EXPECT_EQ(line_of(run({answer(400, body)}).answer), "refused refused") << body;
    EXPECT_EQ(update("refreshToken"), "(kept)") << body;
    EXPECT_EQ(heard(), "refused") << body;
  }
  // One that this credential has spent before, as the caller says.
  kept_ = Kept::no;
  EXPECT_EQ(line_of(run({answer(400, "{'error':'invalid_grant','refresh_token':'spent-token'}")}).answer), "refused refused");
  EXPECT_FALSE(verdict().grant);
  EXPECT_EQ(heard(), "refused");
}

TEST_F(Oauth2RefreshTest, WhereTheDoubtfulTokenIsRefusedTheOneBeforeIsSentOnce) {
  set_given("refreshToken", "doubtful-token");
  secrets_.grant.previous_token = Plaintext(std::string("previous"));
  secrets_.grant.is_doubtful = true;
  const auto refusal = answer(400, "{'error':'invalid_grant'}");
  begin();
  EXPECT_EQ(send().one_use_token, "doubtful-token");
  feed(refusal);
  EXPECT_EQ(send().one_use_token, "previous");
  feed(refusal);
  EXPECT_EQ(line_of(verdict().answer), "refused refused");
  ASSERT_TRUE(verdict().grant);
  EXPECT_FALSE(verdict().grant->is_doubtful) << "it is the stored one that is confirmed";
  EXPECT_EQ(update("refreshToken"), "(kept)");
  run({refusal, answer(200, "{'access_token':'a','refresh_token':'newest-token'}")});
  EXPECT_EQ(line_of(verdict().answer), "ok");
  EXPECT_EQ(update("refreshToken"), "newest-token");
  EXPECT_FALSE(verdict().grant->is_doubtful);
  run({answer(200, "{'access_token':'a'}")});
  EXPECT_FALSE(verdict().grant->is_doubtful) << "it works";
}

TEST_F(Oauth2RefreshTest, LifetimesThatMeanSomething) {
  struct Row {
    const char* expires_in;
    std::optional<std::int64_t> lifetime;
  };
  const Row rows[] = {
      {"1", 1},
      {"3600", 3'600},
      {"'3600'", 3'600},
      {"3599.9", 3'599},
      {"'3599.9'", 3'599},
      {"7776001", 90 * 86'400},
      {"1e30", 90 * 86'400},
      {"9223372036854775807", 90 * 86'400},
      {"0", {}},
      {"0.5", {}},
      {"-1", {}},
      {"'-1'", {}},
      {"null", {}},
      {"true", {}},
      {"'soon'", {}},
      {"''", {}},
      {"' 60'", {}},
      {"'60s'", {}},
      {"'1e3'", {}},
      {"'0x10'", {}},
      {"'+60'", {}},
      {"'1,000'", {}},
      {"'PT1H'", {}},
      {"'nan'", {}},
      {"'inf'", {}},
      {"[]", {}},
      {"[60]", {}},
  };
  for (const Row& row : rows) {
    const auto lifetime =
        run({answer(200, "{'access_token':'a','expires_in':" + std::string(row.expires_in) + "}")}).answer.token_lifetime;
    EXPECT_EQ(lifetime.has_value(), row.lifetime.has_value()) << row.expires_in;
    if (lifetime && row.lifetime) EXPECT_EQ(lifetime->count(), *row.lifetime);
    if (!row.lifetime) EXPECT_FALSE(verdict().grant->refresh_at) << "an end that is not known any more";
  }
}

TEST_F(Oauth2RefreshTest, ALifetimeIsReadOutOfATokenThatSaysIt) {
  const auto jwt = [](const std::string& claims) { return "e30." + to_base64url(claims) + ".c2ln"; };
  const std::int64_t now = to_micros(now_) / 1'000'000;
  const auto lifetime = [&](const std::string& token, const std::string& more = "") {
    return run({answer(200, R"({"access_token":")" + token + "\"" + more + "}")}).answer.token_lifetime;
  };
  const std::string both = jwt(R"({"iat":1000,"exp":4600})"), end = jwt(R"({"exp":)" + std::to_string(now + 600) + "}");
  EXPECT_EQ(lifetime(both), seconds(3'600));
  EXPECT_EQ(lifetime(end), seconds(600));
  EXPECT_EQ(lifetime(both, R"(,"expires_in":60)"), seconds(60)) << "what is said beside it comes first";
  EXPECT_EQ(lifetime(both, R"(,"expires_in":"soon")"), seconds(3'600));
  for (const char* claims : {"{}", R"({"exp":"4600"})", R"({"exp":1,"iat":2})", "[]", "exp"})
    EXPECT_FALSE(lifetime(jwt(claims))) << claims;
  for (const char* token : {"a.b", "a.b.c", "e30.!!.x", ".."}) EXPECT_FALSE(lifetime(token)) << token;
  set_parameter("token_lifetime", "'30m'");
  EXPECT_EQ(lifetime("a"), seconds(1'800)) << "the descriptor's, where nobody says it";
  EXPECT_EQ(lifetime(both), seconds(3'600));
}

TEST_F(Oauth2RefreshTest, WhenTheGrantEndsIsTold) {
  const auto ends = [&](const std::string& more) {
    return run({answer(200, "{'access_token':'a','expires_in':3600" + more + "}")}).answer.grant_ends;
  };
  EXPECT_EQ(ends(",'refresh_token_expires_in':86400"), now_ + seconds(86'400));
  EXPECT_EQ(ends(",'refresh_expires_in':'1800'"), now_ + seconds(1'800));
  EXPECT_EQ(verdict().answer.refresh_at, now_ + seconds(1'800 - 180)) << "before the refresh token ends";
  EXPECT_EQ(ends(""), std::nullopt);
  EXPECT_EQ(ends(",'refresh_expires_in':0"), std::nullopt);
  set_parameter("refresh_lifetime_pointer", "'/consent/expires_in'");
  EXPECT_EQ(ends(",'consent':{'expires_in':600}"), now_ + seconds(600));
}

TEST_F(Oauth2RefreshTest, AnErrorWhereThePointerSays) {
  set_parameter("refused", "[{'status':422,'pointer':'/fault/faultstring','value':'Grant expired'}]");
  EXPECT_EQ(line_of(run({answer(422, "{'fault':{'faultstring':'grant EXPIRED'}}")}).answer), "refused refused");
  for (const char* body :
       {"{'faultstring':'Grant expired'}", "{'fault':'Grant expired'}", "{'fault':{'faultstring':'Grant'}}", "Grant expired"})
    EXPECT_EQ(line_of(run({answer(422, body)}).answer), "unavailable unexpected_answer") << body;
}

TEST_F(Oauth2RefreshTest, AByteOrderMarkCostsNoToken) {
  EXPECT_EQ(line_of(run({answer(200, "\xEF\xBB\xBF{'access_token':'a','refresh_token':'new-token'}")}).answer), "ok");
  EXPECT_EQ(update("refreshToken"), "new-token");
}

TEST_F(Oauth2RefreshTest, TokensUpTo64KiB) {
  const std::string longest(64 * 1024, 't');
  run({answer(200, "{'access_token':'" + longest + "','refresh_token':'" + longest.substr(1) + "'}")});
  EXPECT_EQ(update("accessToken"), longest);
  EXPECT_EQ(update("refreshToken"), longest.substr(1));
  EXPECT_EQ(line_of(run({answer(200, "{'access_token':'" + longest + "t'}")}).answer), "unavailable unexpected_answer");
}

}  // namespace

}  // namespace granary
