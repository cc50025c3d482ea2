// Knows the providers' truth and what was acknowledged, and names the invariant that a history breaks: what is sent in
// oracle.cpp, what is committed in oracle_commits.cpp, what clients are answered in oracle_answers.cpp, and the end in
// oracle_end.cpp.
#pragma once

#include <set>

#include "base/error.hpp"
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
  std::multiset<int> brought;  // whose logins they bring
};

struct OracleSettings {
  milliseconds confirm_after, interval, outage_after, timeout;
};

class Oracle final : public Observer {
 public:
  Oracle(ProviderWorld& providers, const Database& database, const Sealer& sealer, const Timeline& timeline,
         OracleSettings settings)
      : providers_(providers), db_(database), sealer_(sealer), timeline_(timeline), settings_(settings) {}

  std::vector<Slot> slots;
  std::function<void(const std::string&)> trace;  // null: nobody reads along
  const std::optional<Violation>& violation() const { return violation_; }

  // The index of the newest refresh token that a slot's credential holds, and whose it is; -1 where there is none.
  struct Login {
    int account = -1;
    int token_index = -1;
  };
  Login stored_in(const Slot& slot) const;

  // A request leaves.
  void sent(const std::shared_ptr<Flight>& flight);
  // It shows a token that its sender had to know was spent.
  void spent_token_sent(const Flight& flight);
  // It was too late for it: an event all the same.
  void ended_unsent(int account);
  // What a process learned: an answer, or that none would come.
  void delivered(const std::shared_ptr<Flight>& flight, const http::Exchange& exchange);
  void crashed(ProcessId process);
  void store_failed(ProcessId process);
  // What was refused once is the first of two again: one try more.
  void clock_went_back();
  void paused_until(SteadyTime until) { troubled_ = std::max(troubled_, until); }

  // A client asks. When the store cannot record an answer that gave nothing to keep, the client is told so, and the answer's
  // event is lost. The clock holds whatever it is told.
  struct Request {
    std::int64_t number = 0;
    SteadyTime since;
    std::optional<CredentialId> checked;  // POST .../check
  };
  Request request_began(std::optional<CredentialId> checked = {});
  // Answered, or failed: within the time.
  void request_ended(const Request& request, std::string_view what);
  void requests_crashed() { requests_.clear(); }
  // It brings a login: a POST or a PUT.
  void brought(Slot& slot, int account);
  void post_ended(Slot& slot, int account, std::optional<ErrorCode> error);
  void put_ended(Slot& slot, int account, std::optional<ErrorCode> error);
  // A crash or the store left it without an answer: what it brought may be stored, or not.
  void unanswered(const Slot& slot);
  // A DELETE, or an unlink, is acknowledged.
  void acknowledged_leave(const Slot& slot);
  void acknowledged_delete(const Slot& slot);

  void added(const CredentialEntry& entry) override;
  void deleted(const CredentialEntry& entry) override;
  void unlinked(const CredentialEntry& entry) override;
  void committed(const CredentialEntry& before, const CredentialWrite& write, const Committed& end, const CredentialEntry& after,
                 std::int64_t by) override;
  void not_written(const CredentialEntry& entry, const CredentialWrite& write) override;
  void changed(const CredentialEntry& before, const CredentialEntry& after, Cause cause) override;

  void calm_begins() { calm_since_ = timeline_.now(); }
  // After all has been calm for longer than any rule waits.
  void judge_end();
  // How often a check has turned a credential UNAUTHENTICATED.
  int turned() const { return turned_count_; }

 private:
  void fail(std::string invariant, std::string what);
  Slot* slot_of(const StoredCredential& row);
  // Whose login stands in sealed secrets.
  static Login login_in(const std::optional<Secrets>& secrets);
  std::optional<Secrets> open(const StoredCredential& row) const;
  std::optional<Secrets> open_candidate(const StoredCredential& row) const;
  Login stored_login(const StoredCredential& row) const { return login_in(open(row)); }
  Login candidate_login(const StoredCredential& row) const { return login_in(open_candidate(row)); }
  // Those whose login is stored, or the candidate's.
  std::set<int> accounts_of(const StoredCredential& row) const;
  std::set<int> accounts_of(const CredentialEntry& before, const CredentialEntry& after) const;
  // Whether the provider would take it now.
  bool works(const Login& login) const;

