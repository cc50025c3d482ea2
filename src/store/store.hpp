// What the product needs kept. SQLite implements it (store/sqlite), and each implementation passes the same contract
// suite. It sees sealed bytes only. Methods run on the caller's executor and throw StoreUnavailable when the store
// cannot read or write; whatever a method changes is durable when it returns, and one commit unless it says otherwise.
// Those that list or count may throw StoreBusy: an owner has too many of them waiting.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/task.hpp"
#include "domain/breaker.hpp"
#include "domain/fuse.hpp"
#include "domain/records.hpp"
#include "store/credential_write.hpp"

namespace granary {

inline constexpr std::int64_t kNetworksMax = 32;
inline constexpr std::int64_t kHealthBatch = 200;

struct SegmentRow {
  std::int32_t day = 0;
  std::int32_t number = 0;
  std::int32_t count = 0;
  Sealed data;
};

struct ContentRow {
  std::int32_t number = 0;
  Sealed data;
};

struct EventCounts {
  std::int64_t total = 0;         // on the days asked for
  std::int64_t on_first_day = 0;  // of these, on the first day
};

struct StatusCount {
  Lane lane;
  Status status;
  std::int64_t count;
  std::optional<WallTime> last_success = {};  // the newest of these; of one owner's only
};

// As far ahead as a next check can be believed; what lies further is due: the clock was set back.
struct Horizon {
  WallTime refused;  // of those that are UNAUTHENTICATED
  WallTime other;
  WallTime held_back;  // of those whose provider may have said for how long it wants to be left alone
  WallTime checked;    // where the last check lies further ahead, its wait was counted from there
};

// Which linked credentials of a breaker's scope a change concerns, as far as an index tells: the rule looks closer.
enum class Rows { all, bad, refused_once };

struct NewCredential {
  StoredCredential row;
  std::optional<GrantClaim> token;
  std::optional<Cause> told_as;  // its first row of history; nullopt: that comes with the first answer
};

class Store {
 public:
  virtual ~Store() = default;

  // Whether what is written now would be kept, as far as the last write and the disk's room tell; false while in doubt.
  virtual Task<bool> is_writable() = 0;

  // Settings and keys.
  virtual Task<std::optional<std::string>> find_setting(std::string_view name) = 0;
  // Keeps the first value given under a name and returns the one that is kept. For what is made once, such as a key: of two
  // processes that make it at the same time, both get the same one.
  virtual Task<std::string> ensure_setting(std::string_view name, std::string_view value) = 0;
  // Replaces the value.
  virtual Task<> save_setting(std::string_view name, std::string_view value) = 0;
  virtual Task<std::optional<Sealed>> find_day_key(std::int32_t day) = 0;
  // Keeps the first key given for a day and returns it; but one that is `damaged` gives way.
  virtual Task<Sealed> ensure_day_key(std::int32_t day, const Sealed& wrapped, const std::optional<Sealed>& damaged) = 0;

  // Owners.
  virtual Task<Result<void>> add_owner(const Owner& owner) = 0;  // already_exists
  virtual Task<std::optional<Owner>> find_owner(std::string_view email) = 0;
  virtual Task<std::optional<Owner>> find_owner(OwnerId id) = 0;
  // When the owner last logged in from there; kept of the last kNetworksMax networks.
  virtual Task<std::optional<WallTime>> find_last_login(OwnerId owner, std::string_view network) = 0;
  virtual Task<> save_login(OwnerId owner, std::string_view network, WallTime now) = 0;
  // Moves the epoch, which ends the owner's tokens. not_found.
  virtual Task<Result<void>> set_password(std::string_view email, std::string_view password_hash) = 0;

  // Leaf users. not_found; not_linkable when a link names what cannot be linked; invalid_field when a change would leave
  // no name, email or externalId.
  virtual Task<Result<void>> add_user(const LeafUser& user, const LinkChange& links) = 0;
  virtual Task<Result<LeafUser>> change_user(OwnerId owner, LeafUserId id, const LeafUserChange& change, const LinkChange& links,
                                             WallTime now) = 0;
  virtual Task<bool> delete_user(OwnerId owner, LeafUserId id) = 0;
  virtual Task<std::optional<LeafUser>> find_user(OwnerId owner, LeafUserId id) = 0;
  virtual Task<Page<LeafUser>> list_users(OwnerId owner, const UserFilter& filter, const std::vector<UserSort>& sort,
                                          PageRequest page) = 0;

  // Credentials, by owner.
  // not_found, already_exists, grant_in_use (of its token; the error's detail names the holder).
  virtual Task<Result<void>> add_credential(const NewCredential& credential) = 0;
  virtual Task<std::optional<RevealedRow>> find_revealed(OwnerId owner, LeafUserId user, std::string_view provider) = 0;
  // Those of several users, in the order in which the users are given.
  virtual Task<std::vector<RevealedRow>> list_revealed(OwnerId owner, std::span<const LeafUserId> users) = 0;
  virtual Task<std::optional<CredentialSummary>> find_summary(OwnerId owner, LeafUserId user, std::string_view provider) = 0;
  // Linked ones, newest change first.
  virtual Task<Page<CredentialSummary>> list_summaries(OwnerId owner, const CredentialFilter& filter, PageRequest page) = 0;
  // The same of all owners: for the command line alone.
  virtual Task<Page<CredentialSummary>> list_all_summaries(const CredentialFilter& filter, PageRequest page) = 0;
  virtual Task<bool> delete_credential(OwnerId owner, LeafUserId user, std::string_view provider) = 0;

