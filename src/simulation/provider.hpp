// The providers of the simulation, and the truth about them: which grants live, which tokens were spent and what became of
// the answers. Ag Leader's tokens rotate and are one-use; Sentera has passwords.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "http/transport.hpp"
#include "simulation/chance.hpp"
#include "simulation/timeline.hpp"

namespace granary::simulation {

// What a provider does when a token that was spent comes again.
enum class Reuse { kills_family, grace_for_the_last, no_rotation, refuses };

// One request on its way, and what became of its answer.
struct Flight {
  ProcessId process = kNobody;
  int account = -1;
  int token_index = -1;      // of the refresh token that it shows; -1: none
  bool is_password = false;  // shown to log in
  // Whose login it shows: the credentials that hold it, with their links as they were. All deleted: nobody knows of it any more.
  std::map<CredentialId, std::int64_t> holders;
  bool forgotten = false;
  bool processed = false;
  bool gave_token = false;
  bool gave_doubtfully = false;  // in an answer that failed: should the new token be refused, the one before is shown again
  bool returned = false;         // the process knows how it ended
  bool answered = false;         // and saw what the provider itself said
  bool lost = false;             // and never saw the answer
  bool crashed = false;          // it died before it had recorded it
  bool recorded = false;
  bool unkept = false;         // the store failed before it was
  bool counts_try = false;     // of a password that was refused, by the clock or of a POST or PUT
  bool first_refusal = false;  // of a login that was OK
  bool of_candidate = false;   // a PUT's
  http::Exchange answer;

  // Why the sender may not know what became of a token it sent.
  bool is_unknown() const { return lost || (crashed && !recorded); }
};

struct Account {
  int number = 0;
  bool has_password = false;
  bool alive = true;                    // the grower has not revoked it
  bool family_dead = false;             // a spent token came again
  bool permits = true;                  // the grower lets the data be read
  std::optional<SteadyTime> denied_at;  // when a request met that last
  std::shared_ptr<Flight> killed_by;    // whose token came again
  int killed_with = 0;                  // its index
  int newest = 0;
  int token_answers = 0;                            // in which they came
  std::map<int, std::shared_ptr<Flight>> spent_by;  // by index of the token
  std::map<int, std::vector<std::shared_ptr<Flight>>> shown_by;
  std::vector<SteadyTime> refusals;  // as they reached a process
  std::optional<SteadyTime> revoked_in_calm;

  bool is_valid() const { return alive && !family_dead; }
  std::string refresh_token(int index) const;
  std::string username() const;
};

class ProviderWorld {
 public:
  ProviderWorld(Reuse reuse, bool previous_token_valid) : reuse_(reuse), previous_token_valid_(previous_token_valid) {}

  seconds token_lifetime{3600};
  // Draws in which form tokens are given; 0: as RFC 6749 has it.
  std::uint64_t wildness = 0;
  bool is_calm = false;  // it fails no more
  // A store failed: a token may be noted as on its way, and have stayed.
  bool has_store_failed = false;

  Account& add_account(bool has_password);
  Account& account(int number) { return accounts_[static_cast<std::size_t>(number)]; }
  // From a refresh token or a user name; -1 for a login that never was.
  static int account_of(std::string_view login);
  static int index_of(std::string_view refresh_token);
  // Whose login a request shows; -1 where it shows none of ours.
  int account_in(const http::OutboundRequest& request) const;
  // The index of the refresh token that it shows.
  static int token_in(const http::OutboundRequest& request);
  // The login in words, for people.
  static std::string login_in(const http::OutboundRequest& request);
  // Whether the provider would take this refresh token.
  bool would_accept(const Account& account, int index) const;

  // A request leaves. False when it shows a token that its sender had to know was spent, or was being spent.
  bool take_off(const http::OutboundRequest& request, const std::shared_ptr<Flight>& flight);
  // What the provider does with a request.
  http::Exchange process(const http::OutboundRequest& request, const std::shared_ptr<Flight>& flight, SteadyTime now);

 private:
  http::Exchange refresh(const http::OutboundRequest& request, const std::shared_ptr<Flight>& flight);
  http::Exchange wild(Account& known, Flight& flight, http::Exchange plain) const;
  http::Exchange log_in(const std::shared_ptr<Flight>& flight);

  Reuse reuse_;
  bool previous_token_valid_;  // and the descriptor says so
  std::vector<Account> accounts_;
};

}  // namespace granary::simulation
