// What a provider has given for a login, and where the one token that can be spent stands: one table for all of it
// (docs/reliability.md, "Grant"). No I/O.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "domain/fields.hpp"

namespace granary {

// Of the refresh token that is held now. Stored as a number: the order stays.
enum class GrantState : std::uint8_t {
  held,        // what became of its last sending is known
  sending,     // the request that spends it may be on its way
  unknown,     // the answer to that was lost: the token may be spent
  resending,   // it may be on its way for the second time
  doubtful,    // it came for a second try: the first, thought lost, may still arrive and end the grant
  confirming,  // a doubtful one may be on its way
};
inline constexpr std::size_t kGrantStates = 6;

enum class GrantEvent : std::uint8_t {
  sent,      // committed before the request leaves
  rotated,   // the provider gave another token for it
  accepted,  // it was accepted, and stays
  answered,  // the answer says nothing of it, or the request did not leave
  refused,
  lost,  // no answer came, or none that could be read; a crash too
};
inline constexpr std::size_t kGrantEvents = 6;

using GrantTable = std::array<std::array<GrantState, kGrantEvents>, kGrantStates>;
// By state and event, in the order above. What cannot happen leaves the state as it is.
extern const GrantTable kGrantTable;

GrantState after(GrantState state, GrantEvent event);
std::string_view name_of(GrantState state);
std::string_view name_of(GrantEvent event);

// A refusal says nothing sure of the grower: the token may have been spent by a request whose answer was lost.
constexpr bool is_uncertain(GrantState state) { return state != GrantState::held && state != GrantState::sending; }
// The answer to a request with it was lost, and none has come since.
constexpr bool may_be_spent(GrantState state) { return state == GrantState::unknown || state == GrantState::resending; }
// A crash found it so: what is on its way never comes back.
constexpr bool is_under_way(GrantState state) {
  return state == GrantState::sending || state == GrantState::resending || state == GrantState::confirming;
}

// A PUT's candidate, until its answer is committed. Stored as a number: the order stays.
enum class CandidateState : std::uint8_t {
  unsent,     // found after a crash, it is dropped
  sending,    // found after a crash, it is tried once more
  given,      // the provider gave tokens for it, which are in it; found after a crash, it is tried once more
  resending,  // found after a crash, it is dropped
};
inline constexpr std::size_t kCandidateStates = 4;
// After a request with it is about to leave; after what the provider gave is in it.
CandidateState after_sending(CandidateState state);
CandidateState after_giving(CandidateState state);
constexpr bool is_tried_again(CandidateState found) { return found == CandidateState::sending || found == CandidateState::given; }
std::string_view name_of(CandidateState state);

// What the provider gave. The names are the descriptor's.
struct Grant {
  Fields given;                             // access token, newest refresh token, session, organization
  std::optional<Plaintext> previous_token;  // the refresh token before the newest
  std::optional<WallTime> refresh_at;       // when the access token should be replaced; nullopt where that is not known
  // The newest came in an answer that failed or refused: should it be refused, the one before it is sent once.
  bool is_doubtful = false;
  std::string spent_digests;  // of refresh tokens, as versions before 2026-12 kept them

  Grant clone() const;
};

// What is sealed of a credential, and of a PUT's candidate: what the client gave, and what its provider gave for it.
struct Secrets {
  Fields login;
  Grant grant;
  // Of a candidate only: where its login may be sent, and whether its refresh token is the stored grant's own.
  std::string origin;
  bool of_stored_grant = false;
  bool is_other_account = false;  // and may not take the place of the stored one: the client asked for the same account

  // The newest there is: the provider's, else the client's. Empty where there is none.
  const Plaintext* find(std::string_view name) const;
  std::string_view value(std::string_view name) const;
  // All of it under the names by which it is shown; the provider's values replace the client's.
  Fields take_shown() &&;
  Secrets clone() const;

  Plaintext pack() const;
  // nullopt for bytes that nobody has packed; also for what versions before 2026-12 packed (read_old_secrets).
  static std::optional<Secrets> unpack(std::string_view packed);
};

// Compared by what is packed.
bool is_same(const Secrets& a, const Secrets& b);

}  // namespace granary
