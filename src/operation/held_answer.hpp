// A provider's answer that the store cannot take now: it exists nowhere else, so it is kept in memory, with its credential's
// turn, until the store can write. Asking again instead would lose a token, or have a grower's account logged in to each
// second for as long as a disk is full. Internal to operation/.
#pragma once

#include "base/locked_plaintext.hpp"
#include "operation/checker.hpp"

namespace granary {

// What is held. One that gives no fields to store, and that a client asked for, is not: the client is told of the store.
enum class Holds { nothing, fields, everything };
constexpr Holds held_for(Trigger trigger) { return trigger == Trigger::clock ? Holds::everything : Holds::fields; }

class HeldAnswer {
 public:
  // `fields` are what the provider gave; while they are held they are kept in locked memory.
  HeldAnswer(Checker& checker, const StoredCredential& credential, Holds holds, std::optional<Fields> fields);
  ~HeldAnswer();
  HeldAnswer(const HeldAnswer&) = delete;
  HeldAnswer& operator=(const HeldAnswer&) = delete;

  std::optional<Fields> fields() const;
  void drop_fields();

  // Makes a call of the store, again each second until the store takes it; StoreUnavailable for an answer that is not to be held
  // (any longer).
  template <class Call>
  std::invoke_result_t<Call> until_done(Call call) {
    while (true) {
      std::optional<StoreUnavailable> failure;
      try {
        co_return co_await call();
      } catch (const StoreUnavailable& unavailable) {
        failure = unavailable;
      }
      co_await wait(*failure);
    }
  }

 private:
  Task<> wait(const StoreUnavailable& failure);
  bool is_to_be_held(SteadyTime now) const;
  void begin(SteadyTime now, const StoreUnavailable& failure);
  void release_others();

  Checker& checker_;
  const CredentialId id_;
  const std::string provider_;
  const Holds holds_;
  std::optional<Fields> fields_;
  std::optional<LockedPlaintext> locked_fields_;
  std::optional<SteadyTime> since_;  // counted among the checker's held answers
  bool is_token_ = false;            // and among its held tokens
};

}  // namespace granary
