// The egress guard: every address that is not public is refused in each of its forms, and allowing one opens no other.
#include "http/egress_guard.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <cstring>

namespace granary::http {

namespace {

// The address as the socket layer gives it, in the family of its spelling.
sockaddr_storage address_of(const std::string& text) {
  sockaddr_storage out{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(out);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) v4.sin_family = AF_INET;
  else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) v6.sin6_family = AF_INET6;
  else ADD_FAILURE() << text << " is no address";
  return out;
}

bool permits(const EgressGuard& guard, const std::string& text, bool is_encrypted) {
  const sockaddr_storage address = address_of(text);
  return guard.permits(reinterpret_cast<const sockaddr*>(&address), is_encrypted);
}

EgressGuard allowing(const std::vector<std::string>& ranges) {
  std::vector<AddressRange> parsed;
  for (const auto& range : ranges) parsed.push_back(parse_range(range).value());
  return EgressGuard(std::move(parsed));
}

// The first and the last address of each range of IPv4 that is not public.
constexpr const char* kNotPublic4[] = {
    "0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255", "100.64.0.0",      "100.127.255.255",
    "127.0.0.0",       "127.0.0.1",       "127.255.255.255", "169.254.0.0",    "169.254.169.254", "169.254.255.255",
    "172.16.0.0",      "172.31.255.255",  "192.0.0.0",       "192.0.0.255",    "192.0.2.0",       "192.0.2.255",
    "192.88.99.1",     "192.168.0.0",     "192.168.255.255", "198.18.0.0",     "198.19.255.255",  "198.51.100.0",
    "198.51.100.255",  "203.0.113.0",     "203.0.113.255",   "224.0.0.0",      "239.255.255.255", "240.0.0.0",
    "255.255.255.254", "255.255.255.255",
};

constexpr const char* kNotPublic6[] = {
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::7f00:1",            // IPv4-compatible 127.0.0.1
    "::8.8.8.8",           // IPv4-compatible, whatever the address
    "::ffff:0:127.0.0.1",  // IPv4-translated
    "64:ff9b::7f00:1",     // NAT64 to 127.0.0.1
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::1",
    "2001::1",  // Teredo
    "2001:0:7f00:1::",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002:7f00:1::1",  // 6to4 to 127.0.0.1
    "2002:a9fe:a9fe::1",
    "2002:ffff::",
    "3fff::1",
    "3fff:fff:ffff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::1",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

constexpr const char* kPublic[] = {
    "1.0.0.1",         "8.8.8.8",      "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1",    "169.253.255.255", "169.255.0.0",     "172.15.255.255", "172.32.0.0",
    "192.0.1.0",       "192.0.3.0",    "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",
    "198.51.99.255",   "203.0.114.0",  "223.255.255.255", "2606:4700::1111", "2001:200::1",    "2001:4860:4860::8888",
    "2003::1",         "2a00:1450::1", "2001:db7::1",     "2001:db9::1",
};

TEST(EgressGuard, RefusesWhatIsNotPublic) {
  const EgressGuard guard = allowing({});
  for (const bool is_encrypted : {true, false}) {
    for (const std::string address : kNotPublic4) {
      EXPECT_FALSE(permits(guard, address, is_encrypted)) << address;
      EXPECT_FALSE(permits(guard, "::ffff:" + address, is_encrypted)) << "mapped " << address;
    }
    for (const char* address : kNotPublic6) EXPECT_FALSE(permits(guard, address, is_encrypted)) << address;
  }
}

TEST(EgressGuard, PermitsPublicAddressesOnlyEncrypted) {
  const EgressGuard guard = allowing({});
  for (const char* address : kPublic) {
    EXPECT_TRUE(permits(guard, address, true)) << address;
    EXPECT_FALSE(permits(guard, address, false)) << address;
  }
  EXPECT_TRUE(permits(guard, "::ffff:8.8.8.8", true));
}

TEST(EgressGuard, RefusesOtherFamilies) {
  const EgressGuard guard = allowing({"0.0.0.0/0", "::/0"});
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::strcpy(local.sun_path, "/run/x");
  EXPECT_FALSE(guard.permits(reinterpret_cast<const sockaddr*>(&local), true));
  sockaddr_storage none{};
  EXPECT_FALSE(guard.permits(reinterpret_cast<const sockaddr*>(&none), true));
}

TEST(EgressGuard, AllowsExactlyTheRange) {
  const struct {
    const char *range, *address;
    bool is_inside;
  } rows[] = {
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1/32", "127.0.0.1", true},
      {"127.0.0.1/32", "::ffff:127.0.0.1", true},
      {"::ffff:127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1/32", "127.0.0.2", false},
      {"127.0.0.1/32", "127.0.0.0", false},
      {"127.0.0.1/32", "::1", false},
      {"127.0.0.1/32", "::7f00:1", false},
      {"127.0.0.1/32", "10.0.0.1", false},
      {"10.1.0.0/16", "10.1.255.255", true},
      {"10.1.2.3/16", "10.1.0.0", true},
      {"10.1.0.0/16", "10.2.0.0", false},
      {"10.1.0.0/16", "10.0.255.255", false},
      {"10.0.0.0/9", "10.127.255.255", true},
      {"10.0.0.0/9", "10.128.0.0", false},
      {"10.0.0.4/31", "10.0.0.5", true},
      {"10.0.0.4/31", "10.0.0.6", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "::1", true},
      {"::1", "::1", true},
      {"::1", "::2", false},
      {"::1", "127.0.0.1", false},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fc00::1", false},
      {"fd00::/9", "fd80::1", false},
  };
  for (const auto& row : rows) {
    const EgressGuard guard = allowing({row.range});
    EXPECT_EQ(permits(guard, row.address, false), row.is_inside) << row.range << " " << row.address;
    EXPECT_EQ(permits(guard, row.address, true), row.is_inside) << row.range << " " << row.address;
    EXPECT_EQ(guard.allows_host(row.address), row.is_inside) << row.range << " " << row.address;
  }
  const EgressGuard two = allowing({"127.0.0.1/32", "10.0.0.0/8"});
  EXPECT_TRUE(permits(two, "127.0.0.1", false));
  EXPECT_TRUE(permits(two, "10.9.9.9", false));
  EXPECT_FALSE(permits(two, "192.168.0.1", false));
  EXPECT_TRUE(permits(two, "8.8.8.8", true)) << "allowing more takes nothing away";
}

TEST(EgressGuard, AHostIsAllowedOnlyAsAnAddressOrLocalhost) {
  const EgressGuard guard = allowing({"127.0.0.1/32", "::1"});
  for (const char* host : {"127.0.0.1", "::1", "localhost", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(guard.allows_host(host)) << host;
  const char* others[] = {"",           "127.0.0.2",  "127.1",        "0x7f000001",        "2130706433",       "017700000001",
                          "0177.0.0.1", "0x7f.0.0.1", "localhost.",   "localhost.example", "127.0.0.1.nip.io", "a.example",
                          "[::1]",      "::2",        "127.0.0.1/32", "127.0.0.1.",        "user@127.0.0.1",   "8.8.8.8"};
  for (const char* host : others) EXPECT_FALSE(guard.allows_host(host)) << host;
  EXPECT_FALSE(allowing({}).allows_host("localhost"));
  EXPECT_FALSE(allowing({"10.0.0.0/8"}).allows_host("localhost"));
}

}  // namespace

}  // namespace granary::http
