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

  Task<Result<void>> add_credential(const StoredCredential& credential) override;
  Task<std::optional<RevealedRow>> find_revealed(OwnerId owner, LeafUserId user, std::string_view provider) override;
  Task<std::vector<RevealedRow>> list_revealed(OwnerId owner, std::span<const LeafUserId> users) override;
  Task<std::optional<CredentialSummary>> find_summary(OwnerId owner, LeafUserId user, std::string_view provider) override;
  Task<Page<CredentialSummary>> list_summaries(OwnerId owner, const CredentialFilter& filter, PageRequest page) override;
  Task<Page<CredentialSummary>> list_all_summaries(const CredentialFilter& filter, PageRequest page) override;
  Task<bool> delete_credential(OwnerId owner, LeafUserId user, std::string_view provider) override;

  Task<std::optional<StoredCredential>> find_credential(CredentialId id) override;
  Task<std::vector<CredentialId>> list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                           const std::vector<OwnerId>& except) override;
  Task<std::vector<CredentialId>> list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) override;
  Task<Begun> begin_exchange(CredentialId id, std::int64_t fields_version, std::string_view origin, std::string_view token_digest,
                             const Claim& claim) override;
  Task<Recorded> record_check(const CheckRecord& record) override;
  Task<> record_not_sent(const StoredCredential& known, Reason reason, std::optional<WallTime> next_check) override;
  Task<bool> save_candidate(CredentialId id, const Sealed& fields) override;
  Task<bool> keep_candidate(CredentialId id, const Sealed& from, const Sealed& fields) override;
  Task<Begun> mark_candidate_sent(CredentialId id, const Candidate& sent, const Claim& claim) override;
  Task<> recover_interrupted(WallTime now) override;

  Task<std::vector<LastCheck>> list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) override;
  Task<std::map<BreakerScope, BreakerState>> load_breakers() override;
  Task<> save_breaker(const BreakerScope& scope, const BreakerState& state) override;
  Task<std::int64_t> count_probed(const BreakerScope& scope, std::int64_t limit) override;
  Task<std::vector<Turned>> open_breaker(const BreakerScope& scope, const BreakerState& state, WallTime since,
                                         WallTime now) override;
  Task<std::vector<Turned>> suspect_refused(const BreakerScope& scope, const Instant& before, WallTime now) override;
  Task<> respread(const BreakerScope& scope, WallTime closed_at, WallTime now, milliseconds spread) override;
  Task<std::vector<Turned>> mark_not_configured(const Lane& lane, WallTime now) override;
  Task<> resume_configured(const Lane& lane, WallTime now, milliseconds spread) override;
  Task<std::int64_t> accept_new_origin(std::string_view provider, WallTime now, milliseconds spread) override;
  Task<std::vector<StatusCount>> count_by_status() override;
  Task<std::vector<Lane>> list_lanes() override;

  Task<std::optional<SegmentRow>> find_last_segment(CredentialId id, std::int32_t day) override;
  Task<std::optional<std::int32_t>> find_content(CredentialId id, std::string_view digest) override;
  Task<std::int32_t> next_content_number(CredentialId id) override;
  Task<EventCounts> count_events(OwnerId owner, CredentialId id, std::int32_t first_day) override;
  Task<std::vector<SegmentRow>> list_segments(OwnerId owner, CredentialId id, std::int32_t first_day, Direction direction,
                                              std::int64_t first, std::int64_t end, std::int64_t& skipped) override;
  Task<std::optional<ContentRow>> read_content(CredentialId id, std::int32_t number) override;

  Task<std::int64_t> expire_events(std::int32_t before_day, std::int64_t limit) override;
  Task<std::int64_t> expire_unlinked(WallTime before, std::int64_t limit) override;

 private:
  Reader reader_;
  Writer& writer_;
  ReadPool& pool_;
};

}  // namespace granary::sqlite
