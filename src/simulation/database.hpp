// The rows of the simulation's store, in memory: what outlives a crash. A method of MemoryStore changes them in one step, so a
// crash falls between steps, never into one.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace granary::simulation {

struct ContentEntry {
  std::string digest;
  std::int32_t last_day = 0;
  Sealed data;
};

struct CredentialEntry {
  StoredCredential row;
  std::int64_t number = 0;  // in the order in which they were added
  LeafUserId last_leaf_user;
  std::optional<WallTime> unlinked_since;
  std::int64_t last_write = 0;
  std::vector<StatusChange> history;
  struct Digest {
    std::string digest;
    int kind = 0;  // 0: held, 1: held by the candidate, 2: spent, 3: replaced
    WallTime since;
  };
  std::vector<Digest> digests;
  std::map<std::pair<std::int32_t, std::int32_t>, SegmentRow> segments;  // by day and number
  std::map<std::int32_t, ContentEntry> contents;

  std::int64_t events() const;
};

// Told of each change as it is made.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void added(const CredentialEntry& entry) = 0;
  virtual void deleted(const CredentialEntry& entry) = 0;
  // Still linked.
  virtual void unlinked(const CredentialEntry& entry) = 0;
  // `before` is the row as it was; `by` the process that wrote.
  virtual void committed(const CredentialEntry& before, const CredentialWrite& write, const Committed& end,
                         const CredentialEntry& after, std::int64_t by) = 0;
  // Nothing was written: the row, which is there, is not as the writer had loaded it.
  virtual void not_written(const CredentialEntry& entry, const CredentialWrite& write) = 0;
  // One of many whose health was changed.
  virtual void changed(const CredentialEntry& before, const CredentialEntry& after, Cause cause) = 0;
};

struct Database {
  std::map<std::string, std::string, std::less<>> settings;
  std::map<std::int32_t, Sealed> day_keys;
  std::vector<Owner> owners;
  std::map<OwnerId, std::map<std::string, WallTime>> networks;  // of logins
  std::map<LeafUserId, LeafUser> users;
  std::map<CredentialId, CredentialEntry> credentials;
  std::vector<NumberedChange> changes;  // all there ever were, in the order of the commits
  std::map<BreakerScope, BreakerState> breakers;
  std::map<BreakerScope, FuseState> fuses;
  Observer* observer = nullptr;
  std::int64_t added = 0;  // credentials, ever

  CredentialEntry* find(CredentialId id);
  CredentialEntry* find(CredentialKey key);  // null where it is another owner's
  CredentialEntry* find(LeafUserId user, std::string_view provider);
};

}  // namespace granary::simulation
