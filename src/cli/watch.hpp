// `granary credentials --watch`: follows the changes of status that a running server makes.
#pragma once

#include <string>

#include "base/json.hpp"

namespace granary::cli {

// Prints each change as it comes, until Ctrl-C or whoever reads standard output is gone. Returns the exit code; 1 when the server
// has ended. Throws StartRefused when none runs.
int watch_changes(const std::string& folder, Json request);

}  // namespace granary::cli
