// What the store's contract suite stands on: a store of whatever kind on an io_context of its own, and rows to fill it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>

#include "base/seeded_random.hpp"
#include "store/store.hpp"

namespace granary {

// A store that lives as long as the test, empty at first.
class StoreHolder {
 public:
  virtual ~StoreHolder() = default;
  virtual Store& store() = 0;
};

struct StoreKind {
  const char* name;
  std::function<std::unique_ptr<StoreHolder>()> make;
};

class StoreContract : public testing::TestWithParam<StoreKind> {
 protected:
  // Runs a task to its end; an exception that leaves it fails the test.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    asio::co_spawn(context_, std::move(task), [&](std::exception_ptr error, T value) {
      EXPECT_FALSE(error);
      result.emplace(std::move(value));
    });
    context_.run();
    context_.restart();
    return std::move(*result);
  }
  void run(Task<> task) {
    asio::co_spawn(context_, std::move(task), [](std::exception_ptr error) { EXPECT_FALSE(error); });
    context_.run();
    context_.restart();
  }

  static WallTime at(std::int64_t offset) { return WallTime(std::chrono::days(20'000)) + seconds(offset); }
  static Instant instant(std::int64_t offset, std::int64_t boot = 7) {
    return {.wall = at(offset), .steady = SteadyTime(seconds(offset)), .boot = boot};
  }

  OwnerId add_owner(const std::string& email) {
    const Owner owner{.id = OwnerId::random(random_), .email = email, .password_hash = "hash", .password_epoch = 1};
    EXPECT_TRUE(run(store_.add_owner(owner)));
    return owner.id;
  }
  LeafUser make_user(OwnerId owner, std::string name, std::int64_t created = 0) {
    return {.id = LeafUserId::random(random_), .owner = owner, .name = std::move(name), .created = at(created)};
  }
  LeafUserId add_user(OwnerId owner, const std::string& name = "user", std::int64_t created = 0) {
    const LeafUser user = make_user(owner, name, created);
    EXPECT_TRUE(run(store_.add_user(user, {})));
    return user.id;
  }
  StoredCredential make_credential(OwnerId owner, LeafUserId user, const std::string& provider = "valley") {
    StoredCredential credential;
    credential.key = {.owner = owner, .id = CredentialId::random(random_)};
    credential.leaf_user = user;
    credential.provider = provider;
    credential.created = at(0);
    credential.secrets = {"sealed secrets"};
    credential.secrets_key = {"sealed key"};
    credential.health.since = at(0);
    credential.health.next_check = at(0);
    return credential;
  }
  Result<void> add(const StoredCredential& row, std::optional<GrantClaim> token = {}, std::optional<Cause> told_as = {}) {
    return run(store_.add_credential({.row = row, .token = std::move(token), .told_as = told_as}));
  }
  CredentialKey add_credential(OwnerId owner, LeafUserId user, const std::string& provider = "valley") {
    const auto credential = make_credential(owner, user, provider);
    EXPECT_TRUE(add(credential));
    return credential.key;
  }
  // One with a user of its own, in the given health.
  CredentialKey add_with_health(const CredentialHealth& health, const std::string& provider = "valley",
                                const std::string& environment = "") {
    auto credential = make_credential(owner_, add_user(owner_), provider);
    credential.environment = environment;
    credential.health = health;
    EXPECT_TRUE(add(credential));
    return credential.key;
  }
  static CredentialHealth health_of(Status status, std::int64_t since = 0, std::optional<std::int64_t> next_check = 0) {
    CredentialHealth health;
    health.status = status;
    health.since = at(since);
    health.reason.reset();
    health.next_check = next_check ? std::optional(at(*next_check)) : std::nullopt;
    health.answer_cause = Cause::check;
    health.was_last_ok = status == Status::ok;
    health.action.reset();
    return health;
  }

  StoredCredential load(CredentialKey key) {
    auto found = run(store_.find_credential(key));
    EXPECT_TRUE(found);
    return found.value_or(StoredCredential{});
  }
  CredentialHealth health(CredentialKey key) { return load(key).health; }
  bool exists(CredentialKey key) { return run(store_.find_credential(key)).has_value(); }
  std::int64_t events_of(CredentialKey key) { return run(store_.count_events(key, 0)).total; }

  // The write of a row as it was loaded: nothing in it yet.
  CredentialWrite write_for(const StoredCredential& row, CredentialWrite::Needs needs = CredentialWrite::Needs::row) {
    return {.key = row.key,
            .id = static_cast<std::int64_t>(1 + random_.below(1ULL << 60)),
            .secrets_version = row.secrets_version,
            .link_version = row.link_version,
            .needs = needs};
  }
  // What is known of it becomes that, whatever it was.
  static HealthRule becomes(const CredentialHealth& health) {
    return [health](const CredentialHealth&, Random&) { return std::optional(health); };
  }
  static HealthRule leaves_it() {
    return [](const CredentialHealth&, Random&) { return std::optional<CredentialHealth>(); };
  }
  Committed commit(const CredentialWrite& write) { return run(store_.commit(write)); }
  void set_health(CredentialKey key, const CredentialHealth& health) {
    CredentialWrite write = write_for(load(key));
    write.health = becomes(health);
    EXPECT_EQ(commit(write).end, Committed::End::done);
  }
  // Applies a rule to a whole scope, as the checks do: batch by batch.
  std::vector<StatusChange> change_health(const BreakerScope& scope, Rows rows, const HealthRule& rule, Cause cause) {
    std::vector<StatusChange> changes;
    std::int64_t after = 0;
    do {
      HealthBatch batch = run(store_.change_health(scope, rows, after, rule, cause));
      EXPECT_LE(std::ssize(batch.changes), kHealthBatch);
      EXPECT_TRUE(batch.last == 0 || batch.last > after);
      std::ranges::move(batch.changes, std::back_inserter(changes));
      after = batch.last;
    } while (after != 0);
    return changes;
  }
  // PATCH and PUT by their short words.
  LinkChange link(CredentialKey key, const std::string& provider = "valley") {
    return {.link = {{provider, key.id}}, .unlink = {}};
  }
  LinkChange unlink(const std::string& provider = "valley") { return {.link = {}, .unlink = {provider}}; }
  Result<LeafUser> change(LeafUserId user, const LinkChange& links, std::int64_t now = 100) {
    return run(store_.change_user(owner_, user, {}, links, at(now)));
  }

  // Events on a day: segments of the given counts, by number.
  void add_events(CredentialKey key, std::int32_t day, const std::vector<std::int32_t>& counts) {
    CredentialWrite write = write_for(load(key));
    write.events = EventsWrite{.day = day, .events_key = Sealed{"events key"}};
    std::int32_t number = 0;
    for (const std::int32_t count : counts) {
      write.events->segments.push_back(
          {.day = day, .number = number, .count = count, .data = {std::to_string(day) + "/" + std::to_string(number)}});
      ++number;
    }
    EXPECT_EQ(commit(write).end, Committed::End::done);
  }

  asio::io_context context_{1};
  SeededRandom random_;
  std::unique_ptr<StoreHolder> holder_ = GetParam().make();
  Store& store_ = holder_->store();
  OwnerId owner_ = add_owner("owner@example.com");
};

// Implemented beside each store.
std::unique_ptr<StoreHolder> make_sqlite_store();
std::unique_ptr<StoreHolder> make_memory_store();

inline const auto kStoreKinds = testing::Values(StoreKind{"sqlite", make_sqlite_store}, StoreKind{"memory", make_memory_store});
inline std::string name_of_kind(const testing::TestParamInfo<StoreKind>& info) { return info.param.name; }

}  // namespace granary
