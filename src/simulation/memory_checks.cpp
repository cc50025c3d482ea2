// What checks read and record in the simulation's store, and lanes as a whole.
#include <algorithm>
#include <ranges>
#include <set>

#include "simulation/memory_store.hpp"

namespace granary::simulation {

namespace {

constexpr std::size_t kBatch = 200;

bool is_in(const CredentialEntry& entry, const Lane& lane) {
  return entry.row.provider == lane.provider && entry.row.environment == lane.environment;
}

bool is_in(const CredentialEntry& entry, const BreakerScope& scope) {
  return is_in(entry, scope.lane) && (!scope.owner || entry.row.owner == *scope.owner);
}

// A copy: asking may bring the place nearer.
bool keeps_place(CheckState state, WallTime now) { return keeps_refused_place(state, now); }

void set_status(CheckState& state, Status status, Reason reason, WallTime now) {
  state.status = status;
  state.reason = reason;
  state.since = now;
}

void save_events(CredentialEntry& entry, const EventsWrite& events) {
  if (events.events_key) entry.row.events_key = *events.events_key;
  for (const SegmentWrite& segment : events.segments)
    entry.segments[{segment.day, segment.number}] = {
        .day = segment.day, .number = segment.number, .count = segment.count, .data = segment.data};
  for (const ContentWrite& content : events.contents)
    entry.contents[content.number] = {.digest = content.digest, .last_day = events.day, .data = content.data};
  for (const std::int32_t number : events.used_contents)
    entry.contents[number].last_day = std::max(entry.contents[number].last_day, events.day);
}

void save_fields(CredentialEntry& entry, const CheckRecord& record) {
  StoredCredential& row = entry.row;
  if (record.fields) {
    row.fields = *record.fields;
    ++row.fields_version;
  }
  if (record.fields_key) row.fields_key = *record.fields_key;
  if (record.environment) row.environment = *record.environment;
  if (record.origin) row.origin = *record.origin;
  if (record.removes_candidate) row.candidate.reset();
}

}  // namespace

bool MemoryStore::is_held(const CredentialEntry& entry) const {
  return entry.claimed_by && db_.now && entry.claimed_until > db_.now();
}

bool MemoryStore::claim(CredentialEntry& entry, const Claim& claim) {
  if (!db_.now) return true;
  const SteadyTime now = db_.now();
  const bool is_mine = entry.claimed_by == claim.process;
  // And as its caller has read it: another may have had it and gone in between.
  const bool is_unmoved = entry.row.spending == claim.known_note && entry.row.fields_version == claim.known_version;
  const bool is_free = is_mine || (!is_held(entry) && (is_unmoved || is_planted(Fault::claim_of_a_row_that_moved)));
  if (!is_free && !is_planted(Fault::claim_not_looked_at)) return false;
  entry.claimed_by = claim.process;
  entry.claimed_until = now + (is_planted(Fault::claim_shorter_than_the_call) ? milliseconds(500) : claim.lasts);
  return true;
}

WallTime MemoryStore::spread(WallTime now, milliseconds width) {
  db_.spread_seed = db_.spread_seed * 6364136223846793005ULL + 1442695040888963407ULL;
  const auto micros = std::max<std::int64_t>(width.count() * 1000, 1);
  return now + microseconds(static_cast<std::int64_t>((db_.spread_seed >> 16) % static_cast<std::uint64_t>(micros)));
}

// Checks.

Task<std::optional<StoredCredential>> MemoryStore::find_credential(CredentialId id) {
  co_await before_read();
  const CredentialEntry* entry = db_.find(id);
  co_return entry ? std::optional(entry->row) : std::nullopt;
}

Task<std::vector<CredentialId>> MemoryStore::list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                                      const std::vector<OwnerId>& except) {
  std::vector<std::pair<WallTime, CredentialId>> due;
  std::vector<CredentialId> ids;
  for (const auto& [id, entry] : db_.credentials) {
    const bool is_excepted = std::ranges::find(except, entry.row.owner) != except.end();
    if (!is_in(entry, lane) || !entry.row.state.next_check || is_excepted) continue;
    if (*entry.row.state.next_check <= now) due.emplace_back(*entry.row.state.next_check, id);
    else if (*entry.row.state.next_check > (entry.row.state.status == Status::unauthenticated ? horizon.refused : horizon.other))
      ids.push_back(id);
  }
  std::ranges::sort(due);
  if (due.size() > static_cast<std::size_t>(limit)) due.resize(static_cast<std::size_t>(limit));
  ids.insert(ids.begin(), due.size(), CredentialId());
  std::ranges::transform(due, ids.begin(), &std::pair<WallTime, CredentialId>::second);
  co_return ids;
}

