// What is known of the credentials' health: one's status and history, a check on request or after a client's report, the list by
// status, the providers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/task.hpp"
#include "domain/descriptor.hpp"
#include "domain/incident.hpp"
#include "domain/records.hpp"

namespace granary {

struct Parts;

struct HealthReport {
  CredentialId id;
  OwnerId owner;
  LeafUserId leaf_user;
  std::string provider;  // short name
  Status status;
  WallTime since;
  std::optional<Reason> reason;
  std::optional<std::string> message;
  std::optional<WallTime> last_checked, next_check;
  std::optional<Action> action;
  std::optional<WallTime> last_success;
  std::int32_t failures_in_row = 0;
  std::optional<Proof> proved_by;                          // what the last success proved
  std::optional<WallTime> grant_ends;                      // whatever Granary does
  std::optional<std::string> external_id, leaf_user_name;  // in lists
};

// not_found.
Task<Result<HealthReport>> find_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider);
// After a real exchange with the provider. not_found, seal_broken.
Task<Result<HealthReport>> check_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider);
// A client's own call with the credential was answered with that status. Checks it where that may tell something new
// (docs/api.md, "Report"), and says what is known. not_found, seal_broken.
Task<Result<HealthReport>> report_answer(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider,
                                         std::int64_t status_code);
// Changes of the status, newest first. not_found.
Task<Result<Page<StatusChange>>> list_history(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider,
                                              PageRequest page);
// The same by the id alone, of whatever owner: for the command line. not_found.
Task<Result<Page<StatusChange>>> list_history(Parts& parts, CredentialId id, PageRequest page);
// Newest change first.
Task<Page<HealthReport>> list_health(Parts& parts, OwnerId owner, const CredentialFilter& filter, PageRequest page);
// Of all owners: for the command line alone.
Task<Page<HealthReport>> list_all_health(Parts& parts, const CredentialFilter& filter, PageRequest page);

// A change of status as it is followed: with the credential as it is by now.
struct FollowedChange {
  StatusChange change;
  HealthReport now;
};
struct Followed {
  std::vector<FollowedChange> changes;
  std::int64_t last = 0;  // where to go on
};
// What has changed since the change of that number, of linked credentials of all owners; nullopt: nothing yet, from now on. For
// the command line alone.
Task<Followed> follow_changes(Parts& parts, std::optional<std::int64_t> after);

// A provider and environment as one owner's credentials find it.
struct OwnProvider {
  std::string provider;  // short name
  std::string environment;
  bool is_configured = false;
  std::optional<WallTime> breaker_opened;  // the owner's own, or that of all owners
  std::vector<std::pair<Status, std::int64_t>> credentials;
  std::optional<WallTime> last_success;
  std::optional<Incident> incident;
};
Task<std::vector<OwnProvider>> list_own_providers(Parts& parts, OwnerId owner);

struct ProviderHealth {
  std::string provider;  // short name
  std::string environment;
  bool is_configured = false;
  std::optional<WallTime> breaker_opened;                    // the first that is open: of all owners together, or of one
  std::optional<WallTime> fuse_blown;                        // the first that is
  std::optional<WallTime> last_success;                      // of a check, by the clock or on request
  std::vector<std::pair<Status, std::int64_t>> credentials;  // linked, by status, of the provider as a whole
};

Task<std::vector<ProviderHealth>> list_provider_health(Parts& parts);
// All its environments. not_found for an unknown provider.
Task<Result<void>> close_breakers(Parts& parts, std::string provider);

}  // namespace granary
