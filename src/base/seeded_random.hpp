// Randomness from a seed: for jitter that a pure rule spreads, for tests and the simulation. Never for a secret.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/random.hpp"

namespace granary {

// SplitMix64.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : state_(seed) {}

  void fill(void* data, std::size_t size) override {
    auto* out = static_cast<char*>(data);
    while (size > 0) {
      state_ += 0x9e3779b97f4a7c15ULL;
      std::uint64_t value = state_;
      value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
      value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
      value ^= value >> 31;
      const std::size_t count = size < sizeof value ? size : sizeof value;
      std::memcpy(out, &value, count);
      out += count;
      size -= count;
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace granary
