// The simulation's store: a process's door to the database. The same contract suite as the product's stores holds
// for it; the product never links it.
#pragma once

#include <functional>

#include "simulation/database.hpp"

namespace granary::simulation {

// What a node's calls meet on their way: waits and failures. A failure after a write has been made loses only its answer.
class StoreWeather {
 public:
  virtual ~StoreWeather() = default;
  virtual Task<> before_read() = 0;
  virtual Task<> before_write() = 0;
  virtual Task<> after_write() = 0;
};

class MemoryStore : public Store {
 public:
  // `weather` may be null: then every call is made at once. `process` is told to the observer.
  MemoryStore(Database& database, StoreWeather* weather, std::int64_t process)
      : db_(database), process_(process), weather_(weather) {}

  Task<std::optional<std::string>> find_setting(std::string_view name) override;
  Task<std::string> ensure_setting(std::string_view name, std::string_view value) override;
  Task<> save_setting(std::string_view name, std::string_view value) override;
  Task<std::optional<Sealed>> find_day_key(std::int32_t day) override;
  Task<Sealed> ensure_day_key(std::int32_t day, const Sealed& wrapped, const std::optional<Sealed>& damaged) override;
  Task<Result<void>> add_owner(const Owner& owner) override;
  Task<std::optional<Owner>> find_owner(std::string_view email) override;
  Task<std::optional<Owner>> find_owner(OwnerId id) override;
  Task<std::optional<WallTime>> find_last_login(OwnerId owner, std::string_view network) override;
  Task<> save_login(OwnerId owner, std::string_view network, WallTime now) override;
  Task<Result<void>> set_password(std::string_view email, std::string_view password_hash) override;
  Task<Result<void>> add_user(const LeafUser& user, const LinkChange& links) override;
  Task<Result<LeafUser>> change_user(OwnerId owner, LeafUserId id, const LeafUserChange& change, const LinkChange& links,
                                     WallTime now) override;
  Task<bool> delete_user(OwnerId owner, LeafUserId id) override;
  Task<std::optional<LeafUser>> find_user(OwnerId owner, LeafUserId id) override;
  Task<Page<LeafUser>> list_users(OwnerId owner, const UserFilter& filter, const std::vector<UserSort>& sort,
                                  PageRequest page) override;
  Task<Result<void>> add_credential(const NewCredential& credential) override;
  Task<std::optional<RevealedRow>> find_revealed(OwnerId owner, LeafUserId user, std::string_view provider) override;
  Task<std::vector<RevealedRow>> list_revealed(OwnerId owner, std::span<const LeafUserId> users) override;
  Task<std::optional<CredentialSummary>> find_summary(OwnerId owner, LeafUserId user, std::string_view provider) override;
  Task<Page<CredentialSummary>> list_summaries(OwnerId owner, const CredentialFilter& filter, PageRequest page) override;
  Task<Page<CredentialSummary>> list_all_summaries(const CredentialFilter& filter, PageRequest page) override;
  Task<bool> delete_credential(OwnerId owner, LeafUserId user, std::string_view provider) override;
  Task<std::optional<StoredCredential>> find_credential(CredentialKey key) override;
  Task<bool> is_linked(CredentialKey key, std::int64_t link_version) override;
  Task<std::vector<CredentialKey>> list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                            const std::vector<OwnerId>& except) override;
  Task<std::vector<CredentialKey>> list_interrupted(const Lane& lane, std::int64_t limit) override;
  Task<std::vector<CredentialKey>> list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) override;
  Task<Committed> commit(const CredentialWrite& write) override;
  Task<HealthBatch> change_health(const BreakerScope& scope, Rows rows, std::int64_t after, HealthRule rule,
                                  Cause cause) override;
  Task<HealthBatch> share_news(OwnerId owner, const LoginNews& news, std::int64_t after) override;
  Task<std::int32_t> count_tries(OwnerId owner, std::string_view login) override;
  Task<> recover_interrupted(WallTime now) override;
  Task<bool> has_more_linked(const Lane& lane, std::int64_t count) override;
  Task<bool> is_spent(CredentialKey key, std::string_view digest) override;
  Task<std::vector<std::string>> list_past_secrets(CredentialKey key) override;
  Task<Page<StatusChange>> list_history(CredentialKey key, PageRequest page) override;
  Task<std::vector<NumberedChange>> list_changes(std::int64_t after, std::int64_t limit) override;
  Task<std::int64_t> last_change_number() override;
  Task<std::optional<CredentialKey>> find_key(CredentialId id) override;
  Task<std::vector<LastCheck>> list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) override;
  Task<std::map<BreakerScope, BreakerState>> load_breakers() override;
  Task<> save_breaker(const BreakerScope& scope, const BreakerState& state) override;
  Task<std::map<BreakerScope, FuseState>> load_fuses() override;
  Task<> save_fuse(const BreakerScope& scope, const FuseState& state) override;
  Task<std::int64_t> count_probed(const BreakerScope& scope, std::int64_t limit) override;
  Task<std::int64_t> forget_origins(std::string_view provider) override;
  Task<std::vector<StatusCount>> count_by_status() override;
  Task<std::vector<StatusCount>> count_of_owner(OwnerId owner) override;
  Task<std::vector<Lane>> list_lanes() override;
  Task<std::optional<SegmentRow>> find_last_segment(CredentialKey key, std::int32_t day) override;
  Task<std::optional<std::int32_t>> find_content(CredentialKey key, std::string_view digest) override;
  Task<std::int32_t> next_content_number(CredentialKey key) override;
  Task<EventCounts> count_events(CredentialKey key, std::int32_t first_day) override;
  Task<std::vector<SegmentRow>> list_segments(CredentialKey key, std::int32_t first_day, Direction direction, std::int64_t first,
                                              std::int64_t end, std::int64_t& skipped) override;
  Task<std::optional<ContentRow>> read_content(CredentialKey key, std::int32_t number) override;
  Task<std::int64_t> expire_events(std::int32_t before_day, std::int64_t limit) override;
  Task<std::int64_t> expire_unlinked(WallTime before, std::int64_t limit) override;
  Task<std::int64_t> expire_history(WallTime before, std::int64_t limit) override;
  Task<bool> is_writable() override { co_return true; }

 protected:
  Database& db_;
  const std::int64_t process_;

 private:
  Task<> before_read();
  // Makes a change in one step; what it throws is left undone by itself.
  template <class Change>
  auto write(Change change) -> Task<std::invoke_result_t<Change>>;
  void remove(CredentialId id);
  // A batch of the linked ones that are `meant`, from `after` on.
  std::vector<CredentialEntry*> linked_after(std::int64_t after, const std::function<bool(const CredentialEntry&)>& is_meant);
  void tell(CredentialEntry& entry, const StatusChange& change);
  void apply_to(CredentialEntry& entry, const HealthRule& rule, Cause cause, HealthBatch& batch);
  HealthBatch share_with_others(OwnerId owner, const LoginNews& news, std::int64_t after);
  Result<void> change_links(OwnerId owner, LeafUserId user, const LinkChange& links, WallTime now);

  StoreWeather* weather_;
};

// Whether a token may be taken by the credential `id`: token_in_use, token_spent, or done.
Committed judge_claim(const Database& db, OwnerId owner, CredentialId id, const GrantClaim& claim);
void hold_token(CredentialEntry& entry, const std::string& digest, WallTime now);

template <class Change>
auto MemoryStore::write(Change change) -> Task<std::invoke_result_t<Change>> {
  if (weather_) co_await weather_->before_write();
  if constexpr (std::is_void_v<std::invoke_result_t<Change>>) {
    change();
    if (weather_) co_await weather_->after_write();
  } else {
    auto result = change();
    if (weather_) co_await weather_->after_write();
    co_return result;
  }
}

}  // namespace granary::simulation
