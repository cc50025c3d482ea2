// What is known of the credentials' health: one's status, a check on request, the list by status, the providers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/task.hpp"
#include "domain/descriptor.hpp"
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
  std::optional<Proof> proved_by;      // what the last success proved
  std::optional<WallTime> grant_ends;  // whatever Granary does
};

// not_found.
Task<Result<HealthReport>> find_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider);
// After a real exchange with the provider. not_found, seal_broken.
Task<Result<HealthReport>> check_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider);
// Newest change first.
Task<Page<HealthReport>> list_health(Parts& parts, OwnerId owner, const CredentialFilter& filter, PageRequest page);
// Of all owners: for the command line alone.
Task<Page<HealthReport>> list_all_health(Parts& parts, const CredentialFilter& filter, PageRequest page);

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
