// PUT's new fields on their way to being the stored ones: committed beside them as the row's candidate, shown to the provider by
// the same loop as a check, and promoted or removed by the commit of the answer (domain/put_rules.hpp). Internal to check/ and
// operation/.
#pragma once

#include "check/ask.hpp"
#include "domain/put_rules.hpp"

namespace granary {

// The subject of a check.
Subject stored_subject(StoredCredential row, Secrets secrets);

// Which lane the fields of a login belong to; null when none is known.
LaneState* lane_of(CheckContext& context, const Provider& provider, const Fields& login);

struct PutResult {
  PutEnd end = PutEnd::unavailable;
  Reason reason = Reason::unexpected_answer;  // says nothing when replaced
};

// Tries a candidate that was just committed. nullopt: the credential was deleted or unlinked meanwhile.
Task<std::optional<PutResult>> try_put(CheckContext& context, StoredCredential row, Secrets candidate, SteadyTime deadline);

// A candidate that a crash has left: it is tried once more, and promoted or dropped; one that was not sent, or was tried twice,
// is dropped. nullopt: it was dropped. One that cannot be asked now stays, and is unavailable.
Task<std::optional<PutResult>> settle_put(CheckContext& context, StoredCredential row, Trigger trigger, SteadyTime deadline);

}  // namespace granary
