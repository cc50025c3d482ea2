// Time as the product uses it: wall time in microseconds, its form on the wire, durations as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace granary {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

using WallTime = std::chrono::sys_time<microseconds>;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, microseconds>;

inline std::int64_t to_micros(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime from_micros(std::int64_t micros) { return WallTime(microseconds(micros)); }

// 2026-01-15T12:00:00.000000Z
std::string format_wire_time(WallTime time);
// Accepts the wire's form, with 0 to 9 decimals, and `Z` only.
std::optional<WallTime> parse_wire_time(std::string_view text);

// Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110, section 5.6.7).
std::string format_http_date(WallTime time);
// Exactly what format_http_date gives back as it was; nullopt for all other spellings.
std::optional<WallTime> parse_http_date(std::string_view text);

// Days since 1970-01-01, UTC: the unit in which events expire.
inline std::int32_t day_of(WallTime time) {
  return static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(time).time_since_epoch().count());
}
inline WallTime start_of_day(std::int32_t day) { return WallTime(std::chrono::days(day)); }

// `30s`, `15m`, `6h`, `30d`; also `250ms`.
std::optional<milliseconds> parse_duration(std::string_view text);
std::string format_duration(milliseconds duration);

}  // namespace granary
