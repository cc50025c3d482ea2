// One history: what clients, growers, machines and the weather do, drawn from a seed, run to its end and judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/planted.hpp"
#include "simulation/oracle.hpp"

namespace granary::simulation {

struct Action {
  enum class Kind {
    // By clients.
    post,
    put,
    put_refused,
    put_again,
    remove,
    unlink,
    relink,
    check,
    // By a grower.
    revoke,
    // By machines.
    crash,
    pause,
    store_fails,
    provider_is_down,
    clock_jumps,
  };
  SteadyTime at;
  Kind kind = Kind::check;
  std::size_t node = 0, slot = 0;
  std::int64_t number = 0;  // how long, how far

  std::string text() const;
};

enum class Processes { as_planned, one };

struct Plan {
  std::uint64_t seed = 0;
  std::vector<Action> actions;
  Processes processes = Processes::as_planned;
};

Plan make_plan(std::uint64_t seed, Processes processes);

struct Outcome {
  std::optional<Violation> violation;
  std::vector<std::string> trace;  // when asked for
};

// Runs on the calling thread. `with_trace` keeps a line for everything that happens.
Outcome run_history(const Plan& plan, Fault fault, bool with_trace);

// The fewest actions of the plan that still break the same invariant.
Plan shrink(const Plan& plan, Fault fault, const std::string& invariant);

}  // namespace granary::simulation
