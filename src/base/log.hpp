// One JSON object a line on standard error. Never a secret: callers pass ids, names of providers, statuses, reasons. Nobody waits
// for who reads it: a line that cannot be written is dropped, and counted.
#pragma once

#include <unistd.h>

#include <atomic>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "base/line_output.hpp"

namespace granary {

enum class LogLevel { debug, info, warning, error, none };  // none: nothing is written

struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;
};

// Usable from every thread.
class Log {
 public:
  Log(Clock& clock, LogLevel least, int descriptor = STDERR_FILENO);

  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) { write(LogLevel::info, message, fields); }
  void warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::warning, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) { write(LogLevel::error, message, fields); }

  // How many lines could not be written since the start.
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::string line_of(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const;

  Clock& clock_;
  LogLevel least_;
  std::mutex mutex_;
  LineOutput output_;
  std::uint64_t untold_ = 0;  // lines dropped that no line has told of yet
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace granary
