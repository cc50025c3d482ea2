// PUT's new fields on their way to being the stored ones: kept beside them, tried, promoted or removed. Internal to
// operation/.
#pragma once

#include "operation/ask_provider.hpp"

namespace granary {

// Among a candidate's fields: the origin that it was brought for, and to which it may be sent.
inline constexpr std::string_view kCandidateOrigin = "_origin";
// There where it brought the stored token back: trying it spends that.
inline constexpr std::string_view kOfStoredGrant = "_ofStoredGrant";

// What the client is told. Of the stored grant, a candidate that was given a token is stored whichever it is: what it replaces
// is spent.
enum class CandidateEnd {
  promoted,
  refused,
  unavailable,
  waiting,  // as `unavailable`; but the candidate stays: what a refresh gave for it exists nowhere else, or it was not asked
  gone,
};

// Tries the fields by the table of behaviour.md, "PUT". The caller has the credential's turn and has saved the candidate, which
// the credential names.
Task<CandidateEnd> try_candidate(Checker& checker, StoredCredential credential, Fields candidate, Trigger trigger);

enum class Settled {
  checked,  // it is the stored one now; or it is gone, and the stored token was asked with in trying it
  stored,   // it was not asked: the stored fields are the ones to check now
  dropped,  // it was asked and is gone: the same
  waiting,  // these too; and the candidate is to be tried again
  blocked,  // it is to be tried again, and spends the stored token, or did: nothing else may
  gone,
};

// Of an interrupted PUT: one that was sent is tried once more. One that was not, or that cannot be asked at its origin, stays for
// another PUT to replace.
Task<Settled> settle_candidate(Checker& checker, const StoredCredential& credential, Trigger trigger);

// Which lane the fields belong to; null when none is known.
LaneState* lane_of(Checker& checker, const Provider& provider, const Fields& fields);

}  // namespace granary
