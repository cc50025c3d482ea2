#include "sandbox/graphql.hpp"

#include "sandbox/sandbox_fixture.hpp"

namespace granary::sandbox {

namespace {

// The fields as one line: alias:name{arguments}[selection].
std::string line_of(const std::vector<GraphqlField>& fields) {
  std::string out;
  for (const auto& field : fields) {
    out += (out.empty() ? "" : " ") + (field.alias == field.name ? "" : field.alias + ":") + field.name;
    if (!field.arguments.object()->empty()) out += field.arguments.dump();
    if (!field.selection.empty()) out += "[" + line_of(field.selection) + "]";
  }
  return out;
}

TEST(SandboxGraphql, ReadsQueries) {
  struct Row {
    const char *query, *variables, *fields;
  };
  const Row rows[] = {
      {"{a}", "{}", "a"},
      {"query{a b{c,d}}", "{}", "a b[c d]"},
      {"query Name { x : a # comment }\n b }", "{}", "x:a b"},
      {"query($p:Int!){a(page:$p,size:100){b}}", "{'p':3}", R"(a{"page":3,"size":100}[b])"},
      {"query($p:Int=7,$q:[ID!]!){a(p:$p,q:$q)}", "{'q':['x']}", R"(a{"p":7,"q":["x"]})"},
      {"{a(o:{p:-1,q:[1 2],r:\"s t\",u:true,v:null,w:NAME})}", "{}",
       R"(a{"o":{"p":-1,"q":[1,2],"r":"s t","u":true,"v":null,"w":"NAME"}})"},
      {"{a(p:$missing)}", "{}", R"(a{"p":null})"},
      {"query($o:P!){a(o:$o)}", "{'o':{'p':1}}", R"(a{"o":{"p":1}})"},
  };
  for (const Row& row : rows) {
    const auto fields = read_graphql(row.query, json(row.variables));
    ASSERT_TRUE(fields) << row.query << ": " << fields.error();
    EXPECT_EQ(line_of(*fields), row.fields) << row.query;
  }
}

TEST(SandboxGraphql, RefusesWhatIsNoQuery) {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "{a";
  const std::string queries[] = {
      "",
      "a",
      "{",
      "{a",
      "{a}}",
      "{a}{b}",
      "mutation{a}",
      "subscription{a}",
      "{a(}",
      "{a(b)}",
      "{a(b:)}",
      "{a(b:1}",
      "{a(b:[1)}",
      "{a(b:{c})}",
      "{a(b:\"x)}",
      "{a(b:\"\\n\")}",
      "{a(b:99999999999999999999)}",
      "{a(b:-)}",
      "{...F}",
      "{a @skip(if:true)}",
      "query(p:Int){a}",
      "query($p){a}",
      "query($:Int){a}",
      "{a(b:$)}",
      "{1}",
      "query($p:Int=){a}",
      "{a:}",
      "{a(b:!)}",
      deep,
      "{" + std::string(100'000, ' ') + "a}",
      "{a(b:" + std::string(1'000, '[') + ")}",
  };
  for (const auto& query : queries) EXPECT_FALSE(read_graphql(query, Json())) << query.substr(0, 60);
}

}  // namespace

}  // namespace granary::sandbox
