// The API's description, OpenAPI 3.1, made from the providers' descriptors. docs/openapi.yaml is what it prints.
#pragma once

#include <string>

#include "domain/descriptor.hpp"

namespace granary::api {

// YAML.
std::string openapi_document(const Catalog& catalog);

}  // namespace granary::api
