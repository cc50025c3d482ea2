// `granary providers check FILE`: what a start would refuse of a descriptor, before one is tried.
#pragma once

#include <string>

namespace granary {

// Prints what it found; returns the exit code. StartRefused where the file cannot be read.
int check_descriptor(const std::string& file);

}  // namespace granary
