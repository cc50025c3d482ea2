// `granary demo` and `granary sandbox`: the product beside its simulated providers.
#pragma once

#include <map>
#include <string>

#include "config/config.hpp"

namespace granary {

// A server, the sandbox, one owner, one Leaf user, four credentials; prints what to try, ends one login and says so.
int run_demo(config::Config config, const std::map<std::string, config::Given>& flags);
// The simulated providers alone.
int run_sandbox(config::Config config, const std::map<std::string, config::Given>& flags);

}  // namespace granary
