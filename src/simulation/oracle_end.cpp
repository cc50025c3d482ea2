// What holds after all has been calm for longer than any rule waits.
#include <algorithm>

#include "simulation/oracle.hpp"

namespace granary::simulation {

void Oracle::judge_token(const CredentialEntry& entry) {
  const StoredCredential& row = entry.row;
  const Login login = stored_login(row);
  if (login.account < 0) {
    fail("sealed_fields_open", "a credential's fields do not open");
    return;
  }
  const Account& account = providers_.account(login.account);
  // What came for the stored token may wait beside it, for its credential to be linked again.
  const Login candidate = candidate_login(row);
  const bool is_valid = works(login) || (candidate.account == login.account && works(candidate));
  // One that is under way still, with nobody asking, is loaded as of unknown outcome.
  const bool says_unknown =
      is_uncertain(row.grant) || is_under_way(row.grant) || row.health.reason == Reason::refresh_outcome_unknown;
  // Also a request that came late, after its sender had given it up, and spent or burnt what was stored since.
  const auto was_lost = std::ranges::any_of(account.shown_by, [](const auto& shown) {
    return std::ranges::any_of(shown.second, [](const auto& flight) { return flight->is_unknown(); });
  });
  // One that came after the try that followed it had worked, and what that gave had worked too: nobody can know.
  const bool came_too_late = account.family_dead && account.killed_by->is_unknown() && account.newest > account.killed_with + 1;
  // Or one of a PUT that was answered 503: what was known of its token went with it.
  const bool came_of_put = account.family_dead && account.killed_by->is_unknown() && account.killed_by->of_candidate;
  const bool is_excused = (says_unknown && was_lost) || came_too_late || came_of_put || brought_spent_.contains(row.key.id);
  if (!is_valid && account.alive && !is_excused)
    fail("the_stored_token_is_the_valid_one",
         "token " + std::to_string(login.token_index) + " of account " + std::to_string(login.account) + " is stored, " +
             std::to_string(account.newest) + " is valid" + (says_unknown ? ", the row says unknown but nothing was lost" : "") +
             (was_lost ? ", an answer was lost but the row does not say so" : ""));
  if (row.leaf_user) judge_end_status(entry, is_valid);
}

void Oracle::judge_end_status(const CredentialEntry& entry, bool is_valid) {
  const CredentialHealth& health = entry.row.health;
  const Account& account = providers_.account(stored_login(entry.row).account);
  const bool is_denied = is_valid && account.denied_at && *account.denied_at > calm_since_;
  if (entry.row.candidate) fail("a_put_is_settled_in_the_end", "a candidate is there long after");
  if (is_denied && health.status != Status::missing_permission)
    fail("an_ended_permission_is_noticed", "status " + std::string(name_of(health.status)) + " long after");
  if (health.status == Status::missing_permission || is_denied) return;
  if (is_valid && health.status != Status::ok)
    fail("a_valid_login_is_ok_in_the_end", "status " + std::string(name_of(health.status)) + ", reason " +
                                               std::string(health.reason ? name_of(*health.reason) : "none"));
  if (!is_valid && health.status != Status::unauthenticated)
    fail("a_revoked_login_is_noticed", "status " + std::string(name_of(health.status)) + " long after");
}

// One that was revoked after the calm had begun: nothing stood in the way of noticing it, but a fuse that was blown before.
void Oracle::judge_revocation(const CredentialEntry& entry) {
  constexpr seconds kSlack{20};
  const int number = stored_login(entry.row).account;
  const auto turned = turned_.find(entry.row.key.id);
  if (number < 0 || !entry.row.leaf_user || turned == turned_.end()) return;
  const Account& account = providers_.account(number);
  if (account.revoked_in_calm && !held_in_calm_.contains(entry.row.key.id) &&
      turned->second > *account.revoked_in_calm + settings_.interval + settings_.confirm_after + kSlack)
    fail("a_revoked_login_is_noticed_in_time",
         std::to_string(std::chrono::duration_cast<seconds>(turned->second - *account.revoked_in_calm).count()) + " s after");
}

void Oracle::judge_presence(const Slot& slot) {
  int linked = 0, kept = -1;
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.leaf_user == slot.user && entry.row.provider == slot.provider) {
      ++linked;
      kept = stored_login(entry.row).account;
    }
  if (slot.account && linked == 1 && kept != *slot.account)
    fail("acknowledged_is_kept", "the login of account " + std::to_string(*slot.account) + " was acknowledged, that of account " +
                                     std::to_string(kept) + " is stored");
  if (linked > 1) fail("one_credential_for_user_and_provider", std::to_string(linked) + " are there");
  if (slot.presence == Slot::Presence::present && slot.is_linked && linked == 0)
    fail("acknowledged_is_kept", "a credential whose POST was acknowledged is not there");
  if (slot.presence == Slot::Presence::absent && linked > 0) fail("deleted_is_gone", "a credential is there that was deleted");
}

void Oracle::judge_end() {
  for (const auto& [id, entry] : db_.credentials) {
    if (deleted_.contains(id)) fail("deleted_stays_deleted", "a deleted credential is there");
    judge_token(entry);
    judge_revocation(entry);
    judge_next_check(entry);
    judge_history(entry, entry);
  }
  for (const Slot& slot : slots) judge_presence(slot);
}

}  // namespace granary::simulation
