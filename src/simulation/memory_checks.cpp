// What checks read and commit in the simulation's store, and lanes as a whole.
#include <algorithm>
#include <ranges>
#include <set>

#include "simulation/memory_store.hpp"

namespace granary::simulation {

namespace {

using Digest = CredentialEntry::Digest;
constexpr int kHeld = 0, kHeldByCandidate = 1, kSpent = 2, kReplaced = 3;

bool is_in(const CredentialEntry& entry, const Lane& lane) { return entry.row.lane() == lane; }

bool is_in(const CredentialEntry& entry, const BreakerScope& scope) {
  return is_in(entry, scope.lane) && (!scope.owner || entry.row.key.owner == *scope.owner);
}

// A copy: asking may bring the place nearer.
bool keeps_place(CredentialHealth health, WallTime now) { return keeps_refused_place(health, now); }

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

void drop_digests(CredentialEntry& entry, int kind) {
  std::erase_if(entry.digests, [&](const Digest& digest) { return digest.kind == kind; });
}

void add_digest(CredentialEntry& entry, int kind, const std::string& digest, WallTime since) {
  const auto is_it = [&](const Digest& known) { return known.kind == kind && known.digest == digest; };
  if (!digest.empty() && std::ranges::none_of(entry.digests, is_it))
    entry.digests.push_back({.digest = digest, .kind = kind, .since = since});
}

// The first ones, the last ones, and all of the last time; but no more than are kept of any.
void prune(CredentialEntry& entry, int kind, WallTime now) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < entry.digests.size(); ++i)
    if (entry.digests[i].kind == kind) places.push_back(i);
  const auto count = static_cast<std::int64_t>(places.size());
  for (std::int64_t i = count - 1; i >= 0; --i) {
    const auto at = static_cast<std::ptrdiff_t>(places[static_cast<std::size_t>(i)]);
    const std::int64_t from_end = count - 1 - i;
    if (i < kSpentPinned || from_end < kSpentMin) continue;
    const bool is_old = entry.digests[static_cast<std::size_t>(at)].since < now - kSpentKept;
    if (is_old || from_end >= kSpentMax - kSpentPinned) entry.digests.erase(entry.digests.begin() + at);
  }
}

void save_digests(CredentialEntry& entry, const TokenDigests& digests) {
  if (digests.held) {
    drop_digests(entry, kHeld);
    add_digest(entry, kHeld, *digests.held, digests.now);
  }
  for (const auto& digest : digests.spent) add_digest(entry, kSpent, digest, digests.now);
  for (const auto& digest : digests.secrets) add_digest(entry, kReplaced, digest, digests.now);
  prune(entry, kSpent, digests.now);
  prune(entry, kReplaced, digests.now);
}

void save_secrets(CredentialEntry& entry, const CredentialWrite& write, const Sealed* secrets) {
  StoredCredential& row = entry.row;
  if (secrets) {
    row.secrets = *secrets;
    ++row.secrets_version;
  }
  if (write.secrets_key) row.secrets_key = *write.secrets_key;
  if (write.environment) row.environment = *write.environment;
  if (write.origin) row.origin = *write.origin;
  if (write.grant) row.grant = *write.grant;
  if (write.login) row.login = *write.login;
  if (write.tokens) save_digests(entry, *write.tokens);
}

void save_candidate(CredentialEntry& entry, const CredentialWrite& write) {
  if (write.removes_candidate) {
    entry.row.candidate.reset();
    drop_digests(entry, kHeldByCandidate);
  }
  if (!write.candidate) return;
  entry.row.candidate = *write.candidate;
  if (!write.candidate_claim) return;
  drop_digests(entry, kHeldByCandidate);
  add_digest(entry, kHeldByCandidate, write.candidate_claim->digest, WallTime());
}

std::optional<WallTime> last_change_of(const CredentialEntry& entry) {
  return entry.history.empty() ? std::nullopt : std::optional(entry.history.back().time);
}

}  // namespace

Committed judge_claim(const Database& db, OwnerId owner, CredentialId id, const GrantClaim& claim) {
  if (!claim.is_guarded || claim.digest.empty()) return {};
  Committed judged;
  for (const auto& [other, entry] : db.credentials) {
    if (entry.row.key.owner != owner) continue;
    for (const Digest& known : entry.digests) {
      if (known.kind == kReplaced || known.digest != claim.digest) continue;
      if (other != id)
        return {.end = Committed::End::token_in_use, .holder = GrantHolder{.id = other, .leaf_user = entry.last_leaf_user}};
      if (known.kind == kSpent) judged.end = Committed::End::token_spent;
    }
  }
  return judged;
}

void hold_token(CredentialEntry& entry, const std::string& digest, WallTime now) { add_digest(entry, kHeld, digest, now); }

