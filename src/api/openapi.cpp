#include "api/openapi.hpp"

namespace granary::api {

std::string openapi_document(const Catalog&) { return ""; }

}  // namespace granary::api
