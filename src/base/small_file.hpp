// Reads a file of a few kilobytes that an operator names: a key, a certificate. A pipe too (`file:/dev/stdin`, `<(command)`), but
// nobody is waited for longer than the patience.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <expected>
#include <string>

namespace granary {

struct SmallFile {
  std::string text;
  mode_t mode = 0;  // of what was read, whatever has the name by now
};

// The error is an errno; ETIMEDOUT: nobody wrote to the pipe's end in time, EFBIG: more than `bytes_max`.
std::expected<SmallFile, int> read_small_file(const std::string& path, std::size_t bytes_max, std::chrono::milliseconds patience);

}  // namespace granary
