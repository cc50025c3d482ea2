// Knows the providers' truth and what was acknowledged, and names the invariant that a history breaks.
#pragma once

#include <set>

#include "sealing/sealer.hpp"
#include "simulation/database.hpp"
#include "simulation/provider.hpp"

namespace granary::simulation {

struct Violation {
  std::string invariant;
  std::string what;
};

// Of one user and one provider.
struct Slot {
  LeafUserId user;
  std::string provider;
  bool has_password = false;
  enum class Presence { absent, present, unknown } presence = Presence::absent;
  std::optional<CredentialId> id;  // the last one that was acknowledged
  bool is_linked = true;
  std::optional<int> account;  // whose login was acknowledged last, where that is certain
  int operations = 0;          // that change it, under way
  int connecting = 0;          // POST and PUT under way
  bool was_disturbed = false;  // one of them may have ended in either way
};

class Oracle final : public Observer {
 public:
  Oracle(ProviderWorld& providers, const Sealer& sealer, const Timeline& timeline, milliseconds confirm_after,
         milliseconds interval)
      : providers_(providers), sealer_(sealer), timeline_(timeline), confirm_after_(confirm_after), interval_(interval) {}

  std::vector<Slot> slots;
  std::function<void(const std::string&)> trace;  // null: nobody reads along
  const std::optional<Violation>& violation() const { return violation_; }

  // The index of the refresh token that is stored for the login which was acknowledged last; 0 where it is another one's.
  int stored_token(const Slot& slot, const Database& database) const;
  // A token came to its provider that the sender had to know was spent; unless it is what a client brought, and nothing else is
  // left of that grant.
  void spent_token_sent(const Flight& flight, int token_index, const Database& database);
  void sent(const std::shared_ptr<Flight>& flight);
  // What a process learned: an answer, or that none would come.
  void delivered(const std::shared_ptr<Flight>& flight, const http::Exchange& exchange);
  void crashed(ProcessId process);
  void paused(ProcessId process);
  // What a request asks for: when the store cannot record an answer that gave nothing to keep, the client is told so, and
  // the answer's event is lost. The clock holds whatever it is told.
  void request_began(ProcessId process) { ++requests_[process]; }
  void request_ended(ProcessId process) { --requests_[process]; }
  void store_failed(ProcessId process);
  // POST, PUT or another operation of a client has ended, acknowledged.
  void acknowledged_delete(const Slot& slot, const Database& database);

  void added(const CredentialEntry& entry) override;
  void deleted(CredentialId id) override;
  void unlinked(const CredentialEntry& entry) override;
  void recorded(const CredentialEntry& before, const CheckRecord& record, const Recorded& end, const CredentialEntry& after,
                std::int64_t by) override;
  void candidate_kept(const CredentialEntry& entry, std::int64_t by) override;
  void lost_race(std::int64_t by) override;

  void calm_begins() { calm_since_ = timeline_.now(); }
  // After all has been calm for longer than any rule waits.
  void judge_end(const Database& database);
  // How often a check has turned a credential UNAUTHENTICATED.
  int turned() const { return turned_count_; }

 private:
  void fail(std::string invariant, std::string what);
  Slot* slot_of(const StoredCredential& row);
  // Whose login stands in sealed fields.
  struct Login {
    int account = -1;
    int token_index = -1;
    bool follows_lost_answer = false;  // marked as what the try after one gave
  };
  static Login login_in(const std::optional<Plaintext>& packed);
  Login stored_login(const StoredCredential& row) const;
  Login candidate_login(const StoredCredential& row) const;
  // Those whose login is stored before or after, or is the candidate's.
  std::set<int> accounts_of(const CredentialEntry& before, const CredentialEntry& after) const;
  // Whether the provider would take it now.
  bool works(const Login& login) const;
  // What a process was told of these accounts is in the store now.
  void mark_recorded(const std::set<int>& accounts, ProcessId process);
  void judge_commit(const CredentialEntry& before, const CredentialEntry& after, std::int64_t by);
  // Keeps `brought_spent_`.
  void note_login(const CredentialEntry& before, const CredentialEntry& after);
  void judge_refusals(const CredentialEntry& after);
  void judge_events(const CredentialEntry& before, const CheckRecord& record, const Recorded& end, const CredentialEntry& after,
                    std::int64_t by);
  void owe_with_stored_login(const std::set<int>& accounts, int stored, std::int64_t by);
  void judge_token(const CredentialEntry& entry);
  void judge_revocation(const CredentialEntry& entry);
  void judge_put(const CheckState& was, const CheckState& is);
  void judge_next_check(const CredentialEntry& entry);
  void judge_presence(const Slot& slot, const Database& database);

  ProviderWorld& providers_;
  const Sealer& sealer_;
  const Timeline& timeline_;
  milliseconds confirm_after_, interval_;
  std::optional<Violation> violation_;
  std::set<CredentialId> deleted_;
  // Rows that hold a token spent long since: a client has brought it once more after it had brought another grant, and with that
  // one all that was known of the first had gone.
  std::set<CredentialId> brought_spent_;
  std::vector<std::shared_ptr<Flight>> unrecorded_;
  std::map<std::pair<ProcessId, int>, int> events_owed_;  // by process and account
  std::map<ProcessId, int> requests_;                     // under way
  std::map<CredentialId, std::int64_t> recorded_by_;      // the last process that did
  std::map<CredentialId, SteadyTime> turned_;             // UNAUTHENTICATED, since
  int turned_count_ = 0;
  SteadyTime calm_since_{};
};

}  // namespace granary::simulation
