// One history: what clients, growers, machines and the weather do, drawn from a seed, run to its end and judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "simulation/mutants.hpp"
#include "simulation/oracle.hpp"
#include "simulation/plan.hpp"

namespace granary::simulation {

struct Outcome {
  std::optional<Violation> violation;
  std::vector<std::string> trace;  // when asked for
};

// Runs on the calling thread. `with_trace` keeps a line for everything that happens.
Outcome run_history(const Plan& plan, Mutant mutant, bool with_trace);

// The fewest actions of the plan that still break the same invariant.
Plan shrink(const Plan& plan, Mutant mutant, const std::string& invariant);

}  // namespace granary::simulation
