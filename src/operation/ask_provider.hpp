// Runs one flow against the provider: limits, the note that a one-use token is about to be spent, the exchanges, the
// events they leave. Internal to operation/.
#pragma once

#include "domain/event.hpp"
#include "operation/checker.hpp"

namespace granary {

enum class AskOutcome {
  answered,  // there is a verdict
  not_sent,  // no slot, or no exchange allowed, within the time: nothing happened
  stopping,  // the server stops: nothing happened, or nothing is known of what did
  gone,      // the row is gone, unlinked or its fields were replaced, before anything was sent or between two requests
  claimed,   // another process is asking: its answer will count
};

struct Asked {
  AskOutcome outcome = AskOutcome::answered;
  Verdict verdict;
  std::vector<Event> events;  // redacted
  bool leaves_note = false;   // a token was noted as spent, and what came of it is here
  bool was_given = false;     // what it was shown was accepted, and tokens came for that
  // The last request stayed unsent, not the first one: the verdict says nothing of the provider.
  bool store_failed = false;
  bool had_no_place = false;  // within the provider's rate and what was left of the time
  bool is_cut_short() const { return store_failed || had_no_place; }
};

// Among a candidate's fields: they hold what came for the token that the client brought.
inline constexpr std::string_view kGivenToCandidate = "_given";

// Which fields are shown: the stored ones, or those of a PUT.
enum class ShownFields { stored, candidate };

struct Asking {
  // Both are brought up to date when the provider gives what has to be stored before its next request.
  StoredCredential& credential;
  Fields& fields;
  LaneState& lane;
  Fields* stored = nullptr;  // beside a PUT's fields, and brought up to date too; null where they do not open
  ShownFields shown = ShownFields::stored;
  bool of_stored_grant = false;  // a PUT's: its token is the stored login's, and what comes for that goes there at once
  Trigger trigger = Trigger::clock;
};

Task<Asked> ask_provider(Checker& checker, Asking asking);
// StoreUnavailable, while a token that a provider gave waits for the store: what another gave would have to wait beside it.
void refuse_while_token_is_held(const Checker& checker);

// The key under which the events of a day are sealed: made, and stored, with the first one. StoreUnavailable.
Task<Plaintext> find_day_key(Checker& checker, std::int32_t day);
// Seals events for the store, as those of `day`. `credential` tells its events key and what is there already.
Task<EventsWrite> seal_events(Checker& checker, const StoredCredential& credential, const std::vector<Event>& events,
                              std::int32_t day, const Plaintext& day_key);

// The stored fields; nullopt when they do not open.
std::optional<Fields> open_stored(const Checker& checker, const StoredCredential& credential);
// A PUT's fields, to stand beside the stored ones.
Sealed seal_candidate(const Checker& checker, const StoredCredential& credential, const Fields& fields);
// Stores, in the candidate's place, what was given for its token. What stands there then; nullopt when the candidate is gone.
// StoreUnavailable.
Task<std::optional<Sealed>> keep_given_to_candidate(Checker& checker, const StoredCredential& credential, Fields& fields);
// Of what came for the stored token in a PUT's hands, what is the stored login's: the access token is of the PUT's other fields.
std::vector<FieldUpdate> for_stored_login(const Checker& checker, const Provider& provider,
                                          const std::vector<FieldUpdate>& updates);
// The fields after the flow's updates; nullopt when nothing changes.
std::optional<Fields> updated(const Fields& fields, const std::vector<FieldUpdate>& updates);

}  // namespace granary
