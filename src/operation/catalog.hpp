// The providers this server knows.
#pragma once

#include "domain/descriptor.hpp"

namespace granary {

struct Parts;

const Catalog& providers(const Parts& parts);

}  // namespace granary
