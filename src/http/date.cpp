#include "http/date.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <string>

namespace granary::http {

std::optional<WallTime> read_date(std::string_view text) {
  const std::time_t second = curl_getdate(std::string(text).c_str(), nullptr);
  if (second == -1) return std::nullopt;
  // libcurl reads years up to two thousand million; microseconds of those do not fit into 64 bits.
  constexpr std::chrono::sys_seconds kLast = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
  return std::min(std::chrono::sys_seconds(seconds(second)), kLast);
}

}  // namespace granary::http
