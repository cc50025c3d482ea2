// The accounts of the simulated providers and their state: fields, sessions, refresh tokens. It decides nothing about
// the wire; the flows' files do.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "domain/descriptor.hpp"
#include "sandbox/request_template.hpp"

namespace granary::sandbox {

inline constexpr std::size_t kAccountsMax = 10'000;
inline constexpr std::size_t kOrganizationsMax = 1'000;
inline constexpr std::size_t kSessionsMax = 16;     // of one account; the oldest ends
inline constexpr std::size_t kSpentTokensMax = 64;  // of one account; an older one is unknown
inline constexpr std::int64_t kPageMax = 100;       // organizations a page
inline constexpr seconds kLifetimeMax = std::chrono::years(1);

enum class Rotation { one_use, none };

struct Organization {
  std::string id;
  std::string name;
};

struct Session {
  std::string token;
  WallTime expires;
};

// What a user of the control interface may say about an account. What is absent is made up, or stays.
struct AccountSettings {
  Values fields;  // by the names of the descriptor's request
  std::optional<seconds> lifetime;
  std::optional<Rotation> rotation;
  std::optional<std::vector<std::string>> organizations;
  std::optional<std::int64_t> organizations_per_page;
};

struct Account {
  std::uint64_t number = 0;
  const Provider* provider = nullptr;
  Values fields;        // what one would post to Granary now
  seconds lifetime{0};  // of a session or an access token
  Rotation rotation = Rotation::one_use;
  std::vector<Organization> organizations;
  std::int64_t organizations_per_page = kPageMax;
  std::string revoked;                          // why; empty while the account works
  std::deque<Session> sessions;                 // newest last
  std::deque<std::string> spent;                // refresh tokens used, newest last
  std::map<std::string, std::int64_t> answers;  // calls, by what they got

  std::string id() const;
  // What to post to Granary, in the descriptor's order.
  Json request() const;
};

// A token's holder, and what it is.
enum class TokenState { unknown, session, ended_session, refresh, spent };
struct Found {
  Account* account = nullptr;
  TokenState state = TokenState::unknown;
};

class Accounts {
 public:
  Accounts(Clock& clock, Random& random) : clock_(clock), random_(random) {}

  // nullptr at kAccountsMax. The caller has made sure that no twin exists.
  Account* create(const Provider& provider, AccountSettings settings);
  // Ends all sessions when a field changes; a new refresh token begins a new family.
  void change(Account& account, AccountSettings settings);
  void remove(Account& account);
  Account* find(std::string_view id);
  // Another account that the provider could not tell from one with these fields.
  Account* find_twin(const Provider& provider, const Values& fields, const Account* except = nullptr);
  const std::map<std::uint64_t, Account>& all() const { return accounts_; }
  std::map<std::uint64_t, Account>& all() { return accounts_; }

  Found find_token(const Provider& provider, std::string_view token);
  // `token` becomes a session of the account.
  void begin_session(Account& account, const std::string& token);
  void end_sessions(Account& account);
  void revoke(Account& account, std::string_view why);
  void restore(Account& account);
  // Spends the refresh token; the new one stands in the account's fields.
  void rotate(Account& account);

  std::string make_token();
  std::string make_uuid();

 private:
  struct Holder {
    std::uint64_t number;
    TokenState state;
  };

  void apply(Account& account, AccountSettings& settings);
  // Completes the settings of a new account.
  void make_up(Account& account, AccountSettings& settings);
  std::string make_up_field(const Account& account, const RequestField& field);
  void remember(const Account& account, const std::string& token, TokenState state);
  void forget(const Account& account, const std::string& token);
  void begin_family(Account& account, std::string token);

  Clock& clock_;
  Random& random_;
  std::map<std::uint64_t, Account> accounts_;       // by number, so in the order of creation
  std::unordered_map<std::string, Holder> tokens_;  // by provider and token
  std::uint64_t last_number_ = 0;
};

// The field that holds the refresh token; empty for providers that log in with a password.
std::string refresh_token_field(const Provider& provider);
// The fields that hold the key and the initialization vector of an encrypted login.
inline constexpr std::string_view kKeyField = "key";
inline constexpr std::string_view kVectorField = "initializationVector";
// The request fields that a login carries, and those of them that say whose login it is.
std::vector<std::string> login_fields(const Provider& provider);
std::vector<std::string> identity_fields(const Provider& provider);

}  // namespace granary::sandbox
