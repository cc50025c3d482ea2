// One at a time for each credential: a check, a POST or a PUT holds its lock, and who comes meanwhile waits for the end. And one
// at a time for each login that several credentials hold: they share its tries (domain/shared_tries.hpp). Who holds a login has
// its credential's lock already, and never waits for a second login. On the checks' executor.
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
  failed,          // the store did: who waited for it hears so
  login_is_taken,  // another credential's check shows the same login; by the clock only
};

template <class Key>
class Locks {
 public:
  explicit Locks(Executor executor) : executor_(executor) {}
  std::int64_t count() const { return static_cast<std::int64_t>(locks_.size()); }
  bool is_taken(Key id) const { return locks_.contains(id); }

  struct Waited {
    bool is_too_late = false;
    std::optional<CheckEnd> end;  // of the check that had the lock; nullopt where it was none
  };
  // Waits until whoever has the lock now gives it back; does not take it. StoreUnavailable, when that one waits for the store.
  Task<Waited> wait(Key id, SteadyTime deadline);
  // The same until nobody has it; false when that is too late.
  Task<bool> wait_free(Key id, SteadyTime deadline);
  // Wakes those whose deadline has passed. Called by the scheduler's tick.
  void expire(SteadyTime now);
  // Whoever has the lock waits for the store, for as long as that takes: nobody waits behind it meanwhile.
  void mark_held(Key id, bool is_held);

  class Hold {
   public:
    Hold(Locks& locks, Key id);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    // What those are told who wait for this lock.
    void tell(std::optional<CheckEnd> end);

   private:
    Locks& locks_;
    Key id_;
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
  std::unordered_map<Key, std::shared_ptr<Lock>> locks_;
};

extern template class Locks<CredentialId>;
extern template class Locks<LoginId>;
using CredentialLocks = Locks<CredentialId>;
using LoginLocks = Locks<LoginId>;

}  // namespace granary
