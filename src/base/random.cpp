#include "base/random.hpp"

#include <sys/random.h>

#include <cstring>

#include "base/check.hpp"

namespace granary {

std::string Random::bytes(std::size_t size) {
  std::string out(size, '\0');
  fill(out.data(), size);
  return out;
}

std::uint64_t Random::below(std::uint64_t bound) {
  check(bound > 0, "Random::below needs a bound above zero");
  // Rejection keeps the result uniform.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = 0;
  do fill(&value, sizeof value);
  while (value >= limit);
  return value % bound;
}

double Random::fraction() { return static_cast<double>(below(std::uint64_t{1} << 53)) / 9007199254740992.0; }

void SystemRandom::fill(void* data, std::size_t size) {
  auto* out = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = getrandom(out, size, 0);
    check(got > 0, "getrandom failed");
    out += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace granary
