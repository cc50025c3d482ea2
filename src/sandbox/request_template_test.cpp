#include "sandbox/request_template.hpp"

#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

TEST(SandboxTemplate, ReadsText) {
  struct Row {
    const char *form, *text;
    std::optional<Values> values;
  };
  const Row rows[] = {
      {"{a}", "x", Values{{"a", "x"}}},
      {"Bearer {a}", "Bearer x y", Values{{"a", "x y"}}},
      {"{a}:{b}", "x:y:z", Values{{"a", "x"}, {"b", "y:z"}}},
      {"/{a}/log", "/x/log", Values{{"a", "x"}}},
      {"{not a name}", "{not a name}", Values{}},
      {"{}{", "{}{", Values{}},
      {"{a}-{a}", "x-x", Values{{"a", "x"}}},
      {"{a}-{a}", "x-y", std::nullopt},
      {"Bearer {a}", "Basic x", std::nullopt},
      {"/{a}/log", "/x/logs", std::nullopt},
      {"{a}:{b}", "x", std::nullopt},
      {"fixed", "fixed ", std::nullopt},
      {"fixed", "", std::nullopt},
  };
  for (const Row& row : rows) {
    Values values;
    EXPECT_EQ(read_text(row.form, row.text, values), row.values.has_value()) << row.form << " and " << row.text;
    if (row.values) EXPECT_EQ(values, *row.values) << row.form << " and " << row.text;
  }
}

TEST(SandboxTemplate, ReadsRequests) {
  const Catalog catalog = built_in_catalog();
  const Provider& provider = *catalog.find_short_name("ag-leader");  // accessToken is optional there
  const Json form = json(
      "{'method':'POST','path':'/{publicKey}/in','query':{'v':'2'},'headers':{'X-Key':'{privateKey}'},"
      "'json':{'user':{'name':'{name}'},'token':'{accessToken}','list':['{name}',1]}}");
  struct Row {
    const char *method, *path, *query, *key, *type, *body;
    int status;  // 0: it fits
  };
  const char* const kGood = R"({"user":{"name":"n"},"token":"t","list":["n",1],"more":2})";
  const Row rows[] = {
      {"POST", "/p%20q/in", "v=2", "k", "application/json; charset=utf-8", kGood, 0},
      {"POST", "/p/in", "v=2&w=3", "k", "application/json", R"({"user":{"name":"n"},"list":["n",1]})", 0},
      {"GET", "/p/in", "v=2", "k", "application/json", kGood, 405},
      {"POST", "/p/out", "v=2", "k", "application/json", kGood, 404},
      {"POST", "//in", "v=2", "k", "application/json", kGood, 404},
      {"POST", "/p%2/in", "v=2", "k", "application/json", kGood, 404},
      {"POST", "/p/in", "", "k", "application/json", kGood, 400},
      {"POST", "/p/in", "v=3", "k", "application/json", kGood, 400},
      {"POST", "/p/in", "v=%", "k", "application/json", kGood, 400},
      {"POST", "/p/in", "v=2", "", "application/json", kGood, 400},
      {"POST", "/p/in", "v=2", "k", "text/plain", kGood, 415},
      {"POST", "/p/in", "v=2", "k", "application/json", "", 400},
      {"POST", "/p/in", "v=2", "k", "application/json", "[]", 400},
      {"POST", "/p/in", "v=2", "k", "application/json", R"({"list":["n",1]})", 400},
      {"POST", "/p/in", "v=2", "k", "application/json", R"({"user":{"name":1},"list":["n",1]})", 400},
      {"POST", "/p/in", "v=2", "k", "application/json", R"({"user":{"name":"n"},"list":["m",1]})", 400},
      {"POST", "/p/in", "v=2", "k", "application/json", R"({"user":{"name":"n"},"list":["n"]})", 400},
      {"POST", "/p/in", "v=2", "k", "application/json", R"({"user":{"name":"n"},"list":["n",2]})", 400},
      {"POST", "/p/in", "v=2", "k", "application/json", R"({"user":{},"list":["n",1]})", 0},
      {"POST", "/p/in", "v=2", "k", "application/json", R"({"user":{},"list":{}})", 400},
  };
  for (const Row& row : rows) {
    http::Request request;
    request.method = row.method;
    request.query = row.query;
    request.content_type = row.type;
    request.body = row.body;
    request.other_headers = {{"x-key", row.key}};
    const auto values = read_request(form, provider, request, row.path);
    EXPECT_EQ(values ? 0 : values.error().status, row.status) << row.path << " " << row.body;
  }
}

TEST(SandboxTemplate, ReadsForms) {
  const Catalog catalog = built_in_catalog();
  const Provider& provider = *catalog.find_short_name("sentera");
  const Json form = json("{'path':'/in','form':{'user':'{username}','kind':'api'}}");
  http::Request request;
  request.method = "POST";
  request.content_type = "application/x-www-form-urlencoded";
  request.body = "kind=api&user=a%2Bb+c";
  const auto values = read_request(form, provider, request, "/in");
  ASSERT_TRUE(values);
  EXPECT_EQ(value_of(*values, "username"), "a+b c");
  for (const char* body : {"", "kind=api", "user=x", "kind=other&user=x", "kind=api&user=%zz"}) {
    request.body = body;
    EXPECT_FALSE(read_request(form, provider, request, "/in")) << body;
  }
}

TEST(SandboxTemplate, NamesItsPlaceholdersAndExpands) {
  EXPECT_EQ(placeholders(json("{'a':'{x}-{y}','b':['{x}',{'c':'{z}'}],'d':1}")), (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_EQ(expand("{x}/{missing}/{x}.", {{"x", "1"}}), "1//1.");
}

}  // namespace

}  // namespace granary::sandbox
