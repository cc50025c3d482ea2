#include "http/limits.hpp"

#include <optional>

namespace granary::http {

bool ConnectionLimits::count_in(const std::string& network) {
  std::size_t& here = by_network_[network];
  if (here >= per_address_max_) return false;
  ++here;
  return true;
}

void ConnectionLimits::count_out(const std::string& network) {
  const auto found = by_network_.find(network);
  if (--found->second == 0) by_network_.erase(found);
}

ConnectionLimits::Entry ConnectionLimits::enter(const std::string& network) {
  const std::lock_guard lock(mutex_);
  if (!count_in(network)) return Entry::too_many;
  if (total_ == total_max_) {
    count_out(network);
    return Entry::full;
  }
  ++total_;
  return Entry::entered;
}

ConnectionLimits::Entry ConnectionLimits::enter_proxy() {
  const std::lock_guard lock(mutex_);
  if (total_ == total_max_) return Entry::full;
  ++total_;
  return Entry::entered;
}

void ConnectionLimits::leave(const std::string& network) {
  const std::lock_guard lock(mutex_);
  --total_;
  count_out(network);
}

void ConnectionLimits::leave_proxy() {
  const std::lock_guard lock(mutex_);
  --total_;
}

bool ConnectionLimits::enter_forwarded(const std::string& network) {
  const std::lock_guard lock(mutex_);
  return count_in(network);
}

void ConnectionLimits::leave_forwarded(const std::string& network) {
  const std::lock_guard lock(mutex_);
  count_out(network);
}

void ConnectionLimits::add(Connections& connections) {
  const std::lock_guard lock(mutex_);
  all_.push_back(&connections);
}

bool ConnectionLimits::make_room() {
  std::vector<Connections*> all;
  {
    const std::lock_guard lock(mutex_);
    all = all_;
  }
  for (const auto idle : {Connections::Idle::waiting, Connections::Idle::transferring}) {
    Connections* longest = nullptr;
    std::optional<std::chrono::steady_clock::time_point> since;
    for (Connections* connections : all) {
      const auto here = connections->longest_idle_since(idle);
      if (!here || (since && *here >= *since)) continue;
      since = here;
      longest = connections;
    }
    if (longest && longest->close_longest_idle(idle)) return true;
  }
  return false;
}

bool BodyMemory::take(const std::string& payer, std::size_t bytes) {
  if (bytes == 0) return true;  // give_back() forgets no payer that has taken nothing
  const std::lock_guard lock(mutex_);
  if (bytes > bytes_max_ - bytes_) return false;
  const auto found = by_payer_.find(payer);
  if ((found == by_payer_.end() ? 0 : found->second) + bytes > bytes_max_ / 4) return false;
  bytes_ += bytes;
  by_payer_[payer] += bytes;
  return true;
}

std::size_t BodyMemory::payers() {
  const std::lock_guard lock(mutex_);
  return by_payer_.size();
}

std::size_t BodyMemory::bytes() {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void BodyMemory::give_back(const std::string& payer, std::size_t bytes) {
  if (bytes == 0) return;
  const std::lock_guard lock(mutex_);
  bytes_ -= bytes;
  const auto found = by_payer_.find(payer);
  found->second -= bytes;
  if (found->second == 0) by_payer_.erase(found);
}

}  // namespace granary::http
