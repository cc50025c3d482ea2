// Addresses and ranges as the configuration writes them: one spelling of an address is as good as another, and nothing else is
// one.
#include "base/address_range.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

TEST(AddressRange, Contains) {
  const struct {
    const char *range, *inside, *outside;
  } rows[] = {
      {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
      {"10.1.2.3/8", "10.9.9.9", "9.255.255.255"},  // bits behind the prefix do not count
      {"10.0.0.0/31", "10.0.0.1", "10.0.0.2"},
      {"10.0.0.1", "10.0.0.1", "10.0.0.2"},
      {"10.0.0.1/32", "::ffff:10.0.0.1", "::10.0.0.1"},
      {"0.0.0.0/0", "255.255.255.255", "::1"},
      {"::/0", "10.0.0.1", nullptr},
      {"::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"},
      {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
      {"2001:db8::1/64", "2001:DB8:0:0:ffff::", "2001:db8:0:1::"},
      {"::1", "0:0:0:0:0:0:0:1", "::2"},
  };
  for (const auto& row : rows) {
    const auto range = parse_range(row.range);
    ASSERT_TRUE(range) << row.range;
    EXPECT_TRUE(contains(*range, parse_address(row.inside).value())) << row.range << " " << row.inside;
    if (row.outside) EXPECT_FALSE(contains(*range, parse_address(row.outside).value())) << row.range << " " << row.outside;
  }
}

TEST(AddressRange, Refuses) {
  const char* rows[] = {"",
                        "/",
                        "/8",
                        "x",
                        "localhost",
                        "example.com",
                        "127.0.0.1/",
                        "127.0.0.1/33",
                        "127.0.0.1/-1",
                        "127.0.0.1/x",
                        "127.0.0.1/8x",
                        "127.0.0.1/8/8",
                        "127.0.0.1 /8",
                        " 127.0.0.1",
                        "127.0.0.1/ 8",
                        "127.0.0.1/+8",
                        "127.0.0",
                        "127.1",
                        "0x7f.0.0.1",
                        "2130706433",
                        "127.0.0.256",
                        "127.0.0.1.1",
                        "::1/129",
                        ":::1",
                        "[::1]",
                        "::1%lo",
                        "127.0.0.1:80",
                        "127.0.0.1/255.0.0.0",
                        "127.0.0.1/4294967304",
                        "127.0.0.1/99999999999999999999",
                        "fe80::1%1/64",
                        "::1%1",
                        "*"};
  for (const char* text : rows) EXPECT_FALSE(parse_range(text)) << text;
}

TEST(Address, AsPeopleWriteIt) {
  const struct {
    const char *text, *written;
  } rows[] = {{"10.0.0.1", "10.0.0.1"},
              {"::ffff:10.0.0.1", "10.0.0.1"},
              {"::ffff:0a00:1", "10.0.0.1"},
              {"2001:DB8:0:0:0::1", "2001:db8::1"},
              {"::10.0.0.1", "::10.0.0.1"}};
  for (const auto& row : rows) EXPECT_EQ(to_text(parse_address(row.text).value()), row.written) << row.text;
  for (const char* text : {"", "10.0.0.1/32", "::1%lo", "fe80::1%1", "[::1]", "10.0.0.1:80"})
    EXPECT_FALSE(parse_address(text)) << text;
}

}  // namespace

}  // namespace granary
