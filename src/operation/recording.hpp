// Records what a provider answered: fields first in importance, then health and events, all in one commit. Internal to
// operation/.
#pragma once

#include <functional>

#include "operation/ask_provider.hpp"
#include "operation/held_answer.hpp"

namespace granary {

CheckPolicy policy_for(Checker& checker, const LaneState& lane, OwnerId owner);

// What the answer makes of a credential's health, whatever that is when it is recorded.
using NextState = std::function<CheckState(CheckState)>;

struct Recording {
  // As loaded when the exchange began; reloaded in here when others changed it meanwhile.
  StoredCredential credential;
  NextState next_state;
  std::optional<Fields> fields;            // replace the stored ones
  std::optional<std::string> environment;  // with replaced fields (PUT)
  std::optional<std::string> origin;
  // Names of fields that go when the resulting status is MISSING_PERMISSION.
  std::vector<std::string> withdrawn;
  std::vector<Event> events;
  bool clears_spending = false;
  bool outcome_unknown = false;  // of the token that was noted as spent
  bool removes_candidate = false;
  Holds holds = Holds::fields;  // while the store cannot write
};

struct RecordedEnd {
  enum class Kind {
    recorded,
    unlinked,   // fields were kept, the rest is nobody's business any more
    gone,       // the row is gone
    lost_race,  // the fields were replaced meanwhile: the answer says nothing of them
  };
  Kind kind = Kind::recorded;
  CheckState before, after;  // when recorded
};

Task<RecordedEnd> record_answer(Checker& checker, Recording recording);

// One line for every change of a status, whoever made it: never a secret.
void log_change(Log& log, CredentialId id, std::string_view provider, Status before, Status after, std::optional<Reason> reason);

}  // namespace granary
