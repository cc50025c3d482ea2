// Reads the part of GraphQL that clients of FieldAgent need: one query, fields with arguments and selections, variables.
// Fragments, directives and mutations are refused by name.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace granary::sandbox {

struct GraphqlField {
  std::string alias;  // the name itself where there is none
  std::string name;
  Json arguments;  // an object; variables are replaced by their values
  std::vector<GraphqlField> selection;
};

// The query's fields, or a sentence about what is wrong. `variables` may be null.
std::expected<std::vector<GraphqlField>, std::string> read_graphql(std::string_view query, const Json& variables);

}  // namespace granary::sandbox
