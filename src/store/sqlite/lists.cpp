// Lists of users and of credentials, read on the threads of the pool.
#include "store/sqlite/lists.hpp"

#include <algorithm>

#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

constexpr std::array<std::pair<UserSortKey, const char*>, 5> kSortColumns = {{{UserSortKey::id, "id"},
                                                                              {UserSortKey::name, "name"},
                                                                              {UserSortKey::email, "email"},
                                                                              {UserSortKey::external_id, "external_id"},
                                                                              {UserSortKey::created_time, "created"}}};

const char* column_of(UserSortKey key) {
  return std::ranges::find(kSortColumns, key, &std::pair<UserSortKey, const char*>::first)->second;
}

// Each column once: what comes again decides nothing, and with it SQLite would not see that an index has this very order.
std::string order_of(const std::vector<UserSort>& sort) {
  std::string order = " ORDER BY ";
  std::vector<UserSortKey> named;
  const auto add = [&](UserSortKey key, Direction direction) {
    const bool is_decided = std::ranges::find(named, UserSortKey::id) != named.end();  // no two users have one id
    if (is_decided || std::ranges::find(named, key) != named.end()) return;
    if (!named.empty()) order += ", ";
    order += column_of(key);
    order += direction == Direction::descending ? " DESC" : " ASC";
    named.push_back(key);
  };
  for (const auto& [key, direction] : sort) add(key, direction);
  add(UserSortKey::created_time, Direction::ascending);
  add(UserSortKey::id, Direction::ascending);
  return order;
}

// A filter leaves few users nearly always: they are found by its index, and sorted. Left to itself, SQLite would rather go
// through all of the owner's users in the order that is asked for.
const char* index_for(const UserFilter& filter) {
  if (filter.external_id) return " INDEXED BY leaf_user_by_external_id";
  if (filter.email) return " INDEXED BY leaf_user_by_email";
  return filter.name ? " INDEXED BY leaf_user_by_name" : "";
}

// Of one owner. Both filters together find all they need in that of the provider.
const char* index_for(const CredentialFilter& filter) {
  if (filter.provider) return " INDEXED BY credential_by_provider";
  return filter.status ? " INDEXED BY credential_by_status" : " INDEXED BY credential_by_change";
}

template <class Bind>
std::int64_t count_rows(Connection& db, const ListSql& sql, Bind bind_filter) {
  auto count = db.prepare_text(sql.count);
  bind_filter(count);
  count.step();
  return count.integer(0);
}

// The numbers of the page's rows. Rows are read one by one after that: what has to be sorted is small then.
template <class Bind>
std::vector<std::int64_t> page_rows(Connection& db, const ListSql& sql, Bind bind_filter, PageRequest page) {
  std::vector<std::int64_t> numbers;
  auto rows = db.prepare_text(sql.page);
  bind_filter(rows);
  rows.bind(page.size, page.offset());
  while (rows.step()) numbers.push_back(rows.integer(0));
  return numbers;
}

CredentialSummary load_summary(Connection& db, std::int64_t number) {
  auto row = db.prepare(
      "SELECT id, owner_id, leaf_user_id, provider, environment, status, since, reason, last_checked, next_check, action,"
      " last_success, failures_in_row, proved_by, grant_ends FROM credential WHERE row = ?");
  row.bind(number).step();
  return read_summary(row);
}

// `of` says whose. Put together of constants only; values are bound.
ListSql sql_of_linked(const std::string& of, const CredentialFilter& filter) {
  std::string from = " FROM credential" + of;
  if (filter.status) from += " AND status = ?";
  if (filter.provider) from += " AND provider = ?";
  if (filter.changed_since) from += " AND since >= ?";
  return {.count = "SELECT count(*)" + from, .page = "SELECT row" + from + " ORDER BY since DESC, id LIMIT ? OFFSET ?"};
}

void bind_values(Statement& statement, const CredentialFilter& filter) {
  if (filter.status) statement.bind(static_cast<std::int64_t>(*filter.status));
  if (filter.provider) statement.bind(*filter.provider);
  if (filter.changed_since) statement.bind(*filter.changed_since);
}

