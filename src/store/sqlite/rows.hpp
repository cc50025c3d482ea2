// How rows become structs, and the pieces of SQL that several statements share. Internal to store/sqlite.
#pragma once

#include "domain/records.hpp"
#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

// id, owner_id, name, email, phone, address, external_id, created.
LeafUser read_user(const Statement& row);
// id, provider, status, created, fields_version, fields, fields_key, leaf_user_id, owner_id.
RevealedRow read_revealed(const Statement& row);
// id, owner_id, leaf_user_id, provider, environment, status, since, reason, last_checked, next_check.
CredentialSummary read_summary(const Statement& row);

// Whose reads those are that are made for the operator: they take turns with the owners'.
inline constexpr OwnerId kNobody{};

// The key of a row. An owner that cannot be read (a damaged row) is nobody: nothing of that row is ever loaded.
CredentialKey read_key(const Statement& row, int owner, int id);

// What a change of links does inside a transaction. Unlinking destroys the events and their key.
void unlink_credential(Connection& db, std::int64_t row, WallTime now);
void delete_events(Connection& db, std::int64_t row);
void delete_credential_row(Connection& db, std::int64_t row);

}  // namespace granary::sqlite
