// Dates in headers that others wrote.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace granary::http {

// Every form that RFC 9110 (section 5.6.7) wants to be understood, the obsolete ones included, and what else libcurl takes for a
// date: `Thursday, 15-Jan-26 12:01:00 GMT`, `Thu Jan 15 12:01:00 2026`, `15 Jan 2026 13:01:00 +0100`. GMT where no zone is named.
// For a date that must be written again as it was, use parse_http_date.
std::optional<WallTime> read_date(std::string_view text);

}  // namespace granary::http