template <class Bind>
Page<CredentialSummary> read_summaries(Connection& db, const ListSql& sql, Bind bind_filter, PageRequest page) {
  Page<CredentialSummary> result{.items = {}, .total = count_rows(db, sql, bind_filter)};
  for (const std::int64_t number : page_rows(db, sql, bind_filter, page)) result.items.push_back(load_summary(db, number));
  return result;
}

void read_revealed_of(Connection& db, OwnerId owner, LeafUserId user, std::vector<RevealedRow>& out) {
  auto rows = db.prepare(kRevealedOfUser);
  rows.bind(user, owner);
  while (rows.step()) out.push_back(read_revealed(rows));
}

}  // namespace

ListSql sql_of_users(const UserFilter& filter, const std::vector<UserSort>& sort) {
  // Put together of constants only; values are bound.
  std::string from = std::string(" FROM leaf_user") + index_for(filter) + " WHERE owner_id = ?";
  if (filter.email) from += " AND email = ?";
  if (filter.name) from += " AND name = ?";
  if (filter.external_id) from += " AND external_id = ?";
  return {.count = "SELECT count(*)" + from, .page = "SELECT rowid" + from + order_of(sort) + " LIMIT ? OFFSET ?"};
}

ListSql sql_of_credentials(const CredentialFilter& filter) {
  return sql_of_linked(std::string(index_for(filter)) + " WHERE leaf_user_id IS NOT NULL AND owner_id = ?", filter);
}

ListSql sql_of_all_credentials(const CredentialFilter& filter) {
  return sql_of_linked(" WHERE leaf_user_id IS NOT NULL", filter);
}

Task<Page<LeafUser>> SqliteStore::list_users(OwnerId owner, const UserFilter& filter, const std::vector<UserSort>& sort,
                                             PageRequest page) {
  const ListSql sql = sql_of_users(filter, sort);
  const auto bind_filter = [&](Statement& statement) {
    statement.bind(owner);
    for (const auto* value : {&filter.email, &filter.name, &filter.external_id})
      if (*value) statement.bind(**value);
  };
  co_return co_await pool_.run(owner, [&](Connection& db) {
    Page<LeafUser> result{.items = {}, .total = count_rows(db, sql, bind_filter)};
    for (const std::int64_t number : page_rows(db, sql, bind_filter, page)) {
      auto row =
          db.prepare("SELECT id, owner_id, name, email, phone, address, external_id, created FROM leaf_user WHERE rowid = ?");
      row.bind(number).step();
      result.items.push_back(read_user(row));
    }
    return result;
  });
}

Task<std::vector<RevealedRow>> SqliteStore::list_revealed(OwnerId owner, std::span<const LeafUserId> users) {
  const auto read = [&](Connection& db) {
    std::vector<RevealedRow> rows;
    for (const LeafUserId user : users) read_revealed_of(db, owner, user, rows);
    return rows;
  };
  if (users.size() == 1) co_return read(reader_.fresh());  // a handful of rows: not worth the way to another thread
  co_return co_await pool_.run(owner, read);
}

Task<Page<CredentialSummary>> SqliteStore::list_summaries(OwnerId owner, const CredentialFilter& filter, PageRequest page) {
  const auto bind_filter = [&](Statement& statement) {
    statement.bind(owner);
    bind_values(statement, filter);
  };
  co_return co_await pool_.run(owner,
                               [&](Connection& db) { return read_summaries(db, sql_of_credentials(filter), bind_filter, page); });
}

Task<Page<CredentialSummary>> SqliteStore::list_all_summaries(const CredentialFilter& filter, PageRequest page) {
  const auto bind_filter = [&](Statement& statement) { bind_values(statement, filter); };
  co_return co_await pool_.run(
      kNobody, [&](Connection& db) { return read_summaries(db, sql_of_all_credentials(filter), bind_filter, page); });
}

}  // namespace granary::sqlite
