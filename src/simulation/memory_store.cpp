#include "simulation/memory_store.hpp"

#include <algorithm>

namespace granary::simulation {

namespace {

RevealedRow revealed(const StoredCredential& row) {
  return {.key = row.key,
          .leaf_user = *row.leaf_user,
          .provider = row.provider,
          .status = row.health.status,
          .created = row.created,
          .secrets_version = row.secrets_version,
          .secrets = row.secrets,
          .secrets_key = row.secrets_key};
}

CredentialSummary summary(const StoredCredential& row) {
  return {.key = row.key,
          .leaf_user = *row.leaf_user,
          .provider = row.provider,
          .environment = row.environment,
          .external_id = {},
          .leaf_user_name = {},
          .health = row.health};
}

template <class Value>
bool is_any_of(const std::vector<Value>& values, const Value& value) {
  return values.empty() || std::ranges::find(values, value) != values.end();
}

bool is_meant(const CredentialFilter& filter, const StoredCredential& row, const LeafUser& user) {
  const CredentialHealth& health = row.health;
  if (!is_any_of(filter.statuses, health.status) || !is_any_of(filter.providers, row.provider)) return false;
  if (!filter.actions.empty() && (!health.action || !is_any_of(filter.actions, *health.action))) return false;
  if (!filter.reasons.empty() && (!health.reason || !is_any_of(filter.reasons, *health.reason))) return false;
  if (!is_any_of(filter.leaf_users, user.id)) return false;
  if (filter.external_id && user.external_id != filter.external_id) return false;
  if (filter.changed_since && health.since < *filter.changed_since) return false;
  return !filter.expiring_before || (health.grant_ends && *health.grant_ends < *filter.expiring_before);
}

template <class T>
Page<T> cut(std::vector<T> all, PageRequest page) {
  Page<T> out{.items = {}, .total = static_cast<std::int64_t>(all.size())};
  for (std::int64_t i = page.offset(); i < std::min(out.total, page.offset() + page.size); ++i)
    out.items.push_back(std::move(all[static_cast<std::size_t>(i)]));
  return out;
}

void unlink(Database& db, CredentialEntry& entry, WallTime now) {
  if (db.observer) db.observer->unlinked(entry);
  entry.segments.clear();
  entry.contents.clear();
  entry.row.events_key = {};
  entry.row.leaf_user.reset();
  entry.unlinked_since = now;
  ++entry.row.link_version;
  entry.row.health.next_check.reset();
}

// Of all owners, newest change first.
std::vector<CredentialSummary> find_summaries(const Database& database, const CredentialFilter& filter) {
  std::vector<CredentialSummary> found;
  for (const auto& [id, entry] : database.credentials) {
    const StoredCredential& row = entry.row;
    if (!row.leaf_user) continue;
    const LeafUser& user = database.users.at(*row.leaf_user);
    if (!is_meant(filter, row, user)) continue;
    found.push_back(summary(row));
    found.back().external_id = user.external_id;
    found.back().leaf_user_name = user.name;
  }
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return a.health.since != b.health.since ? a.health.since > b.health.since : a.key.id < b.key.id;
  });
  return found;
}

}  // namespace

std::int64_t CredentialEntry::events() const {
  std::int64_t count = 0;
  for (const auto& [key, segment] : segments) count += segment.count;
  return count;
}

CredentialEntry* Database::find(CredentialId id) {
  const auto found = credentials.find(id);
  return found == credentials.end() ? nullptr : &found->second;
}

CredentialEntry* Database::find(CredentialKey key) {
  CredentialEntry* entry = find(key.id);
  return entry && entry->row.key == key ? entry : nullptr;
}

CredentialEntry* Database::find(LeafUserId user, std::string_view provider) {
  for (auto& [id, entry] : credentials)
    if (entry.row.leaf_user == user && entry.row.provider == provider) return &entry;
  return nullptr;
}

Task<> MemoryStore::before_read() {
  if (weather_) co_await weather_->before_read();
}

