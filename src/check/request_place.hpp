// How many requests of one owner may wait for providers at once: what is beyond that is turned away before anything is stored.
// The clock's checks do not count. On the checks' executor. Internal to check/ and operation/.
#pragma once

#include "base/error.hpp"
#include "base/ids.hpp"
#include "check/context.hpp"

namespace granary {

inline constexpr int kRequestsOfOneOwnerMax = 500;

// Held for as long as a request waits.
class RequestPlace {
 public:
  // too_many_requests.
  static Result<RequestPlace> take(CheckContext& context, OwnerId owner);
  ~RequestPlace();
  RequestPlace(RequestPlace&& other) noexcept : context_(std::exchange(other.context_, nullptr)), owner_(other.owner_) {}
  RequestPlace(const RequestPlace&) = delete;
  RequestPlace& operator=(const RequestPlace&) = delete;
  RequestPlace& operator=(RequestPlace&&) = delete;

 private:
  RequestPlace(CheckContext& context, OwnerId owner) : context_(&context), owner_(owner) {}

  CheckContext* context_;
  OwnerId owner_;
};

}  // namespace granary
