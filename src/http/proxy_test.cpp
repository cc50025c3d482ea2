// The client behind a proxy: what the proxy refuses was not sent, and no proxy is asked for an address that is not allowed.
#include <gtest/gtest.h>

#include "http/curl_transport_fixture.hpp"

namespace granary::http {

namespace {

class ProxyTest : public CurlTransportTest {
 protected:
  Exchange through(const RawServer& proxy, OutboundRequest request, const std::vector<std::string>& allowed = {}) {
    std::vector<AddressRange> ranges;
    ranges.reserve(allowed.size());
    for (const std::string& range : allowed) ranges.push_back(parse_range(range).value());
    const EgressGuard guard(std::move(ranges));
    std::vector<OutboundRequest> requests;
    requests.push_back(std::move(request));
    auto results = run(guard, std::move(requests), {.proxy = "http://127.0.0.1:" + std::to_string(proxy.port())});
    EXPECT_EQ(results.size(), 1U);
    return results.empty() ? Exchange() : std::move(results[0]);
  }
};

TEST_F(ProxyTest, IsAskedForWhatIsAllowed) {
  Recorder recorder;
  const RawServer proxy({recorder.playing({kOk})});
  EXPECT_EQ(through(proxy, to("http://10.1.2.3/x"), {"10.0.0.0/8"}).body, "ok");
  ASSERT_EQ(recorder.requests().size(), 1U);
  EXPECT_TRUE(recorder.requests()[0].starts_with("GET http://10.1.2.3/x HTTP/1.1\r\n")) << recorder.requests()[0];
}

TEST_F(ProxyTest, IsAskedForNothingElse) {
  const RawServer proxy({answer(kOk)});
  const char* hosts[] = {"127.0.0.1",       "127.1",
                         "2130706433",      "0x7f000001",
                         "0x7f.1",          "0177.0.0.1",
                         "127.0.0.1.",      "0",
                         "0.0.0.0",         "10.0.0.1",
                         "192.168.1.1",     "169.254.169.254",
                         "localhost",       "LOCALHOST",
                         "localhost.",      "a.localhost",
                         "[::1]",           "[::]",
                         "[fe80::1]",       "[fd00::1]",
                         "100.64.0.1",      "[::ffff:127.0.0.1]",
                         "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
                         "172.16.0.1.",     "017700000001",
                         "255.255.255.255"};
  for (const std::string scheme : {"http", "https"})
    for (const std::string host : hosts)
      for (const std::string end : {"/", ":8443/x?y=z"}) {
        const Exchange exchange = through(proxy, to(scheme + "://" + host + end), {"192.0.2.0/24"});
        EXPECT_EQ(name_of(exchange.failure), "blocked") << scheme << " " << host;
        EXPECT_FALSE(exchange.was_sent) << host;
      }
  for (const char* url :
       {"http://provider.example/", "http://8.8.8.8/", "http://[2606:4700::1111]/", "ftp://provider.example/", "x"})
    EXPECT_EQ(name_of(through(proxy, to(url), {"192.0.2.0/24"}).failure), "blocked")
        << "plain http leaves only to what is allowed: " << url;
  EXPECT_EQ(proxy.connections(), 0);
}

// What a proxy can do when it is asked for a connection, or with one that it has made.
struct Refusal {
  const char* name;
  Script script;
  const char* failure = "unreachable";
};
const std::string kTunnel = "HTTP/1.1 200 Connection established\r\n\r\n";
const Refusal kRefusals[] = {
    {"forbidden", answer("HTTP/1.1 403 Forbidden\r\nSet-Cookie: proxy\r\nContent-Length: 2\r\n\r\nno")},
    {"wants a login", answer("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n\r\n")},
    {"cannot reach it", answer("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")},
    {"is overloaded", answer("HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")},
    {"leads elsewhere", answer("HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n")},
    {"closes", answer("")},
    {"resets", answer_and_reset("")},
    {"closes in its answer", answer("HTTP/1.1 200 Conn")},
    {"speaks no HTTP", answer("SSH-2.0-OpenSSH_9.2\r\n")},
    {"answers without end", answer("HTTP/1.1 403 Forbidden\r\nA: " + std::string(2'000'000, 'a') + "\r\n\r\n")},
    {"is silent", answer_and_hold(""), "timeout"},
    {"is silent after its answer", answer_and_hold(kTunnel), "timeout"},
    {"closes the tunnel", answer(kTunnel), "tls"},
    {"speaks no TLS in the tunnel", answer(kTunnel + kOk), "tls"},
};

TEST_F(ProxyTest, WhatItRefusesWasNotSent) {
  for (const Refusal& row : kRefusals)
    for (const bool is_fresh : {true, false}) {
      const RawServer proxy({row.script});
      const Exchange exchange = through(proxy, posting(to("https://provider.example/token", milliseconds(700)), is_fresh));
      EXPECT_EQ(name_of(exchange.failure), row.failure) << row.name;
      EXPECT_FALSE(exchange.was_sent) << row.name;
      EXPECT_EQ(exchange.status, 0) << row.name;
      EXPECT_TRUE(exchange.headers.empty() && exchange.body.empty()) << row.name;
      EXPECT_EQ(proxy.connections(), 1) << row.name;
    }
}

TEST_F(ProxyTest, OneThatIsNotThere) {
  std::uint16_t port = 0;
  {
    const RawSocket closed = RawSocket::listen_anywhere();
    port = closed.port();
  }
  for (const std::string& proxy :
       {"http://127.0.0.1:" + std::to_string(port), std::string("http://no-such-proxy.invalid:3128")}) {
    const EgressGuard guard({});
    std::vector<OutboundRequest> requests;
    requests.push_back(posting(to("https://provider.example/"), true));
    const auto results = run(guard, std::move(requests), {.proxy = proxy});
    EXPECT_TRUE(results.at(0).failure && name_of(results[0].failure).starts_with("un")) << name_of(results[0].failure);
    EXPECT_FALSE(results[0].was_sent);
  }
}

TEST_F(ProxyTest, ItsRefusalOfALoginOverPlainHttp) {
  const RawServer proxy({answer("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 2\r\n\r\nno")});
  const Exchange exchange = through(proxy, posting(to("http://10.1.2.3/token"), true), {"10.0.0.0/8"});
  EXPECT_EQ(name_of(exchange.failure), "unreachable");
  EXPECT_FALSE(exchange.was_sent);
  EXPECT_EQ(exchange.status, 0);
  EXPECT_TRUE(exchange.headers.empty() && exchange.body.empty());
}

TEST_F(ProxyTest, WhatItPassedOnAndLostWasSent) {
  Recorder recorder;
  const RawServer proxy({recorder.playing({""})});
  const Exchange exchange = through(proxy, posting(to("http://10.1.2.3/token"), true), {"10.0.0.0/8"});
  EXPECT_EQ(name_of(exchange.failure), "unreachable");
  EXPECT_TRUE(exchange.was_sent);
}

}  // namespace

}  // namespace granary::http
