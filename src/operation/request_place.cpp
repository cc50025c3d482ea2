#include "operation/request_place.hpp"

namespace granary {

Result<RequestPlace> RequestPlace::take(Checker& checker, OwnerId owner) {
  int& waiting = checker.requests[owner];
  if (waiting >= kRequestsOfOneOwnerMax) return fail_until(std::chrono::ceil<seconds>(checker.settings.timeout));
  ++waiting;
  return RequestPlace(checker, owner);
}

RequestPlace::~RequestPlace() {
  if (!checker_) return;
  const auto waiting = checker_->requests.find(owner_);
  if (--waiting->second == 0) checker_->requests.erase(waiting);
}

}  // namespace granary
