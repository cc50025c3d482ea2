// What every provider's answers have in common: failures, overload, Retry-After (docs/api.md, "Status body").
#include "provider/answer.hpp"

#include "provider/flow_fixture.hpp"
#include "provider/token_answer.hpp"

namespace granary {

namespace {

const WallTime kNow = *parse_wire_time("2026-01-15T12:00:00Z");

TEST(ReadCommon, ReasonsOfWhatSaysNothing) {
  for (const auto& other : answers_that_say_nothing()) {
    const bool is_for_the_flow =
        !other.exchange.failure && other.reason == Reason::unexpected_answer &&
        (other.exchange.status / 100 == 2 || (other.exchange.status / 100 == 4 && !is_page(other.exchange)));
    const auto verdict = read_common(other.exchange, kNow);
    ASSERT_EQ(verdict.has_value(), !is_for_the_flow) << other.what;
    if (!verdict) continue;
    EXPECT_EQ(verdict->answer.kind, AnswerKind::unavailable) << other.what;
    EXPECT_EQ(verdict->answer.reason, other.reason) << other.what;
    EXPECT_EQ(verdict->heard == GrantEvent::lost, other.exchange.failure && other.exchange.was_sent) << other.what;
    EXPECT_FALSE(verdict->grant) << other.what;
  }
}

TEST(ReadCommon, LeavesTheRestToTheFlow) {
  for (const int status : {200, 201, 204, 226, 299, 400, 401, 403, 404, 407, 409, 422, 428, 430, 499})
    EXPECT_FALSE(read_common(answer(status), kNow)) << status;
}

TEST(ReadCommon, RetryAfterCountsOn429And503Alone) {
  for (const int status : {429, 503}) {
    const auto verdict = read_common(answer(status, "", {{"Retry-After", "120"}}), kNow);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->answer.retry_after, seconds(120)) << status;
  }
  for (const int status : {408, 500, 502, 504, 302}) {
    const auto verdict = read_common(answer(status, "", {{"Retry-After", "120"}}), kNow);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->answer.retry_after, std::nullopt) << status;
  }
}

TEST(RetryAfter, SecondsOrDate) {
  struct Row {
    const char* value;
    std::optional<std::int64_t> seconds;
  };
  const Row rows[] = {
      {"0", 0},
      {"1", 1},
      {"3600", 3'600},
      {"Thu, 15 Jan 2026 12:01:00 GMT", 60},
      {"Thu, 15 Jan 2026 11:00:00 GMT", 0},
      {"Thursday, 15-Jan-26 12:01:00 GMT", 60},
      {"Thu Jan 15 12:01:00 2026", 60},
      {"Thu, 15 Jan 2026 13:01:00 +0100", 60},
      {"", {}},
      {"soon", {}},
      {"1.5", {}},
      {"10s", {}},
      {"0x10", {}},
      {"10, 20", {}},
      {"2026-01-15T12:01:00Z", {}},
      {"Thu, 99 Jan 2026 12:01:00 GMT", {}},
  };
  for (const Row& row : rows) {
    const auto read = read_retry_after(answer(429, "", {{"retry-AFTER", row.value}}), kNow);
    EXPECT_EQ(read.has_value(), row.seconds.has_value()) << row.value;
    if (read && row.seconds) EXPECT_EQ(read->count(), *row.seconds) << row.value;
  }
  EXPECT_EQ(read_retry_after(answer(429), kNow), std::nullopt);
  // At most an hour is believed; the schedule holds the same bound for dates.
  EXPECT_EQ(read_retry_after(answer(429, "", {{"Retry-After", "9999999"}}), kNow), kRetryAfterMax);
}

TEST(ReadText, TokensAreTextOrWholeNumbersUpTo64KiB) {
  struct Row {
    const char* json;
    std::optional<std::string> text;
  };
  const Row rows[] = {
      {"'abc'", "abc"}, {"12345", "12345"}, {"-1", "-1"}, {"''", {}}, {"null", {}},
      {"true", {}},     {"1.5", {}},        {"[]", {}},   {"{}", {}}, {"['abc']", {}},
  };
  for (const Row& row : rows) {
    const Json value = json(row.json);
    EXPECT_EQ(read_text(&value), row.text) << row.json;
  }
  EXPECT_EQ(read_text(nullptr), std::nullopt);
  const Json longest(std::string(64 * 1024, 'x')), longer(std::string(64 * 1024 + 1, 'x'));
  EXPECT_TRUE(read_text(&longest));
  EXPECT_FALSE(read_text(&longer));
}

TEST(ReadCommon, AnOauthErrorIsNoRateLimit) {
  for (const char* body : {"{'error':'invalid_grant'}", "{'error':{'code':'invalid_client'}}", "{'error':'access_denied'}"}) {
    EXPECT_FALSE(read_common(answer(401, body, {{"Retry-After", "30"}}), kNow)) << body;
    EXPECT_FALSE(read_common(answer(403, body, {{"X-RateLimit-Remaining", "0"}}), kNow)) << body;
  }
  for (const char* remaining : {"1", "", "10", "00x"})
    EXPECT_FALSE(read_common(answer(403, "{}", {{"X-RateLimit-Remaining", remaining}}), kNow)) << remaining;
  EXPECT_FALSE(read_common(answer(400, "{'message':'rate limit'}"), kNow)) << "401 and 403 alone";
}

TEST(ReadObject, IsAJsonObjectDamagedOrNot) {
  for (const char* body : {" {'a':1}\n", "\xEF\xBB\xBF{'a':1}", "{'a':1}}", "{'a':1}{}", "{'a':2,'a':1}", "{'a':1,'b':'\\ud800'}",
                           "{'a':1,'b':'\xE9'}", "{'a':1}<!-- served by node 7 -->"}) {
    const auto read = read_object(answer(200, body));
    ASSERT_TRUE(read) << body;
    EXPECT_EQ(read->find("a")->integer(), 1) << body;
  }
  for (const char* body : {"", " ", "[]", "1", "null", "'a'", "{", "[{}]", "{a:1}", "<html>{}</html>", "error: {}", "{'a':1"})
    EXPECT_FALSE(read_object(answer(200, body))) << body;
}

}  // namespace

}  // namespace granary
