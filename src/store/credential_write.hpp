// What is written to one credential in one commit, and the pure part of it that every store shares: what of a write is applied to
// the row that stands there. Called by the stores' `commit` and `change_health`; the only code that changes a status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/records.hpp"

namespace granary {

struct SegmentWrite {
  std::int32_t day = 0;
  std::int32_t number = 0;
  std::int32_t count = 0;
  Sealed data;
};

struct ContentWrite {
  std::int32_t number = 0;
  std::string digest;
  Sealed data;
};

// Events of one check, sealed: segments replaced or added, contents added, contents used once more.
struct EventsWrite {
  std::int32_t day = 0;
  std::optional<Sealed> events_key;  // when the credential had none
  std::vector<SegmentWrite> segments;
  std::vector<ContentWrite> contents;
  std::vector<std::int32_t> used_contents;
};

inline constexpr std::size_t kDigestBytes = 16;
// How many digests of spent tokens, and of replaced secrets, a credential keeps: the first two, those of the last 48 hours, at
// least 30, at most 4,096.
inline constexpr std::int64_t kSpentPinned = 2, kSpentMin = 30, kSpentMax = 4096;
inline constexpr std::chrono::hours kSpentKept{48};

// Keyed digests of what a provider accepts once, and of other secrets (token_digest in check/secrets.hpp).
struct TokenDigests {
  std::optional<std::string> held;   // of the stored grant from now on; what it held before is not held any more
  std::vector<std::string> spent;    // replaced by their provider
  std::vector<std::string> secrets;  // replaced by anybody: redaction knows them
  WallTime now;
};

// The token of a POST or of a PUT's candidate: nobody else of the same owner may hold it, or have spent it.
struct GrantClaim {
  std::string digest;
  bool is_guarded = true;  // false where the provider never replaces a token, and several may share it
};

struct GrantHolder {
  CredentialId id;
  LeafUserId leaf_user;  // the one it has or last had
};

// A sentence for the client that brought the token.
std::string text_of(const GrantHolder& holder);

struct CredentialWrite {
  enum class Needs {
    row,   // where the row was unlinked meanwhile, what the provider gave is written all the same; health and events are not
    link,  // where it was, nothing is written
  };

  CredentialKey key;
  std::int64_t id = 0;                                 // random, not 0: made once more after a failure, it changes nothing
  std::int64_t secrets_version = 0, link_version = 0;  // as the caller has loaded them
  Needs needs = Needs::row;

  std::optional<Sealed> secrets;  // replace; sealed for secrets_version + 1
  // In their place where the status is MISSING_PERMISSION after this: without what needs the permission.
  std::optional<Sealed> secrets_without_permission;
  std::optional<Sealed> secrets_key;
  std::optional<std::string> environment, origin;
  std::optional<GrantState> grant;
  std::optional<LoginDigests> login;
  std::optional<TokenDigests> tokens;
  // Empty: the health stays. One that gives nothing decides that all of the above stays as it is, too (PUT).
  HealthRule health;
  Cause cause = Cause::check;

  std::optional<Candidate> candidate;         // set, or replaced
  std::optional<GrantClaim> candidate_claim;  // of its token
  bool removes_candidate = false;
  // What it means for others with the same login; made of the health after the rule.
  std::optional<LoginShare> share;
  std::optional<EventsWrite> events;
};

// Of a change of many rows: one batch, at most kHealthBatch of them.
struct HealthBatch {
  std::vector<StatusChange> changes;
  std::int64_t last = 0;  // where the next batch goes on; 0: there was no row left
};

struct Committed {
  enum class End {
    done,
    gone,          // the row is gone, or its secrets were replaced: nothing was written
    unlinked,      // or linked anew, meanwhile
    token_in_use,  // nothing was written
    token_spent,   // by this credential; nothing was written
  };
  End end = End::done;
  bool is_applied = true;        // false: the rule of health gave nothing
  bool was_made_before = false;  // by an earlier try of the same write, whose answer was lost: `before` is not known
  CredentialHealth before, after;
  std::optional<StatusChange> change;
  std::optional<GrantHolder> holder;  // token_in_use
  std::optional<LoginNews> news;      // for others with the same login
  HealthBatch others;                 // of those it was applied to in the same commit: the first batch
};

// What a write needs to know of the row.
struct RowFacts {
  std::int64_t secrets_version = 0, link_version = 0, last_write = 0;
  bool is_linked = false;
  CredentialHealth health;
  std::optional<WallTime> last_change;  // of its status
};

struct WritePlan {
  Committed committed;
  bool writes = false;          // anything
  bool writes_secrets = false;  // and key, environment, origin, grant, tokens
  bool writes_events = false;
  const Sealed* secrets = nullptr;
  std::optional<CredentialHealth> health;
};

WritePlan plan_write(const CredentialWrite& write, const RowFacts& row);

// The health after a rule; nullopt where the rule leaves it.
std::optional<CredentialHealth> apply_rule(const HealthRule& rule, CredentialKey key, const CredentialHealth& health,
                                           std::uint64_t seed);

// A health as it is written, and the row of history that comes with it. `last_change` is the newest row's time.
struct HealthChange {
  CredentialHealth health;
  std::optional<StatusChange> change;
};
HealthChange with_history(CredentialKey key, const CredentialHealth& before, CredentialHealth after,
                          std::optional<WallTime> last_change, Cause cause);

// The rule that news of a login is for one who holds it, with `sent` as its digest of all fields.
HealthRule rule_of_news(const LoginNews& news, std::string_view sent);

}  // namespace granary
