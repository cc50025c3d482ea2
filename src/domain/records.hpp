// What the store keeps, as plain structs: owners, Leaf users, credentials with their health. Secrets are Sealed here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/plaintext.hpp"
#include "base/time.hpp"
#include "domain/credential_health.hpp"
#include "domain/grant.hpp"
#include "domain/shared_tries.hpp"

namespace granary {

// A lane: what is limited, broken and scheduled together.
struct Lane {
  std::string provider;
  std::string environment;
  auto operator<=>(const Lane&) const = default;
};

struct Owner {
  OwnerId id;
  std::string email;
  std::string password_hash;
  std::int64_t password_epoch = 0;  // moves when the password changes; tokens carry it
};

struct LeafUser {
  LeafUserId id;
  OwnerId owner;
  std::optional<std::string> name, email, phone, address, external_id;
  WallTime created;
};

// One field of a change to a user: absent (outer nullopt), cleared (inner nullopt) or set.
using FieldChange = std::optional<std::optional<std::string>>;

struct LeafUserChange {
  FieldChange name, email, phone, address, external_id;
};

// What a change to a user does to its credentials; all of it or nothing.
struct LinkChange {
  std::vector<std::pair<std::string, CredentialId>> link;  // provider's short name, credential
  std::vector<std::string> unlink;                         // providers' short names
  bool unlink_others = false;                              // PUT: every provider that `link` does not name
};

struct UserFilter {
  std::optional<std::string> email, name, external_id;
};

enum class UserSortKey { id, name, email, external_id, created_time };
enum class Direction { ascending, descending };
struct UserSort {
  UserSortKey key;
  Direction direction;
};

struct PageRequest {
  std::int64_t page = 0;
  std::int64_t size = 20;
  std::int64_t offset() const { return page * size; }
};

template <class T>
struct Page {
  std::vector<T> items;
  std::int64_t total = 0;
};

// The fields of a PUT while the provider is asked: sealed, until the answer's commit promotes or removes them.
struct Candidate {
  Sealed secrets;
  CandidateState state = CandidateState::unsent;
};

struct StoredCredential {
  CredentialKey key;
  std::optional<LeafUserId> leaf_user;  // nullopt: unlinked
  std::string provider;                 // short name
  std::string environment;              // empty where the provider has none
  WallTime created;
  std::int64_t secrets_version = 1;  // moves only when the secrets are replaced
  std::int64_t link_version = 1;     // moves with the link
  Sealed secrets;                    // login and grant (domain/grant.hpp)
  Sealed secrets_key;
  Sealed events_key;   // empty until the first event after a link
  std::string origin;  // first asked with this credential; empty before
  GrantState grant = GrantState::held;
  LoginDigests login;  // empty in rows of older versions, until their next check
  std::optional<Candidate> candidate;
  CredentialHealth health;

  Lane lane() const { return {provider, environment}; }
};

// What a GET needs and nothing more.
struct RevealedRow {
  CredentialKey key;
  LeafUserId leaf_user;
  std::string provider;
  Status status = Status::ok;
  WallTime created;
  std::int64_t secrets_version = 0;
  Sealed secrets;
  Sealed secrets_key;
};

struct CredentialSummary {
  CredentialKey key;
  LeafUserId leaf_user;
  std::string provider;
  std::string environment;
  std::optional<std::string> external_id, leaf_user_name;  // the Leaf user's; in lists only
  CredentialHealth health;                                 // without what only checks use
};

// All that is given applies; of several values any will do.
struct CredentialFilter {
  std::vector<Status> statuses;
  std::vector<std::string> providers;  // short names
  std::vector<Action> actions;
  std::vector<Reason> reasons;
  std::vector<LeafUserId> leaf_users;
  std::optional<std::string> external_id;   // the Leaf user's
  std::optional<WallTime> changed_since;    // inclusive
  std::optional<WallTime> expiring_before;  // exclusive; what has no known end is never before it
};

// Whose credentials on a lane a breaker watches: one owner's, or (nullopt) all owners' together.
struct BreakerScope {
  Lane lane;
  std::optional<OwnerId> owner;
  auto operator<=>(const BreakerScope&) const = default;
};

}  // namespace granary
