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

inline constexpr std::int64_t kNetworksMax = 32;

// Events of one check, sealed: segments replaced or added, contents added, contents used once more.
struct EventsWrite {
  std::int32_t day = 0;
  std::optional<Sealed> events_key;  // when the credential had none
  std::vector<SegmentWrite> segments;
  std::vector<ContentWrite> contents;
  std::vector<std::int32_t> used_contents;
};

// The end of a check. Fields are compared on fields_version alone: a change of link, status or schedule never refuses
// an answer. Health and events are compared on state_version and link_version; but where a candidate's fields replace the
// stored ones, the health goes with them whatever moved: what was known of the other login says nothing of this one. The
// events do not: they were sealed to stand beside what was there.
struct CheckRecord {
  CredentialId id;
  std::int64_t fields_version = 0, state_version = 0, link_version = 0;
  std::optional<Sealed> fields;  // replaces; sealed for fields_version + 1
  std::optional<Sealed> fields_key;
  std::optional<std::string> environment;
  std::optional<std::string> origin;
  std::optional<CheckState> state;
  std::optional<EventsWrite> events;
  bool clears_spending = false;
  // What became of the token: then the note stays where neither another login's fields nor the health that tells of it are kept.
  bool outcome_unknown = false;
  // Whose end this is: where another candidate stands there, or none, others have replaced it. While another process has claimed
  // it, a lost answer is not its end.
  std::optional<Sealed> removes_candidate;
};

// Only a candidate that is promoted says where its login belongs.
inline bool is_of_other_login(const CheckRecord& record) { return record.fields && record.environment; }

struct Recorded {
  bool exists = false;
  bool fields_kept = false;  // false: others replaced them, or the candidate, meanwhile; nothing was written
  Status status_before = Status::temporarily_unavailable;  // what stood there
  // False: health or link moved meanwhile. Load again and record again without fields; of another login the health was written.
  bool state_kept = false;
};

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

// A credential whose status a change to its whole lane has changed, and what it was.
struct Turned {
  CredentialId id;
  Status before;
};

struct StatusCount {
  Lane lane;
  Status status;
  std::int64_t count;
};

// The right to spend what may be spent once: one process has it, for as long as a call and its commit can take. A store
// that a single process opens keeps it by that alone; one that several share writes it into the row, by its own clock.
struct Claim {
  std::int64_t process = 0;
  milliseconds lasts{};
  // As the caller has read them: `spending` and `fields_version`.
  std::string_view known_note{};
  std::int64_t known_version = 0;
};

enum class Begun {
  yes,
  gone,     // the row is gone or its fields were replaced: nothing may be sent
  claimed,  // another process may be spending it, or has since the caller read it: nothing may be sent now
};

