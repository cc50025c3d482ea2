// PUT's new fields on their way to being the stored ones: kept beside them, tried, promoted or removed. Internal to
// operation/.
#pragma once

#include "operation/ask_provider.hpp"

namespace granary {

// Among a candidate's fields: the origin that it was brought for, and to which it may be sent.
inline constexpr std::string_view kCandidateOrigin = "_origin";
// There where its token is the stored login's: that and what is known of it stay there, and are laid over it to try it.
inline constexpr std::string_view kOfStoredGrant = "_ofStoredGrant";

// What the client is told.
enum class CandidateEnd {
  promoted,
  refused,
  unavailable,
  waiting,  // as `unavailable`; but the candidate stays: what a refresh gave for it exists nowhere else, or it was not asked
  gone,
};

std::optional<Fields> open_candidate(const Checker& checker, const StoredCredential& credential);

// Tries the fields by the table of behaviour.md, "PUT". The caller has the credential's turn and has saved the candidate, which
// the credential names; of the stored grant, the stored fields open.
Task<CandidateEnd> try_candidate(Checker& checker, StoredCredential credential, Fields candidate, Trigger trigger);

struct Settled {
  std::optional<CandidateEnd> end;  // nullopt: it was not asked, and the stored login goes on alone
  bool of_stored_grant = false;     // asked, it has shown the stored token
};

// Of an interrupted PUT: one that was sent is tried once more. One that was not, or that cannot be asked at its origin, stays for
// another PUT to replace.
Task<Settled> settle_candidate(Checker& checker, const StoredCredential& credential, Trigger trigger);

// Which lane the fields belong to; null when none is known.
LaneState* lane_of(Checker& checker, const Provider& provider, const Fields& fields);

}  // namespace granary
