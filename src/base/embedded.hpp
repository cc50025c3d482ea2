// Text files that are part of the binary; tools/embed.cmake writes the definitions at build time.
#pragma once

#include <string>
#include <vector>

namespace granary::embedded {

struct File {
  std::string name;
  std::string text;
};

extern const std::vector<File> kSchema;     // schema/*.sql, by number
extern const std::vector<File> kProviders;  // providers/*.json

}  // namespace granary::embedded
