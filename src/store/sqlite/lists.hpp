// The SQL of the lists of users and credentials, apart from their reading so that a test can ask SQLite how it would go
// about each. Internal to store/sqlite.
#pragma once

#include <string>
#include <vector>

#include "domain/records.hpp"

namespace granary::sqlite {

// Both take the same values first: owner, then what the filter has, in the order of its members. `page` takes
// size and offset after them, and gives rows by their number.
struct ListSql {
  std::string count;
  std::string page;
};

// Of one user. Left to itself, SQLite would rather go through all credentials of the owner.
inline constexpr const char* kRevealedOfUser =
    "SELECT id, provider, status, created, fields_version, fields, fields_key, leaf_user_id, owner_id"
    " FROM credential INDEXED BY credential_of_user WHERE leaf_user_id = ? AND owner_id = ?";

inline constexpr const char* kCountOfOwner =
    "SELECT provider, environment, status, count(*), max(last_success) FROM credential INDEXED BY credential_of_lane"
    " WHERE owner_id = ? AND leaf_user_id IS NOT NULL GROUP BY provider, environment, status";

ListSql sql_of_users(const UserFilter& filter, const std::vector<UserSort>& sort);
// Of one owner, and of all owners; of all, no owner is bound.
ListSql sql_of_credentials(const CredentialFilter& filter);
ListSql sql_of_all_credentials(const CredentialFilter& filter);

}  // namespace granary::sqlite
