#include "check/request_place.hpp"

namespace granary {

Result<RequestPlace> RequestPlace::take(CheckContext& context, OwnerId owner) {
  int& waiting = context.requests[owner];
  if (waiting >= kRequestsOfOneOwnerMax) return fail_until(std::chrono::ceil<seconds>(context.settings.timeout));
  ++waiting;
  return RequestPlace(context, owner);
}

RequestPlace::~RequestPlace() {
  if (!context_) return;
  const auto waiting = context_->requests.find(owner_);
  if (--waiting->second == 0) context_->requests.erase(waiting);
}

}  // namespace granary
