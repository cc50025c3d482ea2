// Always-on assertion for bugs: ends the process with the place and the reason. Never reachable from input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace granary {

inline void check(bool holds, const char* what, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "{\"level\":\"critical\",\"message\":\"bug: %s\",\"at\":\"%s:%u\"}\n", what, where.file_name(),
               static_cast<unsigned>(where.line()));
  std::abort();
}

}  // namespace granary
