// Descriptors: those that are built in hold, what a descriptor may not say is refused with the member at fault named,
// and the catalog knows each provider once.
#include "domain/descriptor.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/embedded.hpp"

namespace granary {

namespace {

Json json(std::string text) {
  std::ranges::replace(text, '\'', '"');
  auto parsed = Json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Json());
}

Json minimal() {
  return json(
      "{'slug':'new-credentials','name':'New','user_key':'newCredentials','flow':'oauth2_refresh',"
      "'request':[{'name':'token','required':true,'secret':true},{'name':'env','enum':['A','B'],'default':'A'}]}");
}

Json with(std::string_view member, const std::string& value) {
  Json out = minimal();
  out.set(member, json(value));
  return out;
}

Json without(std::string_view member) {
  Json out = minimal();
  std::erase_if(*out.object(), [&](const auto& entry) { return entry.first == member; });
  return out;
}

TEST(Descriptor, ReadsTheSmallest) {
  const auto provider = parse_descriptor(minimal());
  ASSERT_TRUE(provider) << provider.error().detail;
  EXPECT_EQ(provider->short_name(), "new");
  EXPECT_EQ(provider->login_kind(), LoginKind::refresh_token);
  ASSERT_EQ(provider->environments.size(), 1U);
  EXPECT_EQ(provider->environments[0].name, "");
  EXPECT_FALSE(provider->is_configured(""));
  EXPECT_FALSE(provider->is_configured("A"));
  EXPECT_EQ(provider->rate, 50);
  EXPECT_EQ(provider->concurrency, 32);
  EXPECT_EQ(provider->interval, std::nullopt);
  ASSERT_NE(provider->find_request("token"), nullptr);
  EXPECT_TRUE(provider->find_request("token")->required);
  EXPECT_TRUE(provider->find_request("token")->secret);
  EXPECT_FALSE(provider->find_request("env")->required);
  EXPECT_EQ(provider->find_request("env")->fallback, "A");
  EXPECT_EQ(provider->find_request("Token"), nullptr);
}

TEST(Descriptor, TokensMayBeLongerThanOtherFields) {
  struct Row {
    const char *flow, *parameters;
    std::vector<std::string_view> tokens;
  };
  const Row rows[] = {
      {"'oauth2_refresh'", "{}", {"accessToken", "refreshToken"}},
      {"'oauth2_refresh'", "{'access_token_field':'env'}", {"env", "refreshToken"}},
      {"'oauth2_refresh'", "{'access_token_field':'env','refresh_token_field':'token'}", {"env", "token"}},
      {"'sentera'", "{}", {}},
      {"'agvance'", "{'access_token_field':'env'}", {}},
      {"'encrypted_login'", "{}", {}},
  };
  for (const Row& row : rows) {
    Json descriptor = with("flow", row.flow);
    descriptor.set("parameters", json(row.parameters));
    const auto provider = parse_descriptor(descriptor);
    ASSERT_TRUE(provider) << provider.error().detail;
    for (const std::string_view field : {"accessToken", "refreshToken", "token", "env", ""}) {
      const bool is_token = std::ranges::find(row.tokens, field) != row.tokens.end();
      EXPECT_EQ(provider->code_points_max(field), is_token ? 65'536U : 4'096U) << row.flow << row.parameters << field;
    }
  }
}

TEST(Descriptor, ReadsAddressesIntervalAndLimits) {
  auto provider = parse_descriptor(with("base_url", "'https://Api.Example.com/v1/'"));
  ASSERT_TRUE(provider);
  EXPECT_TRUE(provider->is_configured(""));
  EXPECT_EQ(provider->environments[0].base_url->text(), "https://api.example.com/v1");
  provider = parse_descriptor(with("interval", "'1s'"));
  ASSERT_TRUE(provider);
  EXPECT_EQ(provider->interval, milliseconds(1'000));
  provider = parse_descriptor(with("limits", "{'rate':0.5,'concurrency':1}"));
  ASSERT_TRUE(provider);
  EXPECT_EQ(provider->rate, 0.5);
  EXPECT_EQ(provider->concurrency, 1);
  Json two = with("environments", "{'A':{'base_url':'https://a.example'},'B':{'base_url':null}}");
  two.set("environment_field", "env");
  provider = parse_descriptor(two);
  ASSERT_TRUE(provider) << provider.error().detail;
  EXPECT_TRUE(provider->is_configured("A"));
  EXPECT_FALSE(provider->is_configured("B"));
  EXPECT_FALSE(provider->is_configured(""));
}

TEST(Descriptor, RefusesAMissingMember) {
  for (const char* member : {"slug", "name", "user_key", "flow", "request"}) {
    const auto provider = parse_descriptor(without(member));
    ASSERT_FALSE(provider) << member;
    EXPECT_NE(provider.error().detail.find(member), std::string::npos) << provider.error().detail;
  }
}

TEST(Descriptor, RefusesAWrongOneAndNamesIt) {
  struct Row {
    const char *member, *value, *named;
  };
  const Row rows[] = {
      {"slug", "'new'", "slug"},
      {"slug", "'-credentials'", "slug"},
      {"slug", "'New-credentials'", "slug"},
      {"slug", "'a/b-credentials'", "slug"},
      {"slug", "'a b-credentials'", "slug"},
      {"slug", "'--credentials'", "slug"},
      {"slug", "'é-credentials'", "slug"},
      {"slug", "7", "slug"},
      {"name", "''", "name"},
      {"name", "null", "name"},
      {"user_key", "''", "user_key"},
      {"user_key", "'new-credentials'", "user_key"},
      {"user_key", "'new.key'", "user_key"},
      {"flow", "'oauth1'", "flow"},
      {"flow", "''", "flow"},
      {"flow", "['sentera']", "flow"},
      {"request", "[]", "request"},
      {"request", "{}", "request"},
      {"request", "null", "request"},
      {"request", "[{}]", "request"},
      {"request", "['token']", "request"},
      {"request", "[{'name':''}]", "request"},
      {"request", "[{'name':'a b'}]", "request"},
      {"request", "[{'name':'a'},{'name':'a'}]", "a twice"},
      {"request", "[{'name':'a','enum':'A'}]", "request.a.enum"},
      {"request", "[{'name':'a','enum':[1]}]", "request.a.enum"},
      {"request", "[{'name':'a','enum':['A'],'default':'B'}]", "request.a.default"},
      {"response", "'a'", "response"},
      {"response", "[1]", "response"},
      {"response", "{}", "response"},
      {"base_url", "''", "base_url"},
      {"base_url", "'ftp://a.example'", "base_url"},
      {"base_url", "'https://user@a.example'", "base_url"},
      {"base_url", "'https://a.example/?q'", "base_url"},
      {"base_url", "'a.example'", "base_url"},
      {"base_url", "1", "base_url"},
      {"interval", "'0s'", "interval"},
      {"interval", "'999ms'", "interval"},
      {"interval", "'soon'", "interval"},
      {"interval", "'-1h'", "interval"},
      {"limits", "{'rate':0}", "limits"},
      {"limits", "{'rate':-1}", "limits"},
      {"limits", "{'rate':'50'}", "limits"},
      {"limits", "{'concurrency':0}", "limits"},
      {"limits", "{'concurrency':1.5}", "limits"},
      {"limits", "{'concurrency':1000000}", "limits"},
      {"parameters", "[]", "parameters"},
      {"parameters", "'x'", "parameters"},
      {"parameters", "null", "parameters"},
      {"environments", "{'A':{},'B':{}}", "environment"},
      {"colour", "'blue'", "colour"},
      {"Slug", "'x'", "Slug"},
  };
  for (const Row& row : rows) {
    const auto provider = parse_descriptor(with(row.member, row.value));
    ASSERT_FALSE(provider) << row.member << " " << row.value;
    EXPECT_EQ(provider.error().code, ErrorCode::invalid_field);
    EXPECT_NE(provider.error().detail.find(row.named), std::string::npos) << row.value << ": " << provider.error().detail;
  }
  for (const char* text : {"[]", "'x'", "1", "null"}) EXPECT_FALSE(parse_descriptor(json(text))) << text;
}

TEST(Descriptor, RefusesEnvironmentsThatAreNotItsFields) {
  struct Row {
    const char *field, *environments;
  };
  const Row rows[] = {
      {"env", "{'A':{}}"}, {"env", "{'A':{},'C':{}}"},    {"env", "{'A':{},'B':{},'C':{}}"},
      {"env", "[]"},       {"absent", "{'A':{},'B':{}}"}, {"token", "{'A':{},'B':{}}"},
      {"env", "{}"},       {"", "{'A':{},'B':{}}"},       {"env", "{'A':{'base_url':'x'},'B':{}}"},
  };
  for (const Row& row : rows) {
    Json descriptor = with("environments", row.environments);
    descriptor.set("environment_field", row.field);
    EXPECT_FALSE(parse_descriptor(descriptor)) << row.field << " " << row.environments;
  }
}

TEST(Catalog, HoldsWhatIsBuiltIn) {
  Catalog catalog;
  for (const auto& file : embedded::kProviders) {
    auto provider = parse_descriptor(*Json::parse(file.text));
    ASSERT_TRUE(provider) << file.name << ": " << provider.error().detail;
    ASSERT_TRUE(catalog.add(std::move(*provider))) << file.name;
  }
  std::vector<std::string> names;
  for (const Provider& provider : catalog.all()) names.emplace_back(provider.short_name());
  EXPECT_EQ(names, (std::vector<std::string>{"ag-leader", "valley", "agvance", "sentera"})) << "by user_position";
  EXPECT_TRUE(catalog.find_short_name("ag-leader")->is_configured(""));
  EXPECT_FALSE(catalog.find_short_name("valley")->is_configured("")) << "nothing is known of its address";
  EXPECT_FALSE(catalog.find_short_name("agvance")->is_configured("STAGE"));
  EXPECT_EQ(catalog.find_short_name("agvance")->find_request("clientEnvironment")->fallback, "STAGE");
  EXPECT_EQ(catalog.find_short_name("valley-credentials"), nullptr);
  EXPECT_EQ(catalog.find_slug("valley"), nullptr);
  EXPECT_NE(catalog.find_slug("valley-credentials"), nullptr);
}

TEST(Catalog, KnowsEachProviderOnce) {
  Catalog catalog;
  ASSERT_TRUE(catalog.add(*parse_descriptor(minimal())));
  EXPECT_FALSE(catalog.add(*parse_descriptor(minimal())));
  EXPECT_FALSE(catalog.add(*parse_descriptor(with("user_key", "'other'")))) << "the slug is taken";
  EXPECT_FALSE(catalog.add(*parse_descriptor(with("slug", "'other-credentials'")))) << "the user key is taken";
  EXPECT_EQ(catalog.all().size(), 1U);
  Json other = with("slug", "'other-credentials'");
  other.set("user_key", "otherCredentials");
  EXPECT_TRUE(catalog.add(*parse_descriptor(other)));
}

}  // namespace

}  // namespace granary
