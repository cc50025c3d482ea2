#include "operation/catalog.hpp"

#include "operation/parts.hpp"

namespace granary {

const Catalog& providers(const Parts& parts) { return parts.catalog; }

}  // namespace granary
