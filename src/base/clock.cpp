#include "base/clock.hpp"

#include <boost/asio/basic_waitable_timer.hpp>

namespace granary {

using std::chrono::time_point_cast;

WallTime SystemClock::now() { return time_point_cast<microseconds>(std::chrono::system_clock::now()); }

SteadyTime SystemClock::elapsed() { return time_point_cast<microseconds>(std::chrono::steady_clock::now()); }

Task<> SystemClock::sleep_until(SteadyTime when) {
  using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
  Timer timer(co_await asio::this_coro::executor, when);
  co_await timer.async_wait(use_task);
}

}  // namespace granary