void MemoryStore::remove(CredentialId id) {
  if (db_.observer) db_.observer->deleted(*db_.find(id));
  db_.credentials.erase(id);
}

// Settings, keys, owners.

Task<std::optional<std::string>> MemoryStore::find_setting(std::string_view name) {
  co_await before_read();
  const auto found = db_.settings.find(name);
  co_return found == db_.settings.end() ? std::nullopt : std::optional(found->second);
}

Task<std::string> MemoryStore::ensure_setting(std::string_view name, std::string_view value) {
  co_return co_await write(
      [this, name = std::string(name), value = std::string(value)] { return db_.settings.emplace(name, value).first->second; });
}

Task<> MemoryStore::save_setting(std::string_view name, std::string_view value) {
  co_await write([&] { db_.settings.insert_or_assign(std::string(name), std::string(value)); });
}

Task<std::optional<Sealed>> MemoryStore::find_day_key(std::int32_t day) {
  co_await before_read();
  const auto found = db_.day_keys.find(day);
  co_return found == db_.day_keys.end() ? std::nullopt : std::optional(found->second);
}

Task<Sealed> MemoryStore::ensure_day_key(std::int32_t day, const Sealed& wrapped, const std::optional<Sealed>& damaged) {
  co_return co_await write([this, day, wrapped, damaged] {
    const auto [kept, is_first] = db_.day_keys.emplace(day, wrapped);
    if (damaged && kept->second.bytes == damaged->bytes) kept->second = wrapped;
    return kept->second;
  });
}

Task<Result<void>> MemoryStore::add_owner(const Owner& owner) {
  co_return co_await write([&]() -> Result<void> {
    for (const Owner& known : db_.owners)
      if (known.email == owner.email) return fail(ErrorCode::already_exists);
    db_.owners.push_back(owner);
    return {};
  });
}

Task<std::optional<Owner>> MemoryStore::find_owner(std::string_view email) {
  const auto found = std::ranges::find(db_.owners, email, &Owner::email);
  co_return found == db_.owners.end() ? std::nullopt : std::optional(*found);
}

Task<std::optional<Owner>> MemoryStore::find_owner(OwnerId id) {
  const auto found = std::ranges::find(db_.owners, id, &Owner::id);
  co_return found == db_.owners.end() ? std::nullopt : std::optional(*found);
}

Task<std::optional<WallTime>> MemoryStore::find_last_login(OwnerId owner, std::string_view network) {
  const auto& networks = db_.networks[owner];
  const auto found = networks.find(std::string(network));
  co_return found == networks.end() ? std::nullopt : std::optional(found->second);
}

Task<> MemoryStore::save_login(OwnerId owner, std::string_view network, WallTime now) {
  co_await write([&] {
    auto& networks = db_.networks[owner];
    networks[std::string(network)] = now;
    while (std::ssize(networks) > kNetworksMax)
      networks.erase(std::ranges::min_element(networks, {}, &std::pair<const std::string, WallTime>::second));
  });
}

Task<Result<void>> MemoryStore::set_password(std::string_view email, std::string_view password_hash) {
  co_return co_await write([&]() -> Result<void> {
    const auto found = std::ranges::find(db_.owners, email, &Owner::email);
    if (found == db_.owners.end()) return fail(ErrorCode::not_found);
    found->password_hash = password_hash;
    ++found->password_epoch;
    return {};
  });
}

// Users and links.

