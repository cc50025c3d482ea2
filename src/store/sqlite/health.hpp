// Health in the table: read, written, and its history. Internal to store/sqlite.
#pragma once

#include "store/credential_write.hpp"
#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

// From column `first` on.
inline constexpr const char* kHealthColumns =
    "status, since, reason, last_checked, next_check, last_success, proved_by, failures_in_row, was_last_ok, pending,"
    " pending_wall, pending_steady, pending_boot, refusals, outages, outage_wall, outage_steady, outage_boot, status_cause,"
    " answer_cause, due_cause, suspected, held_wall, held_steady, held_boot, access_ends, grant_ends, action, retry_at";
inline constexpr int kHealthColumnCount = 29;
CredentialHealth read_health(const Statement& row, int first);

void save_health(Connection& db, std::int64_t row, const CredentialHealth& health);
void save_change(Connection& db, std::int64_t row, const StatusChange& change);
// Applies the rule to one row of many, and writes its history; returns the change of status, if it is one.
std::optional<StatusChange> apply_to_row(Connection& db, std::int64_t row, CredentialKey key, const CredentialHealth& health,
                                         const HealthRule& rule, Cause cause);
// When the status changed last; nullopt where it never has.
std::optional<WallTime> last_change_of(Connection& db, std::int64_t row);

}  // namespace granary::sqlite
