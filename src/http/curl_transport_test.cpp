// The client against a server that plays its part byte by byte: every way an exchange can fail and what is then said of it,
// that a request leaves at most once, and that nothing goes to an address that is not allowed.
#include "http/curl_transport.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "http/curl_transport_fixture.hpp"

namespace granary::http {

namespace {

using std::string_literals::operator""s;

std::string chunk_of(std::size_t size) {
  char head[32];
  std::snprintf(head, sizeof head, "%zx\r\n", size);
  return head + std::string(size, 'b') + "\r\n";
}

struct Answer {
  const char* name;
  Script script;
  const char* failure;
  int status;
  std::string body = {};
};

const std::string kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// A body is given where it must be exactly that.
const std::vector<Answer> kAnswers = {
    {"whole", answer(kOk), "none", 200, "ok"},
    {"whole, until the end of the connection", answer("HTTP/1.1 200 OK\r\n\r\nhello"), "none", 200, "hello"},
    {"whole, in chunks", answer(kChunked + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), "none", 200, "hello"},
    {"without content", answer("HTTP/1.1 204 No Content\r\n\r\n"), "none", 204},
    {"after an interim answer", answer("HTTP/1.1 103 Early Hints\r\nEarly: y\r\n\r\n" + kOk), "none", 200, "ok"},
    {"refused with a body", answer("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"), "none", 401,
     "no"},
    {"overloaded", answer("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"), "none", 503},
    {"exactly the limit", answer("HTTP/1.1 200 OK\r\n\r\n" + std::string(kAnswerBytesMax, 'b')), "none", 200,
     std::string(kAnswerBytesMax, 'b')},
    {"closed without an answer", answer(""), "unreachable", 0},
    {"reset without an answer", answer_and_reset(""), "unreachable", 0},
    {"cut in the body", answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), "cut", 200},
    {"cut in a refusal", answer("HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\nhello"), "cut", 401},
    {"cut before the body", answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), "cut", 200},
    {"cut between chunks", answer(kChunked + "5\r\nhello\r\n"), "cut", 200},
    {"cut in a chunk", answer(kChunked + "5\r\nhel"), "cut", 200},
    {"reset in the body", answer_and_reset("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), "cut", 200},
    {"cut in the head", answer("HTTP/1.1 200 OK\r\nContent-Le"), "cut", 200},
    {"reset in the head", answer_and_reset("HTTP/1.1 200 OK\r\nContent-Le"), "cut", 200},
    {"broken chunk", answer(kChunked + "zz\r\nhello\r\n0\r\n\r\n"), "cut", 200},
    {"not HTTP", answer("SSH-2.0-OpenSSH_9.2\r\n"), "cut", 0},
    {"too large, announced", answer("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n" + std::string(kAnswerBytesMax + 1, 'b')),
     "too_large", 200},
    {"too large, unannounced", answer("HTTP/1.1 200 OK\r\n\r\n" + std::string(kAnswerBytesMax + 1, 'b')), "too_large", 200},
    {"too large, in chunks", answer(kChunked + chunk_of(kAnswerBytesMax) + chunk_of(1) + "0\r\n\r\n"), "too_large", 200},
    {"too large a head",
     answer("HTTP/1.1 200 OK\r\nA: " + std::string(kAnswerHeadBytesMax, 'a') + "\r\nContent-Length: 0\r\n\r\n"), "too_large",
     200},
};

TEST_F(CurlTransportTest, WhatIsSaidOfEachAnswer) {
  for (const Answer& row : kAnswers) {
    const RawServer server({row.script});
    const Exchange exchange = run(to(server));
    EXPECT_EQ(name_of(exchange.failure), row.failure) << row.name;
    EXPECT_EQ(exchange.status, row.status) << row.name;
    EXPECT_TRUE(exchange.was_sent) << row.name;
    EXPECT_LE(exchange.body.size(), kAnswerBytesMax) << row.name;
    if (!row.body.empty()) EXPECT_TRUE(exchange.body == row.body) << row.name;
    EXPECT_EQ(server.connections(), 1) << row.name << ": asked once";
  }
}

TEST_F(CurlTransportTest, HeadersAreThoseOfTheFinalAnswer) {
  const RawServer server(
      {answer("HTTP/1.1 103 Early Hints\r\nEarly: y\r\n\r\nHTTP/1.1 200 OK\r\nA:  b  \r\nRETRY-after: 7\r\na: c\r\n"
              "Empty:\r\nControl: x\x01y\r\nContent-Length: 0\r\n\r\n")});
  const Exchange exchange = run(to(server));
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"A", "b"}, {"RETRY-after", "7"}, {"a", "c"}, {"Empty", ""}, {"Control", "xy"}, {"Content-Length", "0"}};
  EXPECT_EQ(exchange.headers, expected);
  EXPECT_EQ(exchange.header("Retry-After"), "7");
  EXPECT_EQ(exchange.header("Early"), "");
}

