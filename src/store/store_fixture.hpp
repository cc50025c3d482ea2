// What the store's contract suite stands on: a store of whatever kind on an io_context of its own, and rows to fill it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "domain/fake_random.hpp"
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
    credential.id = CredentialId::random(random_);
    credential.owner = owner;
    credential.leaf_user = user;
    credential.provider = provider;
    credential.created = at(0);
    credential.fields = {"sealed fields"};
    credential.fields_key = {"sealed key"};
    credential.state.since = at(0);
    credential.state.next_check = at(0);
    return credential;
  }
  CredentialId add_credential(OwnerId owner, LeafUserId user, const std::string& provider = "valley") {
    const auto credential = make_credential(owner, user, provider);
    EXPECT_TRUE(run(store_.add_credential(credential)));
    return credential.id;
  }
  // One with a user of its own, in the given state.
  CredentialId add_with_state(const CheckState& state, const std::string& provider = "valley",
                              const std::string& environment = "") {
    auto credential = make_credential(owner_, add_user(owner_), provider);
    credential.environment = environment;
    EXPECT_TRUE(run(store_.add_credential(credential)));
    set_state(credential.id, state);
    return credential.id;
  }
  static CheckState state_of(Status status, std::int64_t since = 0, std::optional<std::int64_t> next_check = 0) {
    CheckState state;
    state.status = status;
    state.since = at(since);
    state.reason.reset();
    state.next_check = next_check ? std::optional(at(*next_check)) : std::nullopt;
    return state;
  }

  StoredCredential load(CredentialId id) {
    auto found = run(store_.find_credential(id));
    EXPECT_TRUE(found);
    return found.value_or(StoredCredential{});
  }
  bool exists(CredentialId id) { return run(store_.find_credential(id)).has_value(); }
  CheckRecord record_for(const StoredCredential& credential) {
    CheckRecord record;
    record.id = credential.id;
    record.fields_version = credential.fields_version;
    record.state_version = credential.state_version;
    record.link_version = credential.link_version;
    return record;
  }
  void set_state(CredentialId id, const CheckState& state) {
    CheckRecord record = record_for(load(id));
    record.state = state;
    EXPECT_TRUE(run(store_.record_check(record)).state_kept);
  }
  // PATCH and PUT by their short words.
  LinkChange link(CredentialId id, const std::string& provider = "valley") { return {.link = {{provider, id}}, .unlink = {}}; }
  LinkChange unlink(const std::string& provider = "valley") { return {.link = {}, .unlink = {provider}}; }
  Result<LeafUser> change(LeafUserId user, const LinkChange& links, std::int64_t now = 100) {
    return run(store_.change_user(owner_, user, {}, links, at(now)));
  }

  // Events on a day: segments of the given counts, by number.
  void add_events(CredentialId id, std::int32_t day, const std::vector<std::int32_t>& counts) {
    CheckRecord record = record_for(load(id));
    record.events = EventsWrite{.day = day, .events_key = Sealed{"events key"}};
    std::int32_t number = 0;
    for (const std::int32_t count : counts) {
      record.events->segments.push_back(
          {.day = day, .number = number, .count = count, .data = {std::to_string(day) + "/" + std::to_string(number)}});
      ++number;
    }
    EXPECT_TRUE(run(store_.record_check(record)).state_kept);
  }

  static constexpr Claim claim_{.process = 7, .lasts = milliseconds(40'000), .known_version = 1};
  asio::io_context context_{1};
  FakeRandom random_;
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