  // Of what is sent.
  void judge_note(const Flight& flight);
  void judge_counted(const Flight& flight);
  void judge_withdrawn(const Flight& flight);
  void count_try(Flight& flight);
  void forget(const CredentialEntry& entry);

  // Of a commit.
  void judge_grant(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after);
  void judge_candidate(const CredentialEntry& before, const CredentialEntry& after);
  void judge_status(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after);
  // When the first of two, and an outage, were found, by the true clock.
  struct Began {
    SteadyTime pending{}, outage{};
  };
  bool is_row_of_status_table(const CredentialHealth& was, const CredentialHealth& is, const Began& began) const;
  void judge_put(const CredentialEntry& before, const CredentialWrite& write, const Committed& end, const CredentialEntry& after);
  void judge_history(const CredentialEntry& before, const CredentialEntry& after);
  void judge_refusals(const CredentialEntry& after);
  void judge_events(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after, std::int64_t by);
  void judge_kept(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after, std::int64_t by);
  void judge_gifts(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after, std::int64_t by);
  void judge_holders(const CredentialEntry& entry);
  void judge_rejected(const CredentialEntry& before, const CredentialEntry& after);
  void judge_next_check(const CredentialEntry& entry);
  void judge_refused_place(const CredentialEntry& before, const CredentialEntry& entry);
  // Keeps `brought_spent_`.
  void note_login(const CredentialEntry& before, const CredentialEntry& after);
  // Keeps `accounts_` and `holders_`.
  void note_holder(const StoredCredential& row);
  void note_tries(const CredentialEntry& before, const CredentialEntry& after);
  // What a process was told of these accounts is in the store now.
  void mark_recorded(const std::set<int>& accounts, std::int64_t by);

  // At the end.
  void judge_token(const CredentialEntry& entry);
  void judge_end_status(const CredentialEntry& entry, bool is_valid);
  void judge_revocation(const CredentialEntry& entry);
  void judge_presence(const Slot& slot);

  ProviderWorld& providers_;
  const Database& db_;
  const Sealer& sealer_;
  const Timeline& timeline_;
  const OracleSettings settings_;
  std::optional<Violation> violation_;
  std::set<CredentialId> deleted_;
  std::map<CredentialId, std::set<int>> accounts_;  // whose logins a row holds, also as a candidate
  std::map<int, std::set<CredentialId>> holders_;   // by account
  // Rows that hold a token that was spent when a client brought it, and nobody was left who knew.
  std::set<CredentialId> brought_spent_;
  std::vector<std::shared_ptr<Flight>> unrecorded_;
  std::map<CredentialId, std::vector<std::shared_ptr<Flight>>> shown_by_;  // all that a credential has sent
  std::map<std::pair<ProcessId, int>, int> events_owed_;                   // by process and account
  std::map<CredentialId, std::int64_t> exchanges_;                         // all that a credential has had
  std::map<std::int64_t, Request> requests_;                               // under way
  std::int64_t requests_begun_ = 0;
  // Of a password, by account and where it stands: refusals that were heard, beside checks by request.
  enum class Place { stored, candidate };
  std::map<std::pair<int, Place>, int> tries_;
  // PUTs that were answered with an error: nothing of their logins is ever stored.
  std::set<std::pair<const Slot*, int>> rejected_;
  std::set<std::pair<const Slot*, int>> unanswered_;
  std::map<std::pair<LeafUserId, std::string>, std::set<int>> left_;  // whose logins went with the last DELETE or unlink
  std::map<int, SteadyTime> withdrawn_;                               // since that was acknowledged
  std::map<CredentialId, SteadyTime> heard_at_;                       // when a credential was told something last
  std::map<CredentialId, Began> began_;
  std::map<CredentialId, SteadyTime> turned_;  // UNAUTHENTICATED, since
  std::set<CredentialId> held_in_calm_;        // a fuse has kept the clock from asking
  int turned_count_ = 0;
  SteadyTime calm_since_{}, troubled_{};
};

// Whose logins a sealed blob holds: the same scope as the product's.
SealScope scope_of(const StoredCredential& row);

}  // namespace granary::simulation