TEST_F(CurlTransportTest, TimesOutAtTheDeadline) {
  const struct {
    const char* name;
    std::string bytes;
    int status;
  } rows[] = {
      {"no answer", "", 0},
      {"a head that does not end", "HTTP/1.1 200 OK\r\nA: b\r\n", 200},
      {"a body that does not end", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 200},
  };
  for (const auto& row : rows) {
    const RawServer server({answer_and_hold(row.bytes)});
    const auto before = std::chrono::steady_clock::now();
    const Exchange exchange = run(to(server, milliseconds(100)));
    EXPECT_EQ(name_of(exchange.failure), "timeout") << row.name;
    EXPECT_EQ(exchange.status, row.status) << row.name;
    EXPECT_TRUE(exchange.was_sent) << row.name;
    const auto waited = std::chrono::steady_clock::now() - before;
    EXPECT_GE(waited, milliseconds(90)) << row.name;
    EXPECT_LT(waited, milliseconds(2000)) << row.name;
  }
}

// Paused, swapped out, moved to another host: what the provider answered in time is no less an answer.
TEST_F(CurlTransportTest, AnAnswerThatCameWhileTheProcessStoodStillIsRead) {
  for (const bool is_answered : {true, false}) {
    std::atomic<bool> has_come = false;
    const RawServer server({[&](RawSocket& connection) {
      read_request(connection);
      has_come = true;
      std::this_thread::sleep_for(milliseconds(50));
      if (is_answered) connection.send(kOk);
      else connection.read_all();
    }});
    const Exchange exchange = run_and_stand_still(to(server, milliseconds(500)), [&](asio::io_context& context) {
      while (!has_come) context.run_for(milliseconds(1));
    });
    EXPECT_EQ(name_of(exchange.failure), is_answered ? "none" : "timeout");
    EXPECT_EQ(exchange.body, is_answered ? "ok" : "");
    EXPECT_TRUE(exchange.was_sent);
  }
}

// A token that leaves so late may be shown to a provider that somebody else has asked meanwhile.
TEST_F(CurlTransportTest, WhatHadNotLeftBeforeTheProcessStoodStillDoesNotLeave) {
  const RawServer server({answer(kOk)});
  const auto request = to("http://localhost:" + std::to_string(server.port()), milliseconds(500));
  // The name is asked for on a thread of its own.
  const Exchange exchange = run_and_stand_still(request, [](asio::io_context& context) { context.poll_one(); });
  EXPECT_EQ(name_of(exchange.failure), "timeout");
  EXPECT_FALSE(exchange.was_sent);
}

