// The embedded store: reads of a few rows on the calling thread's own connection, those of many rows on the threads of the
// pool, writes through the one writer. One object for each thread. The methods stand in several files, by noun:
// settings_and_owners, users, credentials, checks, lanes, events; the lists of users and credentials in lists.
#pragma once

#include "store/sqlite/read_pool.hpp"
#include "store/sqlite/reader.hpp"
#include "store/store.hpp"

namespace granary::sqlite {

class SqliteStore final : public Store {
 public:
  // `writer` and `pool` outlive every store.
  SqliteStore(const std::string& path, Writer& writer, ReadPool& pool);

  Task<bool> is_writable() override;
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

 private:
  Reader reader_;
  Writer& writer_;
  ReadPool& pool_;
};

}  // namespace granary::sqlite
