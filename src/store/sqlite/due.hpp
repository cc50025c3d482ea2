// What the scheduler asks for at each tick, several times a second: each is a walk along an index that passes no row but those
// looked for. Internal to store/sqlite; due_test.cpp asks SQLite how it goes about each.
#pragma once

namespace granary::sqlite {

// Of a lane (provider, environment); the bounds follow. A status is spelled out as it stands in the index: 1 is UNAUTHENTICATED.
inline constexpr const char* kDue =
    "FROM credential INDEXED BY credential_due WHERE provider = ? AND environment = ? AND next_check <= ?";
// Those that lie beyond any wait possible: the clock was ahead when they were written.
inline constexpr const char* kRefusedFarAhead =
    "FROM credential INDEXED BY credential_due WHERE provider = ? AND environment = ? AND next_check > ? AND status = 1";
inline constexpr const char* kOthersFarAhead =
    "FROM credential INDEXED BY credential_far WHERE provider = ? AND environment = ? AND next_check > ? AND status <> 1"
    " AND (outages = 0 OR next_check > ?)";
inline constexpr const char* kCheckedAhead =
    "FROM credential INDEXED BY credential_last_checked WHERE provider = ? AND environment = ? AND last_checked > ?"
    " AND leaf_user_id IS NOT NULL AND next_check > ? AND status <> 1";
inline constexpr const char* kInterrupted =
    "FROM credential INDEXED BY credential_candidate WHERE provider = ? AND environment = ? AND candidate IS NOT NULL"
    " AND leaf_user_id IS NOT NULL";

}  // namespace granary::sqlite
