#include "base/log.hpp"

#include <array>

#include "base/json.hpp"

namespace granary {

namespace {
constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};
}

Log::Log(Clock& clock, LogLevel least, int descriptor)
    : clock_(clock), least_(least), output_(least == LogLevel::none ? -1 : descriptor) {}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < least_) return;
  const std::string line = line_of(level, message, fields);
  const std::lock_guard lock(mutex_);
  if (untold_ > 0 &&
      output_.write(line_of(LogLevel::warning, "log lines were dropped", {{"count", static_cast<std::int64_t>(untold_)}})))
    untold_ = 0;
  if (untold_ == 0 && output_.write(line)) return;
  ++untold_;
  ++dropped_;
}

std::string Log::line_of(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  std::string line;
  JsonWriter json(line);
  json.begin_object();
  json.field("time", format_wire_time(clock_.now()));
  json.field("level", kLevelNames[static_cast<std::size_t>(level)]);
  json.field("message", message);
  for (const auto& [name, value] : fields) {
    json.key(name);
    if (const auto* text = std::get_if<std::string_view>(&value)) json.string(*text);
    else json.number(std::get<std::int64_t>(value));
  }
  json.end_object();
  return line;
}

}  // namespace granary
