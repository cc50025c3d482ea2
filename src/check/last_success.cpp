#include "check/last_success.hpp"

#include <charconv>

namespace granary {

namespace {

std::string setting_of(const Lane& lane) { return "last success " + lane.provider + " " + lane.environment; }

}  // namespace

Task<> load_last_successes(CheckContext& context) {
  for (auto& [key, lane] : context.lanes) {
    const auto text = co_await context.store.find_setting(setting_of(key));
    std::int64_t micros = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), micros).ec != std::errc()) continue;
    lane.last_success = lane.stored_success = from_micros(micros);
  }
}

Task<> save_last_successes(CheckContext& context) {
  try {
    for (auto& [key, lane] : context.lanes) {
      if (!lane.last_success || lane.last_success == lane.stored_success) continue;
      const WallTime time = *lane.last_success;
      co_await context.store.save_setting(setting_of(key), std::to_string(to_micros(time)));
      lane.stored_success = time;
    }
  } catch (const StoreUnavailable& failure) {
    context.log.warning("the time of a provider's last success is not stored", {{"error", failure.what()}});
  }
}

}  // namespace granary
