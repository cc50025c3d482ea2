// One conversation with a provider: ask, commit, ask, commit, until there is a verdict. Whatever an answer gives that must not be
// lost is committed before anything else happens; what it all came to is the caller's to decide and to commit. Internal to check/
// and operation/.
//
// What a one-use token passes through, and what the next start makes of it:
//
//   held      nothing was sent                                             nothing: it was not shown
//   sending   committed before the request leaves                          its outcome is unknown: due at once, tried once more
//   answered  the answer is here                                           the same: the one window
//   kept      the answer's tokens are committed (Keep, or the last commit) nothing: all is kept
#pragma once

#include "check/commit.hpp"
#include "check/fuses.hpp"
#include "domain/event.hpp"

namespace granary {

enum class Shown {
  stored,                     // the stored login, with its grant
  candidate,                  // a PUT's, with a grant of its own
  candidate_of_stored_grant,  // a PUT's whose token is the stored one: what comes for it is the stored login's at once
};

// Whose login the provider is shown.
struct Subject {
  StoredCredential row;  // as loaded under its lock
  Shown shown = Shown::stored;
  Secrets secrets;                      // what is shown
  GrantState grant = GrantState::held;  // of the token in it
  LoginDigests login;                   // of a password in it; its turn is the caller's
  std::int32_t tries = 0;               // how often that was refused before
  Secrets kept;                         // as committed last: the stored secrets, or the candidate's own
  std::optional<Secrets> stored;        // beside a candidate, where they open
  bool is_kept = true;                  // what the provider said of the token, and gave for it, is committed
  bool has_gifts = false;               // it gave something that is not
  std::optional<CredentialWrite> owed;  // to commit that: whether the store has made it already is not known
};

enum class AskOutcome {
  answered,  // there is a verdict
  not_sent,  // no slot, or no exchange allowed, within the time
  held,      // a fuse keeps the clock from spending the token: nothing was sent
  stopping,  // the server stops: nothing happened, or nothing is known of what did
  gone,      // deleted, unlinked or linked anew: nothing more was sent
};

struct Asked {
  Subject subject;  // with all that the provider gave
  AskOutcome outcome = AskOutcome::answered;
  Verdict verdict;
  std::vector<Event> events;                  // redacted
  bool is_refreshed = false;                  // it gave an access token, and a probe with that was to follow
  std::optional<TokenRequest> token_request;  // the last one
  // The last request stayed unsent, not the first one: the verdict says nothing of the provider.
  bool store_failed = false;
  bool had_no_place = false;  // within the provider's rate and what was left of the time
  bool is_held = false;       // by a fuse, after a probe that was refused
  bool is_cut_short() const { return store_failed || had_no_place || is_held; }
};

// What it says of a new login. An access token proves it, also where what was asked after that was not answered.
Answer first_answer_of(const Asked& asked);

// What goes into a write is sealed: nothing of it stays in clear while the write is held.
void forget_secrets(Asked& asked);

// `deadline` is the caller's.
Task<Asked> ask(CheckContext& context, LaneState& lane, Subject subject, Trigger trigger, SteadyTime deadline);

// Commits what the provider gave for the stored grant, and where the token stands; the rest of the row stays. Held while the
// store fails, as `holds` says.
Task<Committed::End> keep(CheckContext& context, const Provider& provider, Subject& subject, Holds holds);

// What an answer means for others with the same login.
LoginShare share_of(const Subject& subject, const Answer& answer, const CheckPolicy& policy, WallTime now);

// What the tokens and secrets of the row come to with the subject's.
TokenDigests digests_of(const CheckContext& context, const Provider& provider, const Subject& subject);

}  // namespace granary
