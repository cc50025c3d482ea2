// Sentera's flow: login, then the organization of exactly the given name over pages; what a refused token and a refused
// login mean (docs/providers.md).
#include "provider/flow_fixture.hpp"

namespace granary {

namespace {

http::Exchange login_ok() { return answer(200, "{'auth_token':'fresh','status':'active'}"); }

// A page with organizations of these names; ids count up from `first_id`.
http::Exchange page(const std::vector<std::string>& names, int total, int first_id = 1) {
  std::string results;
  for (const auto& name : names)
    results += (results.empty() ? "" : ",") + ("{'sentera_id':'id" + std::to_string(first_id++) + "','name':'" + name + "'}");
  return answer(200, "{'data':{'organizations':{'total_count':" + std::to_string(total) + ",'results':[" + results + "]}}}");
}

const char* const kUnexpected = "unavailable unexpected_answer";

class SenteraTest : public FlowTest {
 protected:
  SenteraTest() : FlowTest("sentera-credentials") {
    set_field("username", "grower@example.com");
    set_field("password", "pass\"word");
    set_field("organizationName", "Green Acres");
  }
  std::int64_t page_asked_for() {
    const auto body = Json::parse(request().body);
    const Json* number = body ? body->at_pointer("/variables/p") : nullptr;
    return number ? number->integer().value_or(0) : 0;
  }
};

TEST_F(SenteraTest, LogsInThenAsksWithTheToken) {
  begin();
  EXPECT_EQ(request().url, "https://provider.example/base/v1/sessions");
  const auto login = Json::parse(request().body);
  ASSERT_TRUE(login);
  EXPECT_EQ(*login->at_pointer("/session/email"), Json("grower@example.com"));
  EXPECT_EQ(*login->at_pointer("/session/password"), Json("pass\"word"));
  EXPECT_EQ(header("Authorization"), "");
  feed(login_ok());
  EXPECT_EQ(request().url, "https://provider.example/base/graphql");
  EXPECT_EQ(header("Authorization"), "Bearer fresh");
  EXPECT_EQ(request().body.find("word"), std::string::npos);
  EXPECT_EQ(page_asked_for(), 1);
  feed(page({"Green Acres"}, 1));
  EXPECT_EQ(line_of(verdict().answer), "ok");
  EXPECT_EQ(update("authToken"), "fresh");
  EXPECT_EQ(update("organizationId"), "id1");
}

TEST_F(SenteraTest, AStoredTokenIsUsedAndItsSchemeIsAParameter) {
  set_given("authToken", "stored");
  set_parameter("token_scheme", "''");
  begin();
  EXPECT_EQ(header("Authorization"), "stored");
  feed(page({"Green Acres"}, 1));
  EXPECT_EQ(update("authToken"), "(kept)");
  EXPECT_EQ(update("organizationId"), "id1");
}

TEST_F(SenteraTest, WhatLoginAnswersMean) {
  struct Row {
    int status;
    const char *body, *verdict;
  };
  const Row rows[] = {
      {401, "", "refused refused"},
      {401, "<html></html>", "unavailable unexpected_answer"},
      {403, "{'error':'x'}", "refused refused"},
      {422, "{}", "refused refused"},
      {400, "{'error':'invalid password'}", kUnexpected},
      {404, "", kUnexpected},
      {405, "", kUnexpected},
      {409, "", kUnexpected},
      {200, "", kUnexpected},
      {200, "{}", kUnexpected},
      {200, "{'auth_token':null}", kUnexpected},
      {200, "{'auth_token':''}", kUnexpected},
      {200, "{'token':'x'}", kUnexpected},
      {200, "<html>401</html>", kUnexpected},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(run({answer(row.status, row.body)}).answer), row.verdict) << row.status << " " << row.body;
    EXPECT_EQ(update("authToken"), "(kept)");
  }
  for (const auto& other : answers_that_say_nothing()) {
    EXPECT_EQ(line_of(run({other.exchange}).answer), "unavailable " + std::string(name_of(other.reason))) << other.what;
    EXPECT_EQ(heard(), "answered") << other.what;
  }
  set_parameter("login_refused_statuses", "[401]");
  EXPECT_EQ(line_of(run({answer(403)}).answer), kUnexpected);
  EXPECT_EQ(line_of(run({answer(422)}).answer), kUnexpected);
}

TEST_F(SenteraTest, WhatQueryAnswersMeanAfterALogin) {
  struct Row {
    const char* what;
    http::Exchange exchange;
    const char* verdict;
  };
  const Row rows[] = {
      {"401 right after a login", answer(401), "refused refused"},
      {"403", answer(403), "forbidden permission_denied"},
      {"errors and null data", answer(200, "{'errors':[{'message':'x'}],'data':null}"), kUnexpected},
      {"errors beside data", answer(200, "{'errors':[{'message':'x'}],'data':{'organizations':{'total_count':0,'results':[]}}}"),
       kUnexpected},
      {"errors alone", answer(200, "{'errors':[{'message':'Unauthorized'}]}"), kUnexpected},
      {"null data alone", answer(200, "{'data':null}"), kUnexpected},
      {"no results", answer(200, "{'data':{'organizations':{'total_count':0}}}"), kUnexpected},
      {"results of another type", answer(200, "{'data':{'organizations':{'total_count':1,'results':{}}}}"), kUnexpected},
      {"a result without id", answer(200, "{'data':{'organizations':{'total_count':1,'results':[{'name':'Green Acres'}]}}}"),
       kUnexpected},
      {"a result without name", answer(200, "{'data':{'organizations':{'total_count':1,'results':[{'sentera_id':'x'}]}}}"),
       kUnexpected},
      {"400", answer(400), kUnexpected},
      {"404", answer(404), kUnexpected},
      {"422", answer(422), kUnexpected},
      {"HTML", answer(200, "<html></html>"), kUnexpected},
      {"429", answer(429), "unavailable rate_limited"},
      {"500", answer(500), "unavailable provider_error"},
      {"302", answer(302), kUnexpected},
      {"cut", no_answer(http::ExchangeFailure::cut, true, 200), kUnexpected},
      {"timeout", no_answer(http::ExchangeFailure::timeout, true), "unavailable timeout"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(run({login_ok(), row.exchange}).answer), row.verdict) << row.what;
    EXPECT_EQ(update("authToken"), "fresh") << row.what << ": the token was given, so it is kept";
    EXPECT_EQ(update("organizationId"), "(kept)") << row.what;
    EXPECT_TRUE(verdict().withdrawn.empty()) << row.what;
  }
}

TEST_F(SenteraTest, ARefusedStoredTokenLogsInAgainOnceAndThatAnswerCounts) {
  const auto errors = answer(200, "{'errors':[{'message':'x'}],'data':null}");
  const auto page_with_no_errors = answer(200,
                                          "{'errors':[],'data':{'organizations':{'total_count':1,'results':"
                                          "[{'sentera_id':'1','name':'Green Acres'}]}}}");
  struct Row {
    const char* what;
    std::vector<http::Exchange> answers;
    const char* verdict;
  };
  const Row rows[] = {
      {"401, login, page", {answer(401), login_ok(), page({"Green Acres"}, 1)}, "ok"},
      {"no errors but a list of them", {page_with_no_errors}, "ok"},
      {"errors, login, page", {errors, login_ok(), page({"Green Acres"}, 1)}, "ok"},
      {"401, login refused", {answer(401), answer(401)}, "refused refused"},
      {"errors, login refused", {errors, answer(422)}, "refused refused"},
      {"401, login unavailable", {answer(401), answer(500)}, "unavailable provider_error"},
      {"401, login, 401", {answer(401), login_ok(), answer(401)}, "refused refused"},
      {"401, login, errors", {answer(401), login_ok(), errors}, kUnexpected},
      {"errors, login, errors", {errors, login_ok(), errors}, kUnexpected},
      {"errors, login, 401", {errors, login_ok(), answer(401)}, "refused refused"},
      {"403 is no refusal of the token", {answer(403)}, "forbidden permission_denied"},
      {"500 neither", {answer(500)}, "unavailable provider_error"},
      {"null data alone neither", {answer(200, "{'data':null}")}, kUnexpected},
  };
  set_given("authToken", "stored");
  for (const Row& row : rows) EXPECT_EQ(line_of(run(row.answers).answer), row.verdict) << row.what;
}

TEST_F(SenteraTest, TheNameMustMatchExactlyAndOnce) {
  struct Row {
    std::vector<std::string> names;
    const char* verdict;
  };
  const Row rows[] = {
      {{"Green Acres"}, "ok"},
      {{"Other", "Green Acres", "green acres"}, "ok"},
      {{}, "forbidden organization_not_found"},
      {{"green acres"}, "forbidden organization_not_found"},
      {{"Green Acres "}, "forbidden organization_not_found"},
      {{" Green Acres"}, "forbidden organization_not_found"},
      {{"Green  Acres"}, "forbidden organization_not_found"},
      {{"Green Acre"}, "forbidden organization_not_found"},
      {{"Green Acres 2", "The Green Acres"}, "forbidden organization_not_found"},
      {{"Green Acres", "Green Acres"}, "forbidden organization_ambiguous"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(run({login_ok(), page(row.names, static_cast<int>(row.names.size()))}).answer), row.verdict);
    EXPECT_EQ(update("authToken"), "fresh");
    const bool is_withdrawn = verdict().withdrawn == std::vector<std::string>{"organizationId"};
    EXPECT_EQ(is_withdrawn, verdict().answer.kind == AnswerKind::forbidden)
        << "organizationId becomes null with MISSING_PERMISSION";
  }
}

// Typed with the accent as a character of its own, kept with the letter that has it; and the other way round.
TEST_F(SenteraTest, ANameIsTheSameInBothFormsOfUnicode) {
  const std::string composed = "Ferme Gen\u00e8ve", decomposed = "Ferme Gene\u0300ve";
  for (const auto& [given, known] : {std::pair(composed, decomposed), std::pair(decomposed, composed)}) {
    set_field("organizationName", given);
    EXPECT_EQ(line_of(run({login_ok(), page({known, "Ferme Geneve"}, 2)}).answer), "ok");
  }
}

TEST_F(SenteraTest, ReadsPagesUntilAllCameOrOneIsEmpty) {
  set_given("authToken", "stored");
  // A server may give fewer than asked.
  begin();
  feed(page({"A"}, 3));
  EXPECT_EQ(page_asked_for(), 2);
  feed(page({"B"}, 3, 2));
  EXPECT_EQ(page_asked_for(), 3);
  feed(page({"Green Acres"}, 3, 3));
  EXPECT_EQ(line_of(verdict().answer), "ok");
  EXPECT_EQ(update("organizationId"), "id3");

  // A match on the first page ends nothing: there may be another one.
  EXPECT_EQ(line_of(run({page({"Green Acres"}, 2), page({"Green Acres"}, 2, 2)}).answer), "forbidden organization_ambiguous");
  // The same one on two pages, since it moved while we read, is one.
  EXPECT_EQ(line_of(run({page({"Green Acres"}, 2), page({"Green Acres"}, 2)}).answer), "ok");
  // total_count promises more than ever comes.
  EXPECT_EQ(line_of(run({page({"Green Acres"}, 9), page({}, 9)}).answer), "ok");
  EXPECT_EQ(line_of(run({page({"A"}, 9), page({}, 9)}).answer), "forbidden organization_not_found");
  // No total_count: until a page is empty.
  const auto without_total = answer(200, "{'data':{'organizations':{'results':[{'sentera_id':7,'name':'Green Acres'}]}}}");
  run({without_total, page({}, 0)});
  EXPECT_EQ(line_of(verdict().answer), "ok");
  EXPECT_EQ(update("organizationId"), "7") << "an id may be a number";
}

TEST_F(SenteraTest, AfterAHundredPagesItGivesUp) {
  set_given("authToken", "stored");
  begin();
  for (int number = 1; number <= 100; ++number) {
    ASSERT_EQ(page_asked_for(), number);
    feed(page({"Green Acres"}, 1'000, 1));
  }
  EXPECT_EQ(line_of(verdict().answer), kUnexpected);
}

TEST_F(SenteraTest, AFailureOnALaterPageIsTheAnswer) {
  set_given("authToken", "stored");
  EXPECT_EQ(line_of(run({page({"Green Acres"}, 2), answer(503)}).answer), "unavailable provider_error");
  EXPECT_EQ(update("organizationId"), "(kept)");
  // The token ends in the middle: the pages are read anew.
  begin();
  feed(page({"Green Acres"}, 2));
  feed(answer(401));
  feed(login_ok());
  EXPECT_EQ(page_asked_for(), 1);
  feed(page({"Green Acres", "B"}, 2));
  EXPECT_EQ(line_of(verdict().answer), "ok");
}

TEST_F(SenteraTest, RefusesParametersAndNamesThem) {
  struct Row {
    const char *name, *value, *named;
  };
  const Row rows[] = {
      {"login", "null", "login"},
      {"login", "{'path':'/x','json':{'a':'{apid}'}}", "apid"},
      {"login", "{'path':'/{apid}'}", "apid"},
      {"login_refused_statuses", "null", "login_refused_statuses"},
      {"login_refused_statuses", "['401']", "login_refused_statuses"},
      {"page_size", "0", "page_size"},
      {"page_size", "'100'", "page_size"},
      {"page_size", "100000", "page_size"},
      {"pages_max", "0", "pages_max"},
      {"retries", "3", "retries"},
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
