// The command line, read once: which command, with which options and words.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "config/config.hpp"

namespace granary::cli {

enum class Command { serve, demo, sandbox, key_init, openapi, config, config_reference, providers_check, on_data };

struct Arguments {
  Command command = Command::serve;
  std::map<std::string, config::Given> flags;  // by option key
  std::string config_file;
  std::string descriptor;      // providers_check: the file
  Json request;                // on_data: what to run
  bool makes_folder = false;   // on_data: the data folder may be missing
  bool asks_password = false;  // on_data: one line of standard input
  bool follows = false;        // on_data: what a running server changes, until it is ended
};

struct Parsed {
  std::optional<Arguments> arguments;
  int exit_code = 0;  // where there are none: --help, --version, wrong usage
};

Parsed parse_arguments(int argc, char** argv);

}  // namespace granary::cli
