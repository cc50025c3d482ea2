#include "http/client_address.hpp"

#include <gtest/gtest.h>

namespace granary::http {

namespace {

TrustedProxies trusting(const std::string& header) {
  return {.ranges = {*parse_range("10.0.0.0/8"), *parse_range("fd00::/8")}, .header = header};
}

struct Case {
  const char* peer;
  const char* header;
  const char* client;
};

TEST(ClientAddress, ALineOfAddresses) {
  const Case cases[] = {
      {"10.0.0.1", "1.2.3.4", "1.2.3.4"},
      {"10.0.0.1", " 1.2.3.4 ", "1.2.3.4"},
      {"10.0.0.1", "1.2.3.4, 5.6.7.8", "5.6.7.8"},
      {"10.0.0.1", "1.2.3.4, 5.6.7.8, 10.0.0.2, 10.3.0.2", "5.6.7.8"},
      {"10.0.0.1", "6.6.6.6,1.2.3.4:4711", "1.2.3.4"},
      {"10.0.0.1", "2001:db8::1", "2001:db8::1"},
      {"10.0.0.1", "[2001:DB8:0::1]:443", "2001:db8::1"},
      {"10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4"},
      {"::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"},
      {"fd12::1", "1.2.3.4, fd00::2", "1.2.3.4"},
      // Nobody is named, or nobody who can be read: the connection's.
      {"10.0.0.1", "", "10.0.0.1"},
      {"10.0.0.1", "10.0.0.2", "10.0.0.1"},
      {"10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"},
      {"10.0.0.1", "unknown, 10.0.0.2", "10.0.0.1"},
      {"10.0.0.1", "1.2.3.4,", "10.0.0.1"},
      {"10.0.0.1", "1.2.3.4.5", "10.0.0.1"},
      {"10.0.0.1", "1.2.3.4/24", "10.0.0.1"},
      {"10.0.0.1", "[2001:db8::1", "10.0.0.1"},
      {"10.0.0.1", "[2001:db8::1]x", "10.0.0.1"},
      {"10.0.0.1", "for=1.2.3.4", "10.0.0.1"},
      {"10.0.0.1", "\"6.6.6.6, 1.2.3.4", "1.2.3.4"},
      // Who is not trusted names nobody.
      {"1.1.1.1", "1.2.3.4", "1.1.1.1"},
      {"2001:db8::1", "10.0.0.1", "2001:db8::1"},
  };
  for (const auto& [peer, header, client] : cases)
    EXPECT_EQ(client_address(trusting("x-forwarded-for"), peer, header), client) << peer << " says " << header;
}

TEST(ClientAddress, Forwarded) {
  const Case cases[] = {
      {"10.0.0.1", "for=1.2.3.4", "1.2.3.4"},
      {"10.0.0.1", "by=10.0.0.1;For=\"1.2.3.4:80\";proto=https", "1.2.3.4"},
      {"10.0.0.1", "for=\"[2001:db8::7]:80\", for=10.0.0.2", "2001:db8::7"},
      {"10.0.0.1", "For = 1.2.3.4 ; by=x", "1.2.3.4"},
      {"10.0.0.1", "for=1.2.3.4, for=_hidden", "10.0.0.1"},
      {"10.0.0.1", "for=1.2.3.4, proto=https", "10.0.0.1"},
      {"10.0.0.1", "1.2.3.4", "10.0.0.1"},
      {"10.0.0.1", "for=2001:db8::7;by=y", "2001:db8::7"},
      {"10.0.0.1", "for=\"1.2.3.4", "10.0.0.1"},
      // What a client wrote into a name that the proxy quotes separates nothing.
      {"10.0.0.1", "host=\"a;for=6.6.6.6;b\";proto=https;for=1.2.3.4", "1.2.3.4"},
      {"10.0.0.1", "for=1.2.3.4;host=\"a, for=6.6.6.6;b\"", "1.2.3.4"},
      {"10.0.0.1", "for=1.2.3.4;host=\"a\\\", for=6.6.6.6;b\"", "1.2.3.4"},
      {"10.0.0.1", "for=1.2.3.4, host=\"a, for=6.6.6.6", "10.0.0.1"},
  };
  for (const auto& [peer, header, client] : cases)
    EXPECT_EQ(client_address(trusting("forwarded"), peer, header), client) << header;
}

TEST(ClientAddress, NobodyIsTrustedUnlessSaid) {
  EXPECT_EQ(client_address({.ranges = {}, .header = "x-forwarded-for"}, "127.0.0.1", "1.2.3.4"), "127.0.0.1");
}

TEST(ClientAddress, ANetworkIsOneClient) {
  EXPECT_EQ(network_of("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(network_of("::ffff:1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:2:ffff::1"));
  EXPECT_NE(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
  EXPECT_EQ(network_of("::1"), "::/64");
  EXPECT_EQ(network_of("fe80::1%eth0"), "fe80::/64");
  EXPECT_EQ(network_of("nonsense"), "nonsense");
}

}  // namespace

}  // namespace granary::http
