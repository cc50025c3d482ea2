// Queries: what is a parameter, what counts as absent, and what cannot be read.
#include "http/message.hpp"

#include <gtest/gtest.h>

namespace granary::http {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(ParseQuery, Reads) {
  const struct {
    const char* query;
    Pairs parameters;
  } rows[] = {
      {"", {}},
      {"page=1", {{"page", "1"}}},
      {"page=1&size=20", {{"page", "1"}, {"size", "20"}}},
      {"sort=id,asc&sort=name,desc", {{"sort", "id,asc"}, {"sort", "name,desc"}}},
      {"a=b=c", {{"a", "b=c"}}},
      {"email=a%40b.example", {{"email", "a@b.example"}}},
      {"na%6de=x", {{"name", "x"}}},
      {"name=a+b%2Bc", {{"name", "a b+c"}}},
      {"name=J%C3%BCrgen", {{"name", "J\xc3\xbcrgen"}}},
      {"a=%2541", {{"a", "%41"}}},
      {"a=1%26b=2", {{"a", "1&b=2"}}},
      {"a=%20", {{"a", " "}}},
      // without a value: absent
      {"page", {}},
      {"page=", {}},
      {"page=&size=1", {{"size", "1"}}},
      {"&&a=1&&", {{"a", "1"}}},
      {"&", {}},
  };
  for (const auto& row : rows) {
    const auto parsed = parse_query(row.query);
    ASSERT_TRUE(parsed) << row.query;
    Pairs found;
    for (const auto& parameter : *parsed) found.emplace_back(parameter.name, parameter.value);
    EXPECT_EQ(found, row.parameters) << row.query;
  }
}

TEST(ParseQuery, Refuses) {
  const char* rows[] = {"a=%",
                        "a=%4",
                        "a=%zz",
                        "a=%4g",
                        "a=1&b=%",
                        "%=1",
                        "%zz=1",
                        "a=b%",
                        "a=%%20",
                        "a=%-1",
                        "a=%ff",
                        "a=%c3",
                        "a=%c3%28",
                        "a=%c0%80",
                        "a=%ed%a0%80",
                        "a=%f4%90%80%80",
                        "ok=1&a=%E2%82&b=2"};
  for (const char* query : rows) EXPECT_FALSE(parse_query(query)) << query;
}

}  // namespace

}  // namespace granary::http