Task<std::vector<CredentialId>> MemoryStore::list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) {
  std::vector<std::pair<WallTime, CredentialId>> found;
  const auto is_left_alone = [&](const CheckState& state) { return state.failures > 0 && *state.next_check > now; };
  for (const auto& [id, entry] : db_.credentials) {
    const CheckState& state = entry.row.state;
    if (is_in(entry, scope) && state.next_check && !keeps_place(state, now) && !is_left_alone(state))
      found.emplace_back(*state.next_check, id);
  }
  std::ranges::sort(found);
  std::vector<CredentialId> ids;
  for (const auto& [next, id] : found | std::views::take(limit)) ids.push_back(id);
  co_return ids;
}

Task<Begun> MemoryStore::begin_exchange(CredentialId id, std::int64_t fields_version, std::string_view origin,
                                        std::string_view token_digest, const Claim& claim_given) {
  co_return co_await write(
      [this, id, fields_version, origin = std::string(origin), digest = std::string(token_digest), claim_given] {
        CredentialEntry* entry = db_.find(id);
        if (!entry || entry->row.fields_version != fields_version) {
          if (db_.observer) db_.observer->lost_race(process_);  // perhaps between two requests
          return Begun::gone;
        }
        if (!digest.empty() && !claim(*entry, claim_given)) return Begun::claimed;
        entry->row.origin = origin;
        if (!digest.empty()) entry->row.spending = digest;
        return Begun::yes;
      });
}

Task<Recorded> MemoryStore::record_check(const CheckRecord& given) {
  co_return co_await write([this, record = given] {
    Recorded recorded;
    CredentialEntry* entry = db_.find(record.id);
    if (!entry && is_planted(Fault::deleted_row_written_back) && record.fields) {
      CredentialEntry back;
      back.row.id = record.id;
      entry = &db_.credentials.emplace(record.id, std::move(back)).first->second;
    }
    if (!entry) return recorded;
    const CredentialEntry before = *entry;
    recorded.exists = true;
    recorded.status_before = entry->row.state.status;
    const auto& candidate = entry->row.candidate;
    const bool is_claimed = is_held(*entry) && entry->claimed_by != process_;
    const bool is_its_candidate =
        !record.removes_candidate ||
        (candidate && candidate->fields.bytes == record.removes_candidate->bytes && !(record.outcome_unknown && is_claimed));
    recorded.fields_kept = (entry->row.fields_version == record.fields_version && is_its_candidate) ||
                           is_planted(Fault::fields_version_not_compared);
    if (is_planted(Fault::paused_answer_refused) && is_claimed) recorded.fields_kept = false;
    if (recorded.fields_kept) {
      save_fields(*entry, record);
      // Only one's own claim ends: a PUT that was not sent leaves another's alone. And one whose token was answered has its probe
      // before it still.
      const bool ends_claim = record.removes_candidate || (record.clears_spending && !entry->row.candidate);
      if (ends_claim && entry->claimed_by == process_) entry->claimed_by.reset();
      const bool same_link = entry->row.link_version == record.link_version || is_planted(Fault::link_not_compared);
      recorded.state_kept = same_link && entry->row.state_version == record.state_version;
      if (record.state && (recorded.state_kept || is_of_other_login(record))) {
        const auto next_check = same_link ? record.state->next_check : entry->row.state.next_check;
        entry->row.state = *record.state;
        entry->row.state.next_check = next_check;
        ++entry->row.state_version;
      }
    }
    const bool is_settled = recorded.fields_kept && (is_of_other_login(record) || recorded.state_kept || !record.outcome_unknown);
    if (record.clears_spending && is_settled) entry->row.spending.clear();
    if (recorded.state_kept && record.events) save_events(*entry, *record.events);
    if (db_.observer) db_.observer->recorded(before, record, recorded, *entry, process_);
    return recorded;
  });
}

Task<> MemoryStore::record_not_sent(const StoredCredential& given, Reason reason, std::optional<WallTime> next_check) {
  co_await write([this, known = given, reason, next_check] {
    CredentialEntry* entry = db_.find(known.id);
    if (!entry || !entry->row.leaf_user || entry->row.state_version != known.state_version ||
        entry->row.link_version != known.link_version)
      return;
    entry->row.state.reason = reason;
    entry->row.state.next_check = next_check;
    ++entry->row.state_version;
  });
}

