#include "base/recent_counts.hpp"

#include <algorithm>

namespace granary {

void RecentCounts::make_room(SteadyTime now) {
  std::erase_if(counts_, [&](const auto& entry) { return now - entry.second.begin >= kWindow; });
  if (counts_.size() < kKeysMax) return;
  counts_.erase(std::ranges::min_element(counts_, {}, [](const auto& entry) { return entry.second.count; }));
}

int RecentCounts::add(const std::string& key, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (counts_.size() >= kKeysMax && !counts_.contains(key)) make_room(now);
  Count& count = counts_[key];
  if (count.count == 0 || now - count.begin >= kWindow) count = {.begin = now};
  return ++count.count;
}

void RecentCounts::take_back(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key);
  if (found != counts_.end() && --found->second.count == 0) counts_.erase(found);
}

seconds RecentCounts::wait(const std::string& key, int most, SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key);
  if (found == counts_.end() || found->second.count < most || now - found->second.begin >= kWindow) return seconds(0);
  return std::chrono::ceil<seconds>(found->second.begin + kWindow - now);
}

}  // namespace granary
