// Digests of tokens and secrets: who holds them, and which are spent. Internal to store/sqlite.
#pragma once

#include "store/credential_write.hpp"
#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

enum class DigestKind : std::uint8_t { held, held_by_candidate, spent, replaced };

// Who of the owner's credentials holds the token or has spent it, other than `row`; and whether that has spent it.
struct ClaimAnswer {
  std::optional<GrantHolder> holder;
  bool is_spent_here = false;
};
ClaimAnswer judge_claim(Connection& db, OwnerId owner, std::int64_t row, const GrantClaim& claim);

void set_held(Connection& db, OwnerId owner, std::int64_t row, DigestKind kind, std::string_view digest, WallTime now);
void drop_held(Connection& db, std::int64_t row, DigestKind kind);
void save_digests(Connection& db, OwnerId owner, std::int64_t row, const TokenDigests& digests);
void delete_digests(Connection& db, std::int64_t row);

}  // namespace granary::sqlite
