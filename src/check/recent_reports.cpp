#include "check/recent_reports.hpp"

namespace granary {

namespace {
constexpr seconds kReportInterval{60};
constexpr std::size_t kReportsMax = 100'000;  // remembered; the oldest give way
}  // namespace

bool RecentReports::take(CredentialId id, SteadyTime now) {
  while (!taken_.empty() && (taken_.front().at + kReportInterval <= now || taken_.size() >= kReportsMax)) {
    ids_.erase(taken_.front().id);
    taken_.pop_front();
  }
  if (!ids_.insert(id).second) return false;
  taken_.push_back({.id = id, .at = now});
  return true;
}

}  // namespace granary
