// Asks the provider whether a credential still works, and records what came of it. The scheduler and POST .../check are
// two doors to the same code. Runs on the checks' executor.
//
// What a check passes through that spends a one-use token, and what the next start makes of a row that was left there:
//
//   claimed    the credential's turn (Turns), and the row's where processes share a store   nothing: no token was shown
//   noted      begin_exchange has committed the token's digest (`spending`)                 due at once, tried once more
//   sent       ask_provider, over a connection of its own that repeats nothing              the same
//   answered   record_answer; a HeldAnswer while the store cannot write                     the same: the one window
//   committed  record_check: fields by their version, health, events, `spending` cleared    nothing: all is kept
//   released   the turn ends                                                                nothing
//
// Where a probe follows the refresh, `committed` comes before the probe, which spends nothing (keep_given in ask_provider.cpp).
#pragma once

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/task.hpp"
#include "domain/records.hpp"

namespace granary {

struct Checker;
enum class Trigger;

enum class CheckEnd {
  recorded,
  not_sent,
  gone,
  seal_broken,
  failed,  // the store did: who waited for it hears so
};

// By the clock: does nothing when the credential is being checked already.
Task<> check_by_clock(Checker& checker, CredentialId id);
// By request: waits for a check under way and lets its answer count. StoreUnavailable.
Task<CheckEnd> check_now(Checker& checker, CredentialId id);

}  // namespace granary