Result<void> MemoryStore::change_links(OwnerId owner, LeafUserId user, const LinkChange& links, WallTime now) {
  const auto names = [&](const std::string& provider) {
    return std::ranges::find(links.link, provider, &std::pair<std::string, CredentialId>::first) != links.link.end();
  };
  for (const auto& [provider, id] : links.link) {
    const CredentialEntry* entry = db_.find(id);
    if (!entry || entry->row.key.owner != owner || entry->row.provider != provider ||
        (entry->row.leaf_user && *entry->row.leaf_user != user))
      return fail(ErrorCode::not_linkable);
  }
  for (auto& [id, entry] : db_.credentials) {
    if (entry.row.leaf_user != user) continue;
    const bool is_named = std::ranges::find(links.unlink, entry.row.provider) != links.unlink.end();
    if (is_named || (links.unlink_others && !names(entry.row.provider))) unlink(db_, entry, now);
  }
  for (const auto& [provider, id] : links.link) {
    CredentialEntry& entry = *db_.find(id);
    if (entry.row.leaf_user == user) continue;
    if (CredentialEntry* old = db_.find(user, provider)) unlink(db_, *old, now);
    entry.row.leaf_user = entry.last_leaf_user = user;
    entry.unlinked_since.reset();
    ++entry.row.link_version;
    entry.row.health.next_check = now;
    entry.row.health.refusals = 0;
    entry.row.health.due_cause = Cause::linked;
  }
  return {};
}

Task<Result<void>> MemoryStore::add_user(const LeafUser& user, const LinkChange& links) {
  co_return co_await write([&]() -> Result<void> {
    if (auto linked = change_links(user.owner, user.id, links, user.created); !linked) return linked;
    db_.users.emplace(user.id, user);
    return {};
  });
}

Task<Result<LeafUser>> MemoryStore::change_user(OwnerId owner, LeafUserId id, const LeafUserChange& change,
                                                const LinkChange& links, WallTime now) {
  co_return co_await write([&]() -> Result<LeafUser> {
    const auto found = db_.users.find(id);
    if (found == db_.users.end() || found->second.owner != owner) return fail(ErrorCode::not_found);
    LeafUser user = found->second;
    const auto apply = [](const FieldChange& from, std::optional<std::string>& to) {
      if (from) to = *from;
    };
    apply(change.name, user.name);
    apply(change.email, user.email);
    apply(change.phone, user.phone);
    apply(change.address, user.address);
    apply(change.external_id, user.external_id);
    if (!user.name && !user.email && !user.external_id) return fail(ErrorCode::invalid_field);
    if (auto linked = change_links(owner, id, links, now); !linked) return std::unexpected(linked.error());
    return found->second = user;
  });
}

Task<bool> MemoryStore::delete_user(OwnerId owner, LeafUserId id) {
  co_return co_await write([&] {
    const auto found = db_.users.find(id);
    if (found == db_.users.end() || found->second.owner != owner) return false;
    std::vector<CredentialId> gone;
    for (const auto& [credential, entry] : db_.credentials)
      if (entry.row.leaf_user == id || (!entry.row.leaf_user && entry.last_leaf_user == id)) gone.push_back(credential);
    for (const CredentialId credential : gone) remove(credential);
    db_.users.erase(found);
    return true;
  });
}

Task<std::optional<LeafUser>> MemoryStore::find_user(OwnerId owner, LeafUserId id) {
  co_await before_read();
  const auto found = db_.users.find(id);
  co_return found == db_.users.end() || found->second.owner != owner ? std::nullopt : std::optional(found->second);
}

Task<Page<LeafUser>> MemoryStore::list_users(OwnerId owner, const UserFilter& filter, const std::vector<UserSort>& sort,
                                             PageRequest page) {
  std::vector<LeafUser> found;
  for (const auto& [id, user] : db_.users)
    if (user.owner == owner && (!filter.email || user.email == filter.email) && (!filter.name || user.name == filter.name) &&
        (!filter.external_id || user.external_id == filter.external_id))
      found.push_back(user);
  // Absent before present, as SQL orders them.
  const auto compare = [](const LeafUser& a, const LeafUser& b, UserSortKey key) {
    switch (key) {
      case UserSortKey::id: return a.id <=> b.id;
      case UserSortKey::name: return a.name <=> b.name;
      case UserSortKey::email: return a.email <=> b.email;
      case UserSortKey::external_id: return a.external_id <=> b.external_id;
      case UserSortKey::created_time: return a.created <=> b.created;
    }
    return std::strong_ordering::equal;
  };
  std::ranges::sort(found, [&](const LeafUser& a, const LeafUser& b) {
    for (const auto& [key, direction] : sort)
      if (const auto order = compare(a, b, key); order != 0) return direction == Direction::descending ? order > 0 : order < 0;
    return std::tie(a.created, a.id) < std::tie(b.created, b.id);
  });
  co_return cut(std::move(found), page);
}