TEST_F(CurlTransportTest, WhatNeverLeftWasNotSent) {
  const RawServer server({answer(kOk)});
  std::uint16_t closed_port = 0;
  {
    const RawSocket closed = RawSocket::listen_anywhere();
    closed_port = closed.port();
  }
  const struct {
    const char* name;
    std::string url;
    milliseconds patience;
    const char* failure;
  } rows[] = {
      {"nobody listens", "http://127.0.0.1:" + std::to_string(closed_port) + "/", milliseconds(5000), "unreachable"},
      {"the deadline is over", "http://127.0.0.1:" + std::to_string(server.port()) + "/", milliseconds(0), "timeout"},
      {"the deadline is long over", "http://127.0.0.1:" + std::to_string(server.port()) + "/", milliseconds(-5000), "timeout"},
  };
  for (const auto& row : rows) {
    const Exchange exchange = run(to(row.url, row.patience));
    EXPECT_EQ(name_of(exchange.failure), row.failure) << row.name;
    EXPECT_EQ(exchange.status, 0) << row.name;
    EXPECT_FALSE(exchange.was_sent) << row.name;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlTransportTest, PlainServerBehindHttpsIsATlsFailure) {
  const RawServer server({[](RawSocket& connection) {
    connection.read_bytes(1);
    connection.send(kOk);
  }});
  const Exchange exchange = run(to("https://127.0.0.1:" + std::to_string(server.port()) + "/"));
  EXPECT_EQ(name_of(exchange.failure), "tls");
  EXPECT_FALSE(exchange.was_sent) << "no byte of the request left in clear";
}

TEST_F(CurlTransportTest, RedirectsAreNotFollowed) {
  const RawServer target({answer(kOk)});
  for (const int status : {301, 302, 303, 307, 308}) {
    const RawServer server({answer("HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: http://127.0.0.1:" +
                                   std::to_string(target.port()) + "/\r\nContent-Length: 0\r\n\r\n")});
    const Exchange exchange = run(to(server));
    EXPECT_EQ(exchange.status, status);
    EXPECT_FALSE(exchange.failure);
    EXPECT_EQ(server.connections(), 1);
  }
  EXPECT_EQ(target.connections(), 0);
}

TEST_F(CurlTransportTest, BlockedAddressesSeeNoConnection) {
  const RawServer server({answer(kOk)});
  const std::string port = std::to_string(server.port());
  const char* hosts[] = {"127.0.0.1",       "127.1",         "127.0.1",      "2130706433", "0x7f000001",
                         "0x7f.0.0.1",      "0177.0.0.1",    "017700000001", "0.0.0.0",    "0",
                         "localhost",       "LOCALHOST",     "[::1]",        "[::]",       "[::ffff:127.0.0.1]",
                         "[::ffff:7f00:1]", "[::127.0.0.1]", "127.0.0.2"};
  for (const std::string scheme : {"http", "https"})
    for (const std::string host : hosts) {
      std::vector<OutboundRequest> requests;
      requests.push_back(to(scheme + "://" + host + ":" + port + "/"));
      const auto results = run(EgressGuard({parse_range("10.0.0.0/8").value()}), std::move(requests));
      ASSERT_EQ(results.size(), 1U);
      EXPECT_EQ(name_of(results[0].failure), "blocked") << scheme << " " << host;
      EXPECT_FALSE(results[0].was_sent) << host;
    }
  EXPECT_EQ(name_of(run(to("http://8.8.8.8/")).failure), "blocked") << "plain http to a public address";
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlTransportTest, ConnectionsAreKeptButForFreshOnes) {
  for (const bool is_fresh : {false, true}) {
    Recorder recorder;
    const RawServer server({recorder.playing({kOk, kOk, kOk})});
    std::vector<OutboundRequest> requests;
    for (int i = 0; i < 3; ++i) requests.push_back(posting(to(server), is_fresh));
    for (const Exchange& exchange : run(loopback_allowed(), std::move(requests))) EXPECT_EQ(exchange.body, "ok");
    EXPECT_EQ(server.connections(), is_fresh ? 3 : 1);
    EXPECT_EQ(recorder.requests().size(), 3U);
  }
  Recorder recorder;
  const RawServer server({recorder.playing({kOk, kOk, kOk})});
  std::vector<OutboundRequest> mixed;
  for (const bool is_fresh : {false, true, false}) mixed.push_back(posting(to(server), is_fresh));
  for (const Exchange& exchange : run(loopback_allowed(), std::move(mixed))) EXPECT_EQ(exchange.body, "ok");
  EXPECT_EQ(server.connections(), 2) << "a fresh one neither uses the kept connection nor takes its place";
}

TEST_F(CurlTransportTest, ARequestOnAConnectionThatDiesIsNotRepeated) {
  for (const bool is_fresh : {false, true}) {
    Recorder recorder;
    // The second request is read and never answered: whether the peer acted on it, nobody knows.
    const RawServer server(is_fresh ? std::vector{recorder.playing({kOk}), recorder.playing({""}), recorder.playing({kOk})}
                                    : std::vector{recorder.playing({kOk, ""}), recorder.playing({kOk})});
    std::vector<OutboundRequest> requests;
    for (int i = 0; i < 2; ++i) requests.push_back(posting(to(server), is_fresh));
    const auto results = run(loopback_allowed(), std::move(requests));
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0].body, "ok");
    EXPECT_EQ(name_of(results[1].failure), "unreachable") << is_fresh;
    EXPECT_TRUE(results[1].was_sent) << is_fresh;
    EXPECT_EQ(recorder.requests().size(), 2U) << "fresh: " << is_fresh;
  }
}

