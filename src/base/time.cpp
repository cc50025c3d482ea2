#include "base/time.hpp"

#include <array>
#include <charconv>
#include <ctime>

namespace granary {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// Reads exactly `width` digits at `at` and moves past them.
bool read_digits(std::string_view text, std::size_t& at, std::size_t width, int& out) {
  if (at + width > text.size()) return false;
  out = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  at += width;
  return true;
}

bool read_char(std::string_view text, std::size_t& at, char expected) {
  if (at >= text.size() || text[at] != expected) return false;
  ++at;
  return true;
}

std::optional<sys_days> to_day(int year, int month, int day) {
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return sys_days(date);
}

constexpr const char* kHttpDate = "%a, %d %b %Y %H:%M:%S GMT";

void put_digits(std::string& out, std::int64_t value, int width) {
  std::array<char, 20> digits{};
  for (int i = width - 1; i >= 0; --i) {
    digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(digits.data(), static_cast<std::size_t>(width));
}

}  // namespace

std::string format_wire_time(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const year_month_day date(day);
  const std::int64_t micros = (time - day).count();
  std::string out;
  out.reserve(27);
  put_digits(out, int(date.year()), 4);
  out += '-';
  put_digits(out, unsigned(date.month()), 2);
  out += '-';
  put_digits(out, unsigned(date.day()), 2);
  out += 'T';
  put_digits(out, micros / 3'600'000'000, 2);
  out += ':';
  put_digits(out, micros / 60'000'000 % 60, 2);
  out += ':';
  put_digits(out, micros / 1'000'000 % 60, 2);
  out += '.';
  put_digits(out, micros % 1'000'000, 6);
  out += 'Z';
  return out;
}

std::optional<WallTime> parse_wire_time(std::string_view text) {
  std::size_t at = 0;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!read_digits(text, at, 4, year) || !read_char(text, at, '-') || !read_digits(text, at, 2, month) ||
      !read_char(text, at, '-') || !read_digits(text, at, 2, day) || !read_char(text, at, 'T') ||
      !read_digits(text, at, 2, hour) || !read_char(text, at, ':') || !read_digits(text, at, 2, minute) ||
      !read_char(text, at, ':') || !read_digits(text, at, 2, second))
    return std::nullopt;
  std::int64_t micros = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    std::int64_t unit = 100'000;
    const std::size_t first = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      micros += (text[at] - '0') * unit;
      unit /= 10;
    }
    if (at == first || at - first > 9) return std::nullopt;
  }
  if (!read_char(text, at, 'Z') || at != text.size()) return std::nullopt;
  const auto date = to_day(year, month, day);
  if (!date || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return WallTime(*date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(second) + microseconds(micros);
}

std::string format_http_date(WallTime time) {
  const std::time_t second = std::chrono::floor<seconds>(time).time_since_epoch().count();
  std::tm parts{};
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), kHttpDate, gmtime_r(&second, &parts))};
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  std::tm parts{};
  if (!strptime(std::string(text).c_str(), kHttpDate, &parts)) return std::nullopt;
  const WallTime time{seconds(timegm(&parts))};
  // strptime takes other spellings too (`sunday,  6 nov`), and knows neither the length of a month nor the weekday.
  return format_http_date(time) == text ? std::optional(time) : std::nullopt;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || count < 0) return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  std::int64_t scale = 0;
  if (unit == "ms") scale = 1;
  if (unit == "s") scale = 1000;
  if (unit == "m") scale = 60'000;
  if (unit == "h") scale = 3'600'000;
  if (unit == "d") scale = 86'400'000;
  // Ten years is longer than anything here may last, and keeps every later sum inside 64 bits.
  if (scale == 0 || count > 3650LL * 86'400'000 / scale) return std::nullopt;
  return milliseconds(count * scale);
}

std::string format_duration(milliseconds duration) {
  const std::int64_t count = duration.count();
  const auto with = [&](std::int64_t scale, const char* unit) { return std::to_string(count / scale) + unit; };
  if (count == 0 || count % 1000 != 0) return count == 0 ? "0s" : with(1, "ms");
  if (count % 86'400'000 == 0) return with(86'400'000, "d");
  if (count % 3'600'000 == 0) return with(3'600'000, "h");
  if (count % 60'000 == 0) return with(60'000, "m");
  return with(1000, "s");
}

}  // namespace granary
