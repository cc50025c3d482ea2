// A provider's answer that the store cannot take now: it exists nowhere else, so it is kept in memory, with its credential's
// turn, until the store can write. Asking again instead would lose a token, or have a grower's account logged in to each
// second for as long as a disk is full. Internal to operation/.
#pragma once

#include <exception>

#include "operation/checker.hpp"

namespace granary {

class HeldAnswer {
 public:
  // One that a request waits for is held for the fields it gives only: the client is told of the failing store instead.
  HeldAnswer(Checker& checker, bool is_waited_for) : checker_(checker), is_waited_for_(is_waited_for) {}
  ~HeldAnswer();
  HeldAnswer(const HeldAnswer&) = delete;
  HeldAnswer& operator=(const HeldAnswer&) = delete;

  // Returns when the store may be tried again; throws `failure` for an answer that is not to be held (any longer).
  Task<> wait(const std::exception_ptr& failure, const StoredCredential& credential, bool gives_fields);
  // Reads the credential again, however long that takes.
  Task<std::optional<StoredCredential>> reload(const StoredCredential& credential);

 private:
  Checker& checker_;
  const bool is_waited_for_;
  std::optional<SteadyTime> since_;  // counted among the checker's held answers
};

}  // namespace granary
