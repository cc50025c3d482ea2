#include "check/credential_locks.hpp"

#include "base/error.hpp"

namespace granary {

template <class Key>
auto Locks<Key>::wait(Key id, SteadyTime deadline) -> Task<Waited> {
  const auto found = locks_.find(id);
  if (found == locks_.end()) co_return Waited{};
  const std::shared_ptr<Lock> lock = found->second;
  if (lock->is_held) throw StoreUnavailable("an answer for this credential waits for the store");
  const auto waiter = std::make_shared<Waiter>(executor_, deadline);
  lock->waiting.push_back(waiter);
  co_await waiter->woken.wait();
  if (lock->is_held) throw StoreUnavailable("an answer for this credential waits for the store");
  co_return Waited{.is_too_late = waiter->is_too_late, .end = lock->end};
}

template <class Key>
Task<bool> Locks<Key>::wait_free(Key id, SteadyTime deadline) {
  while (is_taken(id))
    if ((co_await wait(id, deadline)).is_too_late) co_return false;
  co_return true;
}

template <class Key>
void Locks<Key>::expire(SteadyTime now) {
  for (auto& [id, lock] : locks_)
    std::erase_if(lock->waiting, [&](const std::shared_ptr<Waiter>& waiter) {
      if (waiter->deadline > now) return false;
      waiter->is_too_late = true;
      waiter->woken.fire();
      return true;
    });
}

template <class Key>
void Locks<Key>::mark_held(Key id, bool is_held) {
  const auto found = locks_.find(id);
  if (found == locks_.end()) return;
  found->second->is_held = is_held;
  for (const auto& waiter : std::exchange(found->second->waiting, {})) waiter->woken.fire();
}

template <class Key>
Locks<Key>::Hold::Hold(Locks& locks, Key id) : locks_(locks), id_(id) {
  locks_.locks_[id] = std::make_shared<Lock>();
}

template <class Key>
Locks<Key>::Hold::~Hold() {
  const auto lock = locks_.locks_.extract(id_);
  if (!lock) return;
  for (const auto& waiter : lock.mapped()->waiting) waiter->woken.fire();
}

template <class Key>
void Locks<Key>::Hold::tell(std::optional<CheckEnd> end) {
  if (const auto lock = locks_.locks_.find(id_); lock != locks_.locks_.end()) lock->second->end = end;
}

template class Locks<CredentialId>;
template class Locks<LoginId>;

}  // namespace granary
