#include "base/clock.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <fstream>

#include "base/random.hpp"

namespace granary {

using std::chrono::time_point_cast;

WallTime SystemClock::now() { return time_point_cast<microseconds>(std::chrono::system_clock::now()); }

SteadyTime SystemClock::elapsed() { return time_point_cast<microseconds>(std::chrono::steady_clock::now()); }

std::int64_t SystemClock::boot() {
  static const std::int64_t known = [] {
    // The steady clock of Linux counts from the boot, for every process of the machine.
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string text;
    std::int64_t value = 0;
    if (std::getline(file, text) && text.size() >= 16) {
      value = static_cast<std::int64_t>(std::hash<std::string>()(text));
    } else {
      SystemRandom random;
      random.fill(&value, sizeof value);
    }
    return value & INT64_MAX;
  }();
  return known;
}

Task<> SystemClock::sleep_until(SteadyTime when) {
  using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
  Timer timer(co_await asio::this_coro::executor, when);
  co_await timer.async_wait(use_task);
}

}  // namespace granary
