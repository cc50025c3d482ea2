// The tables of the heart as Markdown, for docs/reliability.md: printed from the code that they rule, by `granary_sim --tables`.
#pragma once

#include <string>

namespace granary::simulation {

std::string tables_as_markdown();

}  // namespace granary::simulation
