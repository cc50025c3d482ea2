// Source of random bytes. An interface, because the simulation replays from a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace granary {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(void* data, std::size_t size) = 0;

  std::string bytes(std::size_t size);
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double fraction();
};

// The kernel's generator; usable from every thread.
class SystemRandom final : public Random {
 public:
  void fill(void* data, std::size_t size) override;
};

}  // namespace granary
