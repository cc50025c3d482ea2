// How many requests of one owner may wait for providers at once: what is beyond that is turned away before anything is stored.
// The clock's checks do not count. On the checks' executor. Internal to operation/.
#pragma once

#include "base/error.hpp"
#include "base/ids.hpp"
#include "operation/checker.hpp"

namespace granary {

inline constexpr int kRequestsOfOneOwnerMax = 500;

// Held for as long as a request waits.
class RequestPlace {
 public:
  // too_many_requests.
  static Result<RequestPlace> take(Checker& checker, OwnerId owner);
  ~RequestPlace();
  RequestPlace(RequestPlace&& other) noexcept : checker_(std::exchange(other.checker_, nullptr)), owner_(other.owner_) {}
  RequestPlace(const RequestPlace&) = delete;
  RequestPlace& operator=(const RequestPlace&) = delete;
  RequestPlace& operator=(RequestPlace&&) = delete;

 private:
  RequestPlace(Checker& checker, OwnerId owner) : checker_(&checker), owner_(owner) {}

  Checker* checker_;
  OwnerId owner_;
};

}  // namespace granary
