// Credentials of one owner that hold the same login, and the news that one of them has for the others. Internal to store/sqlite.
#pragma once

#include "store/credential_write.hpp"
#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

void save_login_digests(Connection& db, std::int64_t row, const LoginDigests& login);
// One batch of the linked ones, in the order of their rows, from `after` on; within the caller's commit.
HealthBatch share_with_others(Connection& db, OwnerId owner, const LoginNews& news, std::int64_t after);

}  // namespace granary::sqlite