// Checks.

Task<std::optional<StoredCredential>> MemoryStore::find_credential(CredentialKey key) {
  co_await before_read();
  const CredentialEntry* entry = db_.find(key);
  co_return entry ? std::optional(entry->row) : std::nullopt;
}

Task<bool> MemoryStore::is_linked(CredentialKey key, std::int64_t link_version) {
  co_await before_read();
  const CredentialEntry* entry = db_.find(key);
  co_return entry && entry->row.leaf_user && entry->row.link_version == link_version;
}

Task<std::vector<CredentialKey>> MemoryStore::list_due(const Lane& lane, WallTime now, const Horizon& horizon, std::int64_t limit,
                                                       const std::vector<OwnerId>& except) {
  std::vector<std::pair<WallTime, CredentialKey>> due;
  std::vector<CredentialKey> keys;
  for (const auto& [id, entry] : db_.credentials) {
    const CredentialHealth& health = entry.row.health;
    const bool is_excepted = std::ranges::find(except, entry.row.key.owner) != except.end();
    if (!is_in(entry, lane) || !health.next_check || is_excepted) continue;
    const WallTime next = *health.next_check;
    const bool is_refused = health.status == Status::unauthenticated;
    const WallTime other = health.outages == 0 ? horizon.other : std::max(horizon.other, horizon.held_back);
    const bool is_checked_ahead = !is_refused && health.last_checked && *health.last_checked > horizon.checked;
    if (next <= now) due.emplace_back(next, entry.row.key);
    else if (next > (is_refused ? horizon.refused : other) || is_checked_ahead) keys.push_back(entry.row.key);
  }
  std::ranges::sort(due);
  if (due.size() > static_cast<std::size_t>(limit)) due.resize(static_cast<std::size_t>(limit));
  keys.insert(keys.begin(), due.size(), CredentialKey());
  std::ranges::transform(due, keys.begin(), &std::pair<WallTime, CredentialKey>::second);
  co_return keys;
}

Task<std::vector<CredentialKey>> MemoryStore::list_interrupted(const Lane& lane, std::int64_t limit) {
  std::vector<CredentialKey> keys;
  for (const auto& [id, entry] : db_.credentials) {
    if (entry.row.candidate && is_in(entry, lane) && entry.row.leaf_user && std::ssize(keys) < limit)
      keys.push_back(entry.row.key);
  }
  co_return keys;
}

Task<std::vector<CredentialKey>> MemoryStore::list_probes(const BreakerScope& scope, WallTime now, std::int64_t limit) {
  std::vector<std::pair<WallTime, CredentialKey>> found;
  const auto is_left_alone = [&](const CredentialHealth& health) { return health.outages > 0 && *health.next_check > now; };
  for (const auto& [id, entry] : db_.credentials) {
    const CredentialHealth& health = entry.row.health;
    if (is_in(entry, scope) && health.next_check && !keeps_place(health, now) && !is_left_alone(health))
      found.emplace_back(*health.next_check, entry.row.key);
  }
  std::ranges::sort(found);
  std::vector<CredentialKey> keys;
  for (const auto& [next, key] : found | std::views::take(limit)) keys.push_back(key);
  co_return keys;
}

Task<Committed> MemoryStore::commit(const CredentialWrite& given) {
  co_return co_await write([this, write = given] {
    CredentialEntry* entry = db_.find(write.key);
    if (!entry) return Committed{.end = Committed::End::gone};
    if (write.candidate_claim && entry->last_write != write.id) {
      const Committed judged = judge_claim(db_, write.key.owner, write.key.id, *write.candidate_claim);
      if (judged.end != Committed::End::done) return judged;
    }
    const CredentialEntry before = *entry;
    WritePlan plan = plan_write(write, {.secrets_version = entry->row.secrets_version,
                                        .link_version = entry->row.link_version,
                                        .last_write = entry->last_write,
                                        .is_linked = entry->row.leaf_user.has_value(),
                                        .health = entry->row.health,
                                        .last_change = last_change_of(*entry)});
    if (!plan.writes) {
      if (db_.observer && plan.committed.end == Committed::End::gone) db_.observer->not_written(*entry, write);
      return plan.committed;
    }
    entry->last_write = write.id;
    if (plan.writes_secrets) save_secrets(*entry, write, plan.secrets);
    save_candidate(*entry, write);
    if (plan.health) entry->row.health = *plan.health;
    if (plan.committed.change) tell(*entry, *plan.committed.change);
    if (plan.writes_events) save_events(*entry, *write.events);
    if (db_.observer) db_.observer->committed(before, write, plan.committed, *entry, process_);
    if (plan.committed.news) plan.committed.others = share_with_others(write.key.owner, *plan.committed.news, 0);
    return plan.committed;
  });
}

