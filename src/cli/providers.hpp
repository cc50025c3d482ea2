// The providers of this start: the descriptors in the binary, those of --providers, and what the configuration sets.
#pragma once

#include "config/config.hpp"
#include "domain/descriptor.hpp"

namespace granary::cli {

// Throws StartRefused with the file, line and key at fault.
Catalog load_catalog(const config::Config& config);

}  // namespace granary::cli