// As far ahead as a next check can be believed.
struct Horizon {
  WallTime refused;  // of those that are UNAUTHENTICATED
  WallTime other;
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
  // Moves the epoch, which ends the owner's tokens. not_found.
  // When the owner last logged in from there; kept of the last kNetworksMax networks.
  virtual Task<std::optional<WallTime>> find_last_login(OwnerId owner, std::string_view network) = 0;
  virtual Task<> save_login(OwnerId owner, std::string_view network, WallTime now) = 0;
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
  virtual Task<Result<void>> add_credential(const StoredCredential& credential) = 0;  // not_found, already_exists
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
  virtual Task<std::optional<StoredCredential>> find_credential(CredentialId id) = 0;
  // Linked credentials of a lane whose next check has come, soonest first; then those whose next check
  // lies beyond their horizon. Without those of the owners in `except`.
  virtual Task<std::vector<CredentialId>> list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                                   const std::vector<OwnerId>& except) = 0;
  // The linked credentials of a breaker's scope that have waited longest, those first, for probing while the breaker is open. A
  // refused login keeps its place until `now`, and one whose last answer was unavailable is left alone until then.
  virtual Task<std::vector<CredentialId>> list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) = 0;
  // Before anything is sent: binds the origin and, where a one-use token is about to be spent (a digest is given), claims
  // the row and notes which one.
  virtual Task<Begun> begin_exchange(CredentialId id, std::int64_t fields_version, std::string_view origin,
                                     std::string_view token_digest, const Claim& claim) = 0;
  // Ends the caller's own claim where it clears the spending note or the candidate.
  virtual Task<Recorded> record_check(const CheckRecord& record) = 0;
  // A check that could not be sent in time: the reason, and when the clock tries next. Nothing, when health or link moved since
  // `known` was loaded: whoever moved them has decided that anew.
  virtual Task<> record_not_sent(const StoredCredential& known, Reason reason, std::optional<WallTime> next_check) = 0;
  // PUT: keeps the new fields beside the stored ones. False when the row is gone.
  virtual Task<bool> save_candidate(CredentialId id, const Sealed& fields) = 0;
  // How far the candidate with these fields is; `gone` where another stands there. Claims the row too: its token is spent like a
  // stored one.
  virtual Task<Begun> mark_candidate_sent(CredentialId id, const Candidate& sent, const Claim& claim) = 0;
  // What a refresh made of a candidate's fields (Progress::given), where `from` stands there and was sent. False when it does
  // not, and when the row is unlinked.
  virtual Task<bool> keep_candidate(CredentialId id, const Sealed& from, const Sealed& fields) = 0;
  // At start: candidates that were never sent are dropped; where one was, or a token was noted as spent and no answer was
  // recorded, the credential is due at once.
  virtual Task<> recover_interrupted(WallTime now) = 0;

  // Lanes as a whole.
  // The last check of each of a lane's linked credentials, of those that ended between two moments, newest first.
  virtual Task<std::vector<LastCheck>> list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) = 0;
  virtual Task<std::map<BreakerScope, BreakerState>> load_breakers() = 0;
  virtual Task<> save_breaker(const BreakerScope& scope, const BreakerState& state) = 0;
  // How many linked credentials of the scope were OK before it opened, or are again (CheckState::was_last_ok); at most `limit`.
  virtual Task<std::int64_t> count_probed(const BreakerScope& scope, std::int64_t limit) = 0;
  // Saves it, and what turned UNAUTHENTICATED or MISSING_PERMISSION since `since` becomes TEMPORARILY_UNAVAILABLE.
  virtual Task<std::vector<Turned>> open_breaker(const BreakerScope& scope, const BreakerState& state, WallTime since,
                                                 WallTime now) = 0;
  // While open: OK credentials first refused before `before`, by both clocks, become TEMPORARILY_UNAVAILABLE, at most
  // 200 a call.
  virtual Task<std::vector<Turned>> suspect_refused(const BreakerScope& scope, const Instant& before, WallTime now) = 0;
  // After closing: every checkable credential of the scope that was not checked since is due within `spread` of that, and starts
  // anew; what was refused before is suspected. But a refused login keeps its place. In several commits; again, it changes
  // nothing that has moved on.
  virtual Task<> respread(const BreakerScope& scope, WallTime closed_at, WallTime now, milliseconds spread) = 0;
  // At start, in several commits. Not configured: what says OK says so no longer. Configured again: what waited for it is due,
  // spread.
  virtual Task<std::vector<Turned>> mark_not_configured(const Lane& lane, WallTime now) = 0;
  virtual Task<> resume_configured(const Lane& lane, WallTime now, milliseconds spread) = 0;
  // `--accept-new-origin`: forgets the bound origins of a provider's credentials and makes them due, spread.
  virtual Task<std::int64_t> accept_new_origin(std::string_view provider, WallTime now, milliseconds spread) = 0;
  virtual Task<std::vector<StatusCount>> count_by_status() = 0;
  // Of all linked credentials, in order; also those that no descriptor names any more.
  virtual Task<std::vector<Lane>> list_lanes() = 0;

  // Events.
  virtual Task<std::optional<SegmentRow>> find_last_segment(CredentialId id, std::int32_t day) = 0;
  virtual Task<std::optional<std::int32_t>> find_content(CredentialId id, std::string_view digest) = 0;
  virtual Task<std::int32_t> next_content_number(CredentialId id) = 0;
  virtual Task<EventCounts> count_events(OwnerId owner, CredentialId id, std::int32_t first_day) = 0;
  // Segments in the given direction that hold the events at [first, end); `skipped` is how many events stand before the first
  // one returned.
  virtual Task<std::vector<SegmentRow>> list_segments(OwnerId owner, CredentialId id, std::int32_t first_day, Direction direction,
                                                      std::int64_t first, std::int64_t end, std::int64_t& skipped) = 0;
  virtual Task<std::optional<ContentRow>> read_content(CredentialId id, std::int32_t number) = 0;

  // Expiry; each returns how many rows went, at most `limit`.
  virtual Task<std::int64_t> expire_events(std::int32_t before_day, std::int64_t limit) = 0;
  virtual Task<std::int64_t> expire_unlinked(WallTime before, std::int64_t limit) = 0;
};

}  // namespace granary
