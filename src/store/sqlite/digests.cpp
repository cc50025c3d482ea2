#include "store/sqlite/digests.hpp"

namespace granary::sqlite {

namespace {

std::int64_t number_of(DigestKind kind) { return static_cast<std::int64_t>(kind); }

void add(Connection& db, OwnerId owner, std::int64_t row, DigestKind kind, std::string_view digest, WallTime now) {
  if (digest.empty()) return;
  db.prepare("INSERT OR IGNORE INTO secret_digest (owner_id, digest, credential, kind, since) VALUES (?, ?, ?, ?, ?)")
      .bind(owner, as_blob(digest), row, number_of(kind), now)
      .run();
}

// Those that are old, but the first ones, and but the last ones; and those beyond what is kept of any. Each bound is a step or a
// walk along the index: this runs with every refresh.
void prune(Connection& db, std::int64_t row, DigestKind kind, WallTime now) {
  auto rows = db.prepare(
      "DELETE FROM secret_digest WHERE credential = ?1 AND kind = ?2"
      " AND since > (SELECT since FROM secret_digest WHERE credential = ?1 AND kind = ?2 ORDER BY since LIMIT 1 OFFSET ?3)"
      " AND since < (SELECT since FROM secret_digest WHERE credential = ?1 AND kind = ?2 ORDER BY since DESC LIMIT 1 OFFSET ?4)"
      " AND (since < ?5 OR since <"
      " (SELECT since FROM secret_digest WHERE credential = ?1 AND kind = ?2 ORDER BY since DESC LIMIT 1 OFFSET ?6))");
  rows.bind(row, number_of(kind), kSpentPinned - 1, kSpentMin - 1, now - kSpentKept, kSpentMax - kSpentPinned - 1).run();
}

}  // namespace

ClaimAnswer judge_claim(Connection& db, OwnerId owner, std::int64_t row, const GrantClaim& claim) {
  ClaimAnswer answer;
  if (!claim.is_guarded || claim.digest.empty()) return answer;
  const Sealed digest = as_blob(claim.digest);
  auto rows = db.prepare(
      "SELECT d.credential, d.kind, c.id, c.last_leaf_user_id FROM secret_digest d JOIN credential c ON c.row = d.credential"
      " WHERE d.owner_id = ? AND d.digest = ? AND d.kind <> 3");
  rows.bind(owner, digest);
  while (rows.step()) {
    if (rows.integer(0) == row) answer.is_spent_here = answer.is_spent_here || rows.integer(1) == number_of(DigestKind::spent);
    else answer.holder = GrantHolder{.id = rows.id<CredentialId>(2), .leaf_user = rows.id<LeafUserId>(3)};
  }
  return answer;
}

void set_held(Connection& db, OwnerId owner, std::int64_t row, DigestKind kind, std::string_view digest, WallTime now) {
  drop_held(db, row, kind);
  add(db, owner, row, kind, digest, now);
}

void drop_held(Connection& db, std::int64_t row, DigestKind kind) {
  db.prepare("DELETE FROM secret_digest WHERE credential = ? AND kind = ?").bind(row, number_of(kind)).run();
}

void save_digests(Connection& db, OwnerId owner, std::int64_t row, const TokenDigests& digests) {
  if (digests.held) set_held(db, owner, row, DigestKind::held, *digests.held, digests.now);
  for (const std::string& digest : digests.spent) add(db, owner, row, DigestKind::spent, digest, digests.now);
  for (const std::string& digest : digests.secrets) add(db, owner, row, DigestKind::replaced, digest, digests.now);
  if (!digests.spent.empty()) prune(db, row, DigestKind::spent, digests.now);
  if (!digests.secrets.empty()) prune(db, row, DigestKind::replaced, digests.now);
}

void delete_digests(Connection& db, std::int64_t row) {
  db.prepare("DELETE FROM secret_digest WHERE credential = ?").bind(row).run();
}

}  // namespace granary::sqlite
