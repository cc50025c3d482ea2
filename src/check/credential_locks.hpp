// One at a time for each credential: a check, a POST or a PUT holds its lock, and who comes meanwhile waits for the end. On the
// checks' executor.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/task.hpp"
#include "base/time.hpp"

namespace granary {

enum class CheckEnd {
  recorded,
  not_sent,  // no slot, or not the time
  gone,
  seal_broken,
  failed,  // the store did: who waited for it hears so
};

class CredentialLocks {
 public:
  explicit CredentialLocks(Executor executor) : executor_(executor) {}
  std::int64_t count() const { return static_cast<std::int64_t>(locks_.size()); }
  bool is_taken(CredentialId id) const { return locks_.contains(id); }

  struct Waited {
    bool is_too_late = false;
    std::optional<CheckEnd> end;  // of the check that had the lock; nullopt where it was none
  };
  // Waits until whoever has the lock now gives it back; does not take it. StoreUnavailable, when that one waits for the store.
  Task<Waited> wait(CredentialId id, SteadyTime deadline);
  // The same until nobody has it; false when that is too late.
  Task<bool> wait_free(CredentialId id, SteadyTime deadline);
  // Wakes those whose deadline has passed. Called by the scheduler's tick.
  void expire(SteadyTime now);
  // Whoever has the lock waits for the store, for as long as that takes: nobody waits behind it meanwhile.
  void mark_held(CredentialId id, bool is_held);

  class Hold {
   public:
    Hold(CredentialLocks& locks, CredentialId id);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    // What those are told who wait for this lock.
    void tell(std::optional<CheckEnd> end);

   private:
    CredentialLocks& locks_;
    CredentialId id_;
  };

 private:
  struct Waiter {
    Waiter(Executor executor, SteadyTime until) : woken(executor), deadline(until) {}
    Signal woken;
    SteadyTime deadline;
    bool is_too_late = false;
  };
  struct Lock {
    std::vector<std::shared_ptr<Waiter>> waiting;
    bool is_held = false;
    std::optional<CheckEnd> end;
  };

  Executor executor_;
  std::unordered_map<CredentialId, std::shared_ptr<Lock>> locks_;
};

}  // namespace granary
