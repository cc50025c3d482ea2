// Commits what came of asking a provider, and tells of the change of status. While the store cannot write, the answer exists only
// here: it is held, sealed, with its credential's lock, until the store can. Asking again instead would lose a token, or have a
// grower's account logged in to each second for as long as a disk is full. Internal to check/ and operation/.
#pragma once

#include <span>

#include "check/context.hpp"
#include "domain/event.hpp"

namespace granary {

// What is held while the store fails. For the rest, whoever asked is told of the store (StoreUnavailable).
enum class Holds {
  nothing,
  briefly,  // everything, for as long as a caller waits
  tokens,
  everything,
};

// The row, under its lock. Where its token is under way though nobody has the lock, the commit of the answer failed: it is of
// unknown outcome, as after a crash.
Task<std::optional<StoredCredential>> load_row(CheckContext& context, CredentialKey key);

// A write of one row, empty still. The store refuses it where the row's secrets are not those that were loaded.
CredentialWrite write_of(CheckContext& context, const StoredCredential& row,
                         CredentialWrite::Needs needs = CredentialWrite::Needs::row);

// One commit of the write and of its events. Where the store can write all but the events, they are left out.
Task<Committed> commit(CheckContext& context, const StoredCredential& row, CredentialWrite write, std::vector<Event> events = {},
                       Holds holds = Holds::nothing);

// Changes the health of many, batch by batch; each is told once it is durable.
Task<> change_health(CheckContext& context, const BreakerScope& scope, Rows rows, HealthRule rule, Cause cause);

// Tells everybody who listens: here, and nowhere else.
void tell(CheckContext& context, std::string_view provider, std::span<const StatusChange> changes);

// StoreUnavailable, while a token that a provider gave waits for the store: what another gave would have to wait beside it.
void refuse_while_token_is_held(const CheckContext& context);

// The key under which the events of a day are sealed: made, and stored, with the first one. StoreUnavailable.
Task<Plaintext> find_day_key(CheckContext& context, std::int32_t day);
// Seals events for the store, as those of `day`. `row` tells its events key and what is there already.
Task<EventsWrite> seal_events(CheckContext& context, const StoredCredential& row, const std::vector<Event>& events,
                              std::int32_t day, const Plaintext& day_key);

}  // namespace granary