std::vector<CredentialEntry*> MemoryStore::linked_after(std::int64_t after,
                                                        const std::function<bool(const CredentialEntry&)>& is_meant) {
  std::vector<CredentialEntry*> found;
  for (auto& [id, entry] : db_.credentials)
    if (entry.number > after && entry.row.leaf_user && is_meant(entry)) found.push_back(&entry);
  std::ranges::sort(found, {}, &CredentialEntry::number);
  if (found.size() > static_cast<std::size_t>(kHealthBatch)) found.resize(kHealthBatch);
  return found;
}

void MemoryStore::tell(CredentialEntry& entry, const StatusChange& change) {
  entry.history.push_back(change);
  db_.changes.push_back({.number = std::ssize(db_.changes) + 1, .change = change});
}

void MemoryStore::apply_to(CredentialEntry& entry, const HealthRule& rule, Cause cause, HealthBatch& batch) {
  const auto after_rule = apply_rule(rule, entry.row.key, entry.row.health, static_cast<std::uint64_t>(entry.number));
  if (!after_rule) return;
  const auto changed = with_history(entry.row.key, entry.row.health, *after_rule, last_change_of(entry), cause);
  const CredentialEntry before = entry;
  entry.row.health = changed.health;
  if (changed.change) {
    tell(entry, *changed.change);
    batch.changes.push_back(*changed.change);
  }
  if (db_.observer) db_.observer->changed(before, entry, cause);
}

Task<HealthBatch> MemoryStore::change_health(const BreakerScope& scope, Rows rows, std::int64_t after, HealthRule rule,
                                             Cause cause) {
  co_return co_await write([this, scope, rows, after, rule = std::move(rule), cause] {
    HealthBatch batch;
    for (CredentialEntry* entry : linked_after(after, [&](const CredentialEntry& one) {
           const CredentialHealth& health = one.row.health;
           const bool is_meant = rows == Rows::all || (rows == Rows::bad && health.is_bad()) ||
                                 (rows == Rows::refused_once && health.pending != Pending::none && health.status == Status::ok);
           return is_meant && is_in(one, scope);
         })) {
      batch.last = entry->number;
      apply_to(*entry, rule, cause, batch);
    }
    return batch;
  });
}

HealthBatch MemoryStore::share_with_others(OwnerId owner, const LoginNews& news, std::int64_t after) {
  const auto holders = linked_after(
      after, [&](const CredentialEntry& one) { return one.row.key.owner == owner && one.row.login.login == news.login.login; });
  HealthBatch batch;
  if (std::ssize(holders) == kHealthBatch) batch.last = holders.back()->number;
  for (CredentialEntry* entry : holders)
    if (entry->row.key.id != news.from) apply_to(*entry, rule_of_news(news, entry->row.login.sent), Cause::check, batch);
  return batch;
}

Task<HealthBatch> MemoryStore::share_news(OwnerId owner, const LoginNews& news, std::int64_t after) {
  co_return co_await write([this, owner, news, after] { return share_with_others(owner, news, after); });
}

Task<std::int32_t> MemoryStore::count_tries(OwnerId owner, std::string_view login) {
  co_await before_read();
  std::int32_t tries = 0;
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.key.owner == owner && entry.row.login.login == login && entry.row.leaf_user)
      tries = std::max(tries, entry.row.health.refusals);
  co_return tries;
}

Task<> MemoryStore::recover_interrupted(WallTime now) {
  co_await write([this, now] {
    for (auto& [id, entry] : db_.credentials) {
      StoredCredential& row = entry.row;
      if (is_under_way(row.grant)) {
        row.grant = granary::after(row.grant, GrantEvent::lost);
        if (row.leaf_user) row.health.next_check = now;
      }
      if (!row.health.answer_cause && entry.history.empty())
        tell(entry, {.key = row.key,
                     .time = row.health.since,
                     .from = {},
                     .to = row.health.status,
                     .reason = row.health.reason,
                     .cause = Cause::created});
    }
  });
}

Task<bool> MemoryStore::has_more_linked(const Lane& lane, std::int64_t count) {
  co_await before_read();
  co_return std::ranges::count_if(
      db_.credentials, [&](const auto& known) { return known.second.row.leaf_user && is_in(known.second, lane); }) > count;
}

Task<bool> MemoryStore::is_spent(CredentialKey key, std::string_view digest) {
  co_await before_read();
  const CredentialEntry* entry = db_.find(key);
  co_return entry&& std::ranges::any_of(entry->digests,
                                        [&](const Digest& known) { return known.kind == kSpent && known.digest == digest; });
}

Task<std::vector<std::string>> MemoryStore::list_past_secrets(CredentialKey key) {
  std::vector<std::string> digests;
  if (const CredentialEntry* entry = db_.find(key))
    for (const Digest& known : entry->digests)
      if (known.kind == kSpent || known.kind == kReplaced) digests.push_back(known.digest);
  co_return digests;
}

