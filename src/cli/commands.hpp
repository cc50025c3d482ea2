// Commands that work on the data, the same whether a server runs or not: a JSON object in, a JSON object out. The server
// runs them for its socket; without one the command opens the data itself.
#pragma once

#include "base/json.hpp"
#include "base/task.hpp"

namespace granary {
struct Parts;
}

namespace granary::cli {

// {"command": ..., ...} -> {"ok": true, ...} or {"ok": false, "error": sentence}.
Task<Json> run_command(Parts& parts, Json request);

// Prints the answer to a command as people read it; returns the exit code.
int print_answer(const Json& request, const Json& answer);

}  // namespace granary::cli