Task<bool> MemoryStore::save_candidate(CredentialId id, const Sealed& fields) {
  co_return co_await write([this, id, fields] {
    CredentialEntry* entry = db_.find(id);
    if (!entry || !entry->row.leaf_user) return false;
    entry->row.candidate = Candidate{.fields = fields};
    return true;
  });
}

Task<Begun> MemoryStore::mark_candidate_sent(CredentialId id, const Candidate& sent, const Claim& claim_given) {
  co_return co_await write([this, id, sent, claim_given] {
    CredentialEntry* entry = db_.find(id);
    if (!entry || !entry->row.candidate || entry->row.candidate->fields.bytes != sent.fields.bytes) return Begun::gone;
    if (!claim(*entry, claim_given)) return Begun::claimed;
    entry->row.candidate->progress = sent.progress;
    return Begun::yes;
  });
}

Task<bool> MemoryStore::keep_candidate(CredentialId id, const Sealed& from, const Sealed& fields) {
  co_return co_await write([this, id, from, fields] {
    CredentialEntry* entry = db_.find(id);
    const Candidate* known = entry && entry->row.candidate ? &*entry->row.candidate : nullptr;
    if (!known || known->progress == Candidate::Progress::unsent || known->fields.bytes != from.bytes) {
      if (db_.observer) db_.observer->lost_race(process_);
      return false;
    }
    entry->row.candidate = Candidate{.fields = fields, .progress = Candidate::Progress::given};
    if (db_.observer) db_.observer->candidate_kept(*entry, process_);
    return entry->row.leaf_user.has_value();
  });
}

Task<> MemoryStore::recover_interrupted(WallTime now) {
  co_await write([this, now] {
    for (auto& [id, entry] : db_.credentials) {
      if (entry.row.candidate && entry.row.candidate->progress == Candidate::Progress::unsent) entry.row.candidate.reset();
      const bool is_interrupted = entry.row.candidate || !entry.row.spending.empty();
      if (is_interrupted && entry.row.leaf_user) entry.row.state.next_check = now;
    }
  });
}

// Lanes as a whole.

Task<std::vector<LastCheck>> MemoryStore::list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) {
  co_await before_read();
  std::vector<LastCheck> checks;
  for (const auto& [id, entry] : db_.credentials) {
    const CheckState& state = entry.row.state;
    if (!is_in(entry, lane) || !entry.row.leaf_user || !state.last_checked) continue;
    if (*state.last_checked < from || *state.last_checked > to) continue;
    if (const auto check = last_check(id, entry.row.owner, state)) checks.push_back(*check);
  }
  std::ranges::sort(checks, std::ranges::greater(), &LastCheck::checked);
  if (checks.size() > static_cast<std::size_t>(limit)) checks.erase(checks.begin() + limit, checks.end());
  co_return checks;
}

Task<std::map<BreakerScope, BreakerState>> MemoryStore::load_breakers() { co_return db_.breakers; }

Task<> MemoryStore::save_breaker(const BreakerScope& scope, const BreakerState& state) {
  co_await write([&] {
    if (state.open) db_.breakers[scope] = state;
    else db_.breakers.erase(scope);
  });
}

Task<std::int64_t> MemoryStore::count_probed(const BreakerScope& scope, std::int64_t limit) {
  const auto is_probed = [&](const auto& credential) {
    const CredentialEntry& entry = credential.second;
    return is_in(entry, scope) && entry.row.leaf_user && entry.row.state.was_last_ok();
  };
  co_return std::min<std::int64_t>(std::ranges::count_if(db_.credentials, is_probed), limit);
}

Task<std::vector<Turned>> MemoryStore::open_breaker(const BreakerScope& scope, const BreakerState& opened, WallTime since,
                                                    WallTime now) {
  co_return co_await write([&] {
    db_.breakers[scope] = opened;
    std::vector<Turned> turned;
    for (auto& [id, entry] : db_.credentials) {
      CheckState& state = entry.row.state;
      const bool is_bad = state.status == Status::unauthenticated || state.status == Status::missing_permission;
      if (!is_in(entry, scope) || !entry.row.leaf_user || !is_bad || !state.turned_by_check || state.since < since) continue;
      turned.push_back({.id = id, .before = state.status});
      set_status(state, Status::temporarily_unavailable, Reason::provider_refuses_many, now);
      state.suspected = state.suspected || state.pending_since;
      state.turned_by_check = false;
      state.refusals = 0;
      state.next_check = now;
      ++entry.row.state_version;
    }
    return turned;
  });
}

