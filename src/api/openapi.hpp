// The API's description, OpenAPI 3.1, made from the providers' descriptors. docs/openapi.json is the same with line breaks:
// `granary openapi | python3 -m json.tool --indent 2 > docs/openapi.json`.
#pragma once

#include <string>

#include "domain/descriptor.hpp"

namespace granary::api {

// JSON on one line, and a line end.
std::string openapi_document(const Catalog& catalog);

}  // namespace granary::api
