// Writes a JSON tree as YAML, for people to read.
#pragma once

#include <string>

#include "base/json.hpp"

namespace granary::api {

std::string to_yaml(const Json& json);

}  // namespace granary::api
