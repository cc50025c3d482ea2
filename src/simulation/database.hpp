// What the simulation's nodes share: the rows of a store, in memory. A method of MemoryStore changes it in one step, so a
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
  LeafUserId last_leaf_user;
  std::optional<WallTime> unlinked_since;
  std::optional<std::int64_t> claimed_by;
  SteadyTime claimed_until;
  std::map<std::pair<std::int32_t, std::int32_t>, SegmentRow> segments;  // by day and number
  std::map<std::int32_t, ContentEntry> contents;

  std::int64_t events() const;
};

// Told of each change as it is made.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void added(const CredentialEntry& entry) = 0;
  virtual void deleted(CredentialId id) = 0;
  virtual void unlinked(const CredentialEntry& entry) = 0;
  // `before` is the row as it was; `by` the process that recorded.
  virtual void recorded(const CredentialEntry& before, const CheckRecord& record, const Recorded& end,
                        const CredentialEntry& after, std::int64_t by) = 0;
  // What a PUT's candidate was given is stored with it.
  virtual void candidate_kept(const CredentialEntry& entry, std::int64_t by) = 0;
  // It was another's already, or gone.
  virtual void lost_race(std::int64_t by) = 0;
};

struct Database {
  std::map<std::string, std::string, std::less<>> settings;
  std::map<std::int32_t, Sealed> day_keys;
  std::vector<Owner> owners;
  std::map<OwnerId, std::map<std::string, WallTime>> networks;  // of logins
  std::map<LeafUserId, LeafUser> users;
  std::map<CredentialId, CredentialEntry> credentials;
  std::map<BreakerScope, BreakerState> breakers;
  std::function<SteadyTime()> now;  // the store's own clock, for claims
  Observer* observer = nullptr;
  std::uint64_t spread_seed = 0;

  CredentialEntry* find(CredentialId id);
  CredentialEntry* find(LeafUserId user, std::string_view provider);
};

}  // namespace granary::simulation
