#include "base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>

#include "base/json.hpp"

namespace granary {

namespace {
constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};
}

Log::Log(Clock& clock, LogLevel least)
    : clock_(clock),
      least_(least),
      sink_(std::make_shared<spdlog::logger>("granary", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  sink_->set_pattern("%v");
  sink_->set_level(spdlog::level::trace);
  sink_->flush_on(spdlog::level::trace);
}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < least_) return;
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
  sink_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace granary