Task<std::vector<Turned>> MemoryStore::suspect_refused(const BreakerScope& scope, const Instant& before, WallTime now) {
  co_return co_await write([&] {
    std::vector<Turned> turned;
    for (auto& [id, entry] : db_.credentials) {
      CheckState& state = entry.row.state;
      if (!is_in(entry, scope) || !entry.row.leaf_user || state.status != Status::ok || state.pending == Pending::none) continue;
      const Instant& since = *state.pending_since;
      const bool is_old = since.wall <= before.wall && (since.boot != before.boot || since.steady <= before.steady);
      if (!is_old || turned.size() == kBatch) continue;
      set_status(state, Status::temporarily_unavailable, Reason::provider_refuses_many, now);
      state.suspected = true;
      ++entry.row.state_version;
      turned.push_back({.id = id, .before = Status::ok});
    }
    return turned;
  });
}

Task<> MemoryStore::respread(const BreakerScope& scope, WallTime closed_at, WallTime now, milliseconds width) {
  co_await write([&] {
    for (auto& [id, entry] : db_.credentials) {
      if (!is_in(entry, scope) || !entry.row.leaf_user || !entry.row.state.next_check) continue;
      CheckState& state = entry.row.state;
      const bool is_checked_since = state.last_checked && *state.last_checked > closed_at && *state.last_checked <= now;
      if (keeps_place(state, closed_at) || is_checked_since) continue;
      state.next_check = spread(closed_at, width);
      state.suspected = state.suspected || (state.pending != Pending::none && state.was_last_ok());
      state.pending = Pending::none;
      state.pending_since.reset();
      ++entry.row.state_version;
    }
  });
}

Task<std::vector<Turned>> MemoryStore::mark_not_configured(const Lane& lane, WallTime now) {
  co_return co_await write([&] {
    std::vector<Turned> turned;
    for (auto& [id, entry] : db_.credentials) {
      if (!is_in(entry, lane) || !entry.row.leaf_user || entry.row.state.status != Status::ok) continue;
      set_status(entry.row.state, Status::temporarily_unavailable, Reason::not_configured, now);
      entry.row.state.turned_by_check = true;
      entry.row.state.next_check.reset();
      ++entry.row.state_version;
      turned.push_back({.id = id, .before = Status::ok});
    }
    return turned;
  });
}

Task<> MemoryStore::resume_configured(const Lane& lane, WallTime now, milliseconds width) {
  co_await write([&] {
    for (auto& [id, entry] : db_.credentials) {
      CheckState& state = entry.row.state;
      if (!is_in(entry, lane) || !entry.row.leaf_user || state.reason != Reason::not_configured || state.next_check ||
          state.status == Status::unauthenticated)
        continue;
      state.next_check = spread(now, width);
      ++entry.row.state_version;
    }
  });
}

Task<std::int64_t> MemoryStore::accept_new_origin(std::string_view provider, WallTime now, milliseconds width) {
  co_return co_await write([&] {
    std::int64_t changed = 0;
    for (auto& [id, entry] : db_.credentials) {
      CheckState& state = entry.row.state;
      if (entry.row.provider != provider || entry.row.origin.empty()) continue;
      entry.row.origin.clear();
      const bool is_used_up = state.status == Status::unauthenticated && !state.next_check;
      state.next_check = !entry.row.leaf_user || is_used_up ? std::nullopt : std::optional(spread(now, width));
      ++entry.row.state_version;
      ++changed;
    }
    return changed;
  });
}

Task<std::vector<Lane>> MemoryStore::list_lanes() {
  std::set<Lane> lanes;
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.leaf_user) lanes.insert({.provider = entry.row.provider, .environment = entry.row.environment});
  co_return std::vector<Lane>(lanes.begin(), lanes.end());
}

Task<std::vector<StatusCount>> MemoryStore::count_by_status() {
  std::map<std::pair<Lane, Status>, std::int64_t> counts;
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.leaf_user) ++counts[{{entry.row.provider, entry.row.environment}, entry.row.state.status}];
  std::vector<StatusCount> out;
  out.reserve(counts.size());
  for (const auto& [key, count] : counts) out.push_back({.lane = key.first, .status = key.second, .count = count});
  co_return out;
}

}  // namespace granary::simulation