  // Checks.
  virtual Task<std::optional<StoredCredential>> find_credential(CredentialKey key) = 0;
  // Whether it is still linked as it was loaded.
  virtual Task<bool> is_linked(CredentialKey key, std::int64_t link_version) = 0;
  // Linked credentials of a lane whose next check has come, soonest first; then those whose next check
  // lies beyond their horizon. Without those of the owners in `except`.
  virtual Task<std::vector<CredentialKey>> list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                                    const std::vector<OwnerId>& except) = 0;
  // Linked credentials of a lane with a candidate: of PUTs that are under way, and of those that a crash or the store cut short.
  virtual Task<std::vector<CredentialKey>> list_interrupted(const Lane& lane, std::int64_t limit) = 0;
  // The linked credentials of a breaker's scope that have waited longest, those first, for probing while the breaker is open. A
  // refused login keeps its place until `now`, and one whose last answer was unavailable is left alone until then.
  virtual Task<std::vector<CredentialKey>> list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) = 0;
  // All of it, or nothing; plan_write says what.
  virtual Task<Committed> commit(const CredentialWrite& write) = 0;
  // Applies a rule to the rows of a scope, at most kHealthBatch in one commit, each change with its row of history. `after` is
  // where the batch before this one ended, 0 for the first. Begun anew after a failure, it changes nothing twice: a rule leaves
  // alone what it has changed.
  virtual Task<HealthBatch> change_health(const BreakerScope& scope, Rows rows, std::int64_t after, HealthRule rule,
                                          Cause cause) = 0;
  // What a commit could not apply of its news within its batch: to the owner's linked credentials with that login, from `after`
  // on.
  virtual Task<HealthBatch> share_news(OwnerId owner, const LoginNews& news, std::int64_t after) = 0;
  // How often the login has been refused, as the owner's linked credentials that hold it know.
  virtual Task<std::int32_t> count_tries(OwnerId owner, std::string_view login) = 0;
  // At start: a token that was on its way is of unknown outcome, and its credential due; a first answer that never came is told.
  virtual Task<> recover_interrupted(WallTime now) = 0;
  // Whether a lane has more linked credentials than that.
  virtual Task<bool> has_more_linked(const Lane& lane, std::int64_t count) = 0;
  // Whether the credential has spent the token of that digest.
  virtual Task<bool> is_spent(CredentialKey key, std::string_view digest) = 0;
  // Digests of secrets that were the credential's and are not any more.
  virtual Task<std::vector<std::string>> list_past_secrets(CredentialKey key) = 0;
  // Newest first.
  virtual Task<Page<StatusChange>> list_history(CredentialKey key, PageRequest page) = 0;
  // Of all owners, for the command line alone: the changes after the one of that number, and the number of the last.
  virtual Task<std::vector<NumberedChange>> list_changes(std::int64_t after, std::int64_t limit) = 0;
  virtual Task<std::int64_t> last_change_number() = 0;
  // Whose it is. For the command line alone.
  virtual Task<std::optional<CredentialKey>> find_key(CredentialId id) = 0;

  // Lanes as a whole.
  // The last check of each of a lane's linked credentials, of those that ended between two moments, newest first.
  virtual Task<std::vector<LastCheck>> list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) = 0;
  virtual Task<std::map<BreakerScope, BreakerState>> load_breakers() = 0;
  virtual Task<> save_breaker(const BreakerScope& scope, const BreakerState& state) = 0;
  // Of the fuses that are worth keeping.
  virtual Task<std::map<BreakerScope, FuseState>> load_fuses() = 0;
  virtual Task<> save_fuse(const BreakerScope& scope, const FuseState& state) = 0;
  // How many linked credentials of the scope were OK before it opened, or are again (CredentialHealth::was_last_ok); at most
  // `limit`.
  virtual Task<std::int64_t> count_probed(const BreakerScope& scope, std::int64_t limit) = 0;
  // `--accept-new-origin`: forgets the bound origins of a provider's credentials, kHealthBatch in a commit. How many there were.
  virtual Task<std::int64_t> forget_origins(std::string_view provider) = 0;
  virtual Task<std::vector<StatusCount>> count_by_status() = 0;
  // Of one owner's linked credentials.
  virtual Task<std::vector<StatusCount>> count_of_owner(OwnerId owner) = 0;
  // Of all linked credentials, in order; also those that no descriptor names any more.
  virtual Task<std::vector<Lane>> list_lanes() = 0;

  // Events.
  virtual Task<std::optional<SegmentRow>> find_last_segment(CredentialKey key, std::int32_t day) = 0;
  virtual Task<std::optional<std::int32_t>> find_content(CredentialKey key, std::string_view digest) = 0;
  virtual Task<std::int32_t> next_content_number(CredentialKey key) = 0;
  virtual Task<EventCounts> count_events(CredentialKey key, std::int32_t first_day) = 0;
  // Segments in the given direction that hold the events at [first, end); `skipped` is how many events stand before the first
  // one returned.
  virtual Task<std::vector<SegmentRow>> list_segments(CredentialKey key, std::int32_t first_day, Direction direction,
                                                      std::int64_t first, std::int64_t end, std::int64_t& skipped) = 0;
  virtual Task<std::optional<ContentRow>> read_content(CredentialKey key, std::int32_t number) = 0;

  // Expiry; each returns how many rows went, at most `limit`.
  virtual Task<std::int64_t> expire_events(std::int32_t before_day, std::int64_t limit) = 0;
  virtual Task<std::int64_t> expire_unlinked(WallTime before, std::int64_t limit) = 0;
  // Rows of history older than that, but for the latest of each credential.
  virtual Task<std::int64_t> expire_history(WallTime before, std::int64_t limit) = 0;
};

}  // namespace granary