Task<Page<StatusChange>> MemoryStore::list_history(CredentialKey key, PageRequest page) {
  Page<StatusChange> out;
  const CredentialEntry* entry = db_.find(key);
  if (!entry) co_return out;
  out.total = std::ssize(entry->history);
  for (std::int64_t i = out.total - 1 - page.offset(); i >= 0 && std::ssize(out.items) < page.size; --i)
    out.items.push_back(entry->history[static_cast<std::size_t>(i)]);
  co_return out;
}

Task<std::vector<NumberedChange>> MemoryStore::list_changes(std::int64_t after, std::int64_t limit) {
  std::vector<NumberedChange> out;
  for (const NumberedChange& told : db_.changes) {
    const CredentialEntry* entry = db_.find(told.change.key);
    const bool is_kept = entry && std::ranges::find(entry->history, told.change) != entry->history.end();
    if (told.number > after && is_kept && std::ssize(out) < limit) out.push_back(told);
  }
  co_return out;
}

Task<std::int64_t> MemoryStore::last_change_number() { co_return std::ssize(db_.changes); }

Task<std::optional<CredentialKey>> MemoryStore::find_key(CredentialId id) {
  const CredentialEntry* entry = db_.find(id);
  co_return entry ? std::optional(entry->row.key) : std::nullopt;
}

// Lanes as a whole.

Task<std::vector<LastCheck>> MemoryStore::list_last_checks(const Lane& lane, WallTime from, WallTime to, std::int64_t limit) {
  co_await before_read();
  std::vector<LastCheck> checks;
  for (const auto& [id, entry] : db_.credentials) {
    const CredentialHealth& health = entry.row.health;
    if (!is_in(entry, lane) || !entry.row.leaf_user || !health.last_checked) continue;
    if (*health.last_checked < from || *health.last_checked > to) continue;
    auto check = last_check(entry.row.key, health, entry.row.grant);
    if (!check) continue;
    check->login = entry.row.login.login;
    checks.push_back(std::move(*check));
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

Task<std::map<BreakerScope, FuseState>> MemoryStore::load_fuses() { co_return db_.fuses; }

Task<> MemoryStore::save_fuse(const BreakerScope& scope, const FuseState& state) {
  co_await write([&] {
    if (state.is_worth_keeping()) db_.fuses[scope] = state;
    else db_.fuses.erase(scope);
  });
}

Task<std::int64_t> MemoryStore::count_probed(const BreakerScope& scope, std::int64_t limit) {
  const auto is_probed = [&](const auto& credential) {
    const CredentialEntry& entry = credential.second;
    return is_in(entry, scope) && entry.row.leaf_user && entry.row.health.was_last_ok;
  };
  co_return std::min<std::int64_t>(std::ranges::count_if(db_.credentials, is_probed), limit);
}

Task<std::int64_t> MemoryStore::forget_origins(std::string_view provider) {
  co_return co_await write([&] {
    std::int64_t forgotten = 0;
    for (auto& [id, entry] : db_.credentials) {
      if (entry.row.provider != provider || entry.row.origin.empty()) continue;
      entry.row.origin.clear();
      ++forgotten;
    }
    return forgotten;
  });
}

Task<std::vector<Lane>> MemoryStore::list_lanes() {
  std::set<Lane> lanes;
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.leaf_user) lanes.insert(entry.row.lane());
  co_return std::vector<Lane>(lanes.begin(), lanes.end());
}

Task<std::vector<StatusCount>> MemoryStore::count_of_owner(OwnerId owner) {
  std::map<std::pair<Lane, Status>, StatusCount> counts;
  for (const auto& [id, entry] : db_.credentials) {
    const CredentialHealth& health = entry.row.health;
    if (!entry.row.leaf_user || entry.row.key.owner != owner) continue;
    StatusCount& count = counts[{entry.row.lane(), health.status}];
    count = {.lane = entry.row.lane(),
             .status = health.status,
             .count = count.count + 1,
             .last_success = std::max(count.last_success, health.last_success)};
  }
  std::vector<StatusCount> out;
  for (const auto& [key, count] : counts) out.push_back(count);
  co_return out;
}

Task<std::vector<StatusCount>> MemoryStore::count_by_status() {
  std::map<std::pair<Lane, Status>, std::int64_t> counts;
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.leaf_user) ++counts[{entry.row.lane(), entry.row.health.status}];
  std::vector<StatusCount> out;
  out.reserve(counts.size());
  for (const auto& [key, count] : counts) out.push_back({.lane = key.first, .status = key.second, .count = count});
  co_return out;
}

}  // namespace granary::simulation
