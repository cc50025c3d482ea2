// What stands around the sessions: spellings of endpoints, ports that are taken, and the counting of connections.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "http/limits.hpp"
#include "http/raw_socket_fixture.hpp"
#include "http/server.hpp"

namespace granary::http {

namespace {

TEST(ParseEndpoint, Reads) {
  const struct {
    const char *text, *written;
  } rows[] = {
      {"127.0.0.1:8080", "127.0.0.1:8080"}, {"[::1]:8080", "[::1]:8080"},     {"0.0.0.0:0", "0.0.0.0:0"},
      {"[::]:65535", "[::]:65535"},         {"localhost:80", "127.0.0.1:80"}, {"[0:0:0:0:0:0:0:1]:1", "[::1]:1"},
  };
  for (const auto& row : rows) {
    const auto endpoint = parse_endpoint(row.text);
    ASSERT_TRUE(endpoint) << row.text;
    EXPECT_EQ(format_endpoint(*endpoint), row.written);
  }
}

TEST(ParseEndpoint, Refuses) {
  const char* rows[] = {"",
                        "8080",
                        ":8080",
                        "127.0.0.1",
                        "127.0.0.1:",
                        "127.0.0.1:x",
                        "127.0.0.1:-1",
                        "127.0.0.1:+1",
                        "127.0.0.1:65536",
                        "127.0.0.1:80x",
                        "127.0.0.1: 80",
                        " 127.0.0.1:80",
                        "a.example:80",
                        "*:80",
                        "127.0.0:80",
                        "127.0.0.256:80",
                        "[::1]",
                        "[::1:80",
                        "::1]:80",
                        "[]:80",
                        "http://127.0.0.1:80"};
  for (const char* text : rows) EXPECT_FALSE(parse_endpoint(text)) << text;
}

std::string refusal_of(const Endpoint& endpoint) {
  try {
    prove_port_is_free(endpoint);
    return "";
  } catch (const StartRefused& refused) {
    return refused.what();
  }
}

TEST(ProvePortIsFree, FindsWhoeverHasThePort) {
  Endpoint endpoint;
  {
    const RawSocket other = RawSocket::listen_anywhere();
    endpoint = Endpoint(asio::ip::address_v4::loopback(), other.port());
    EXPECT_TRUE(refusal_of(endpoint).contains("cannot listen on " + format_endpoint(endpoint)));
  }
  EXPECT_EQ(refusal_of(endpoint), "") << "free again, and proving it twice holds nothing";
  EXPECT_EQ(refusal_of(endpoint), "");
}

TEST(ProvePortIsFree, FindsAnotherListenerOfOurs) {
  asio::io_context context;
  const Handler handler = [](Request&, BodyReader&) -> Task<Response> { co_return Response(); };
  const Listener first(context, Endpoint(asio::ip::address_v4::loopback(), 0), handler, {});
  const Endpoint endpoint = first.endpoint();
  EXPECT_NE(endpoint.port(), 0);
  EXPECT_NE(refusal_of(endpoint), "") << "a second Granary would share the port unseen";
  EXPECT_NO_THROW(Listener(context, endpoint, handler, {})) << "our threads share it";
  const RawSocket foreign = RawSocket::listen_anywhere();
  EXPECT_THROW(Listener(context, Endpoint(asio::ip::address_v4::loopback(), foreign.port()), handler, {}), StartRefused);
}

using Entry = ConnectionLimits::Entry;

TEST(ConnectionLimits, CountAllTogetherAndEachNetworkByItself) {
  ConnectionLimits limits(3, 2);
  EXPECT_EQ(limits.enter("a"), Entry::entered);
  EXPECT_EQ(limits.enter("a"), Entry::entered);
  EXPECT_EQ(limits.enter("a"), Entry::too_many);
  EXPECT_EQ(limits.enter("b"), Entry::entered) << "who was refused took no place";
  EXPECT_EQ(limits.enter("c"), Entry::full);
  EXPECT_EQ(limits.enter_proxy(), Entry::full);
  limits.leave("a");
  EXPECT_EQ(limits.enter_proxy(), Entry::entered);
  EXPECT_EQ(limits.enter("a"), Entry::full);
  limits.leave_proxy();
  EXPECT_EQ(limits.enter("a"), Entry::entered);
}

TEST(ConnectionLimits, WhatIsForwardedCountsForItsClientAlone) {
  ConnectionLimits limits(1, 2);
  EXPECT_EQ(limits.enter_proxy(), Entry::entered);
  EXPECT_TRUE(limits.enter_forwarded("a"));
  EXPECT_TRUE(limits.enter_forwarded("a"));
  EXPECT_FALSE(limits.enter_forwarded("a"));
  EXPECT_TRUE(limits.enter_forwarded("b"));
  limits.leave_forwarded("a");
  EXPECT_TRUE(limits.enter_forwarded("a"));
}

TEST(BodyMemory, OnePayerHasAQuarter) {
  BodyMemory memory(400);
  EXPECT_TRUE(memory.take("a", 60));
  EXPECT_FALSE(memory.take("a", 41));
  EXPECT_TRUE(memory.take("a", 40));
  for (const char* payer : {"b", "c", "d"}) EXPECT_TRUE(memory.take(payer, 100));
  EXPECT_FALSE(memory.take("e", 1)) << "all is taken";
  memory.give_back("a", 100);
  EXPECT_TRUE(memory.take("e", 100));
  EXPECT_FALSE(memory.take("a", 1));
  const std::size_t payers = memory.payers();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(memory.take(std::to_string(i), 0));
    memory.give_back(std::to_string(i), 0);
  }
  EXPECT_EQ(memory.payers(), payers) << "who takes nothing is not remembered";
}

}  // namespace

}  // namespace granary::http
