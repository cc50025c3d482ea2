// How often each of many keys was counted within the last minute. Where there are too many keys, those that were counted least
// are forgotten: what was counted often stays. Usable from every thread.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/time.hpp"

namespace granary {

class RecentCounts {
 public:
  static constexpr seconds kWindow{60};
  static constexpr std::size_t kKeysMax = 10'000;

  // The count with this one.
  int add(const std::string& key, SteadyTime now);
  void take_back(const std::string& key);
  // Zero while the key was counted less than `most` times; then, how long until its count begins anew.
  seconds wait(const std::string& key, int most, SteadyTime now) const;

 private:
  struct Count {
    SteadyTime begin;
    int count = 0;
  };
  void make_room(SteadyTime now);

  mutable std::mutex mutex_;
  std::map<std::string, Count> counts_;
};

}  // namespace granary