// Credentials, by owner.

Task<Result<void>> MemoryStore::add_credential(const NewCredential& given) {
  co_return co_await write([this, made = given]() -> Result<void> {
    const StoredCredential& row = made.row;
    const auto user = db_.users.find(*row.leaf_user);
    if (user == db_.users.end() || user->second.owner != row.key.owner) return fail(ErrorCode::not_found);
    if (db_.find(*row.leaf_user, row.provider)) return fail(ErrorCode::already_exists);
    if (made.token) {
      const Committed judged = judge_claim(db_, row.key.owner, row.key.id, *made.token);
      if (judged.holder) return fail(ErrorCode::grant_in_use, text_of(*judged.holder));
    }
    CredentialEntry entry;
    entry.row = row;
    entry.number = ++db_.added;
    entry.last_leaf_user = *row.leaf_user;
    if (made.token) hold_token(entry, made.token->digest, row.created);
    if (made.told_as)
      entry.history.push_back({.key = row.key,
                               .time = row.health.since,
                               .from = {},
                               .to = row.health.status,
                               .reason = row.health.reason,
                               .cause = *made.told_as});
    for (const StatusChange& first : entry.history)
      db_.changes.push_back({.number = std::ssize(db_.changes) + 1, .change = first});
    const auto added = db_.credentials.emplace(row.key.id, std::move(entry));
    if (db_.observer) db_.observer->added(added.first->second);
    return {};
  });
}

Task<std::optional<RevealedRow>> MemoryStore::find_revealed(OwnerId owner, LeafUserId user, std::string_view provider) {
  co_await before_read();
  const CredentialEntry* entry = db_.find(user, provider);
  co_return entry && entry->row.key.owner == owner ? std::optional(revealed(entry->row)) : std::nullopt;
}

Task<std::vector<RevealedRow>> MemoryStore::list_revealed(OwnerId owner, std::span<const LeafUserId> users) {
  std::vector<RevealedRow> out;
  for (const LeafUserId user : users)
    for (const auto& [id, entry] : db_.credentials)
      if (entry.row.leaf_user == user && entry.row.key.owner == owner) out.push_back(revealed(entry.row));
  co_return out;
}

Task<std::optional<CredentialSummary>> MemoryStore::find_summary(OwnerId owner, LeafUserId user, std::string_view provider) {
  co_await before_read();
  const CredentialEntry* entry = db_.find(user, provider);
  co_return entry && entry->row.key.owner == owner ? std::optional(summary(entry->row)) : std::nullopt;
}

Task<Page<CredentialSummary>> MemoryStore::list_summaries(OwnerId owner, const CredentialFilter& filter, PageRequest page) {
  auto found = find_summaries(db_, filter);
  std::erase_if(found, [&](const CredentialSummary& summary) { return summary.key.owner != owner; });
  co_return cut(std::move(found), page);
}

Task<Page<CredentialSummary>> MemoryStore::list_all_summaries(const CredentialFilter& filter, PageRequest page) {
  co_return cut(find_summaries(db_, filter), page);
}

Task<bool> MemoryStore::delete_credential(OwnerId owner, LeafUserId user, std::string_view provider) {
  co_return co_await write([this, owner, user, name = std::string(provider)] {
    const CredentialEntry* entry = db_.find(user, name);
    if (!entry || entry->row.key.owner != owner) return false;
    remove(entry->row.key.id);
    return true;
  });
}

}  // namespace granary::simulation