TEST_F(CurlTransportTest, TheRequestIsSentAsGiven) {
  Recorder recorder;
  const RawServer server({recorder.playing({kOk})});
  OutboundRequest with_body = to("http://127.0.0.1:" + std::to_string(server.port()) + "/a/b?c=d%20e");
  with_body.method = "PATCH";
  with_body.headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer t"}};
  with_body.body = "{\"a\":\"\0\"}"s + std::string(100'000, 'b');
  OutboundRequest empty_post = to(server);
  empty_post.method = "POST";
  for (OutboundRequest* request : {&with_body, &empty_post}) EXPECT_EQ(run(*request).body, "ok");
  EXPECT_EQ(run(to(server)).body, "ok");
  const auto sent = recorder.requests();
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_TRUE(sent[0].starts_with("PATCH /a/b?c=d%20e HTTP/1.1\r\n")) << sent[0].substr(0, 300);
  EXPECT_TRUE(sent[0].contains("\r\nContent-Type: application/json\r\n"));
  EXPECT_TRUE(sent[0].contains("\r\nAuthorization: Bearer t\r\n"));
  EXPECT_TRUE(sent[0].contains("\r\nUser-Agent: granary/"));
  EXPECT_FALSE(sent[0].contains("Expect:")) << "asking first would cost a second";
  EXPECT_TRUE(sent[0].ends_with("\r\n\r\n" + with_body.body));
  EXPECT_TRUE(sent[1].starts_with("POST /x HTTP/1.1\r\n") && sent[1].contains("\r\nContent-Length: 0\r\n")) << sent[1];
  EXPECT_TRUE(sent[2].starts_with("GET /x HTTP/1.1\r\n")) << sent[2];
  EXPECT_FALSE(sent[2].contains("Content-")) << sent[2];
}

TEST_F(CurlTransportTest, TheEnvironmentSetsNoProxy) {
  const char* variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"};
  const RawServer proxy({answer(kOk)}), server({answer(kOk)});
  for (const char* name : variables) setenv(name, ("http://127.0.0.1:" + std::to_string(proxy.port())).c_str(), 1);
  const Exchange exchange = run(to(server));
  for (const char* name : variables) unsetenv(name);
  EXPECT_EQ(exchange.body, "ok");
  EXPECT_EQ(proxy.connections(), 0);
}

TEST_F(CurlTransportTest, StoppingEndsWhatRunsAndWhatComesLater) {
  const RawServer server({answer_and_hold("")});
  asio::io_context context;
  const EgressGuard guard = loopback_allowed();
  CurlTransport transport(context, guard, {});
  std::vector<std::string> failures;
  const auto one = [&]() -> Task<> { failures.push_back(name_of((co_await transport.exchange(to(server))).failure)); };
  for (int i = 0; i < 3; ++i) asio::co_spawn(context, one, asio::detached);
  while (server.connections() == 0) context.run_one_for(milliseconds(10));
  EXPECT_TRUE(failures.empty());
  transport.stop();
  asio::co_spawn(context, one, asio::detached);
  const auto before = std::chrono::steady_clock::now();
  context.run();
  EXPECT_EQ(failures, std::vector<std::string>(4, "abandoned"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(1000));
}

TEST_F(CurlTransportTest, WorksAfterItWasIdle) {
  const RawServer server({answer(kOk)});
  asio::io_context context;
  const EgressGuard guard = loopback_allowed();
  CurlTransport transport(context, guard, {});
  for (int i = 0; i < 2; ++i) {
    std::string body;
    const auto work = [&]() -> Task<> {
      body = (co_await transport.exchange(to(server, milliseconds(1000)))).body;
      transport.close_idle();
    };
    asio::co_spawn(context, work, asio::detached);
    context.restart();
    context.run();  // ends: an idle transport is no work
    EXPECT_EQ(body, "ok") << i;
  }
}

}  // namespace

}  // namespace granary::http
