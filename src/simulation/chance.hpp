// The one seed of a history: everything that is left to chance is drawn from here.
#pragma once

#include "base/seeded_random.hpp"
#include "base/time.hpp"

namespace granary::simulation {

class Chance final : public Random {
 public:
  explicit Chance(std::uint64_t seed) : source_(mixed(seed)) {}

  void fill(void* data, std::size_t size) override { source_.fill(data, size); }
  bool percent(std::uint64_t share) { return below(100) < share; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least + 1)));
  }
  microseconds span(milliseconds least, milliseconds most) {
    return microseconds(between(least.count() * 1000, most.count() * 1000));
  }

 private:
  // Neighbouring seeds must not begin at neighbouring places of one sequence.
  static std::uint64_t mixed(std::uint64_t seed) {
    for (int i = 0; i < 2; ++i) {
      seed = (seed ^ (seed >> 32)) * 0xd6e8feb86659fd93ULL;
      seed = (seed ^ (seed >> 32)) * 0xd6e8feb86659fd93ULL;
    }
    return seed ^ (seed >> 32);
  }

  SeededRandom source_;
};

}  // namespace granary::simulation
