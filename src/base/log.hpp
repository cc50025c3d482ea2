// One JSON object a line on standard error. Never a secret: callers pass ids, names of providers, statuses, reasons.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"

namespace spdlog {
class logger;
}

namespace granary {

enum class LogLevel { debug, info, warning, error, none };  // none: nothing is written

struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;
};

// Usable from every thread.
class Log {
 public:
  Log(Clock& clock, LogLevel least);
  ~Log();

  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) { write(LogLevel::info, message, fields); }
  void warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::warning, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) { write(LogLevel::error, message, fields); }

 private:
  Clock& clock_;
  LogLevel least_;
  std::shared_ptr<spdlog::logger> sink_;
};

}  // namespace granary
