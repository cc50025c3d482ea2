// Lists of users and of credentials, read on the threads of the pool.
#include "store/sqlite/lists.hpp"

#include <algorithm>

#include "base/json.hpp"
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

// Of one owner: by what leaves the fewest, as a rule. Provider and status together find all they need in that of the provider.
const char* index_for(const CredentialFilter& filter) {
  if (!filter.leaf_users.empty() || filter.external_id) return " INDEXED BY credential_of_user";
  if (!filter.actions.empty()) return " INDEXED BY credential_by_action";
  if (!filter.reasons.empty()) return " INDEXED BY credential_by_reason";
  if (filter.expiring_before) return " INDEXED BY credential_by_end";
  if (!filter.providers.empty()) return " INDEXED BY credential_by_provider";
  return !filter.statuses.empty() ? " INDEXED BY credential_by_status" : " INDEXED BY credential_by_change";
}

// One value is compared: then an index has the rows in the list's order. Several come as one list, since a statement is kept for
// each text of it.
template <class Value>
const char* any_of(const std::vector<Value>& values) {
  return values.size() == 1 ? " = ?" : " IN (SELECT value FROM json_each(?))";
}

// Ids are bytes, which JSON does not hold: they come in one row, 16 bytes each.
constexpr const char* kAnyOfIds =
    " IN (WITH RECURSIVE list (ids, id) AS (SELECT ?, NULL UNION ALL SELECT substr(ids, 17), substr(ids, 1, 16) FROM list"
    " WHERE length(ids) >= 16) SELECT id FROM list WHERE id IS NOT NULL)";

// A filter's values, ready to be bound: they live as long as the statement.
class FilterValues {
 public:
  explicit FilterValues(const CredentialFilter& filter) : filter_(filter) {
    for (const Status status : filter.statuses) statuses_.emplace_back(static_cast<std::int64_t>(status));
    for (const std::string& provider : filter.providers) providers_.emplace_back(provider);
    for (const Action action : filter.actions) actions_.emplace_back(static_cast<std::int64_t>(action));
    for (const Reason reason : filter.reasons) reasons_.emplace_back(static_cast<std::int64_t>(reason));
    std::string ids;
    for (const LeafUserId user : filter.leaf_users) ids += user.raw();
    users_ = as_blob(ids);
    for (const Json::Array* values : {&statuses_, &providers_, &actions_, &reasons_})
      lists_.push_back(values->size() > 1 ? Json(*values).dump() : std::string());
  }

  void bind(Statement& statement) const {
    const std::string* list = lists_.data();
    for (const Json::Array* values : {&statuses_, &providers_, &actions_, &reasons_}) {
      if (values->size() > 1) statement.bind(*list);
      else if (values->size() == 1 && values->front().string()) statement.bind(*values->front().string());
      else if (values->size() == 1) statement.bind(*values->front().integer());
      ++list;
    }
    if (!filter_.leaf_users.empty()) statement.bind(users_);
    if (filter_.external_id) statement.bind(*filter_.external_id);
    if (filter_.changed_since) statement.bind(*filter_.changed_since);
    if (filter_.expiring_before) statement.bind(*filter_.expiring_before);
  }

 private:
  const CredentialFilter& filter_;
  Json::Array statuses_, providers_, actions_, reasons_;
  std::vector<std::string> lists_;  // of each, where there are several values
  Sealed users_;
};

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
      "SELECT credential.id, credential.owner_id, leaf_user_id, provider, environment, status, since, reason, last_checked,"
      " next_check, action, last_success, failures_in_row, proved_by, grant_ends, external_id, name FROM credential"
      " LEFT JOIN leaf_user ON leaf_user.id = leaf_user_id WHERE credential.row = ?");
  row.bind(number).step();
  CredentialSummary summary = read_summary(row);
  summary.external_id = row.optional_text(15);
  summary.leaf_user_name = row.optional_text(16);
  return summary;
}

// `of` says whose credentials, `user_of` whose Leaf users. Put together of constants only; values are bound.
ListSql sql_of_linked(const std::string& of, const std::string& user_of, const CredentialFilter& filter) {
  std::string from = " FROM credential" + of;
  if (!filter.statuses.empty()) from += std::string(" AND status") + any_of(filter.statuses);
  if (!filter.providers.empty()) from += std::string(" AND provider") + any_of(filter.providers);
  if (!filter.actions.empty()) from += std::string(" AND action") + any_of(filter.actions);
  if (!filter.reasons.empty()) from += std::string(" AND reason") + any_of(filter.reasons);
  if (!filter.leaf_users.empty()) from += std::string(" AND leaf_user_id") + kAnyOfIds;
  if (filter.external_id) from += " AND leaf_user_id IN (SELECT id FROM leaf_user WHERE " + user_of + "external_id = ?)";
  if (filter.changed_since) from += " AND since >= ?";
  if (filter.expiring_before) from += " AND grant_ends < ?";
  return {.count = "SELECT count(*)" + from, .page = "SELECT row" + from + " ORDER BY since DESC, id LIMIT ? OFFSET ?"};
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
  return sql_of_linked(std::string(index_for(filter)) + " WHERE leaf_user_id IS NOT NULL AND owner_id = ?1", "owner_id = ?1 AND ",
                       filter);
}

ListSql sql_of_all_credentials(const CredentialFilter& filter) {
  return sql_of_linked(" WHERE leaf_user_id IS NOT NULL", "", filter);
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
  const FilterValues values(filter);
  const auto bind_filter = [&](Statement& statement) {
    statement.bind(owner);
    values.bind(statement);
  };
  co_return co_await pool_.run(owner,
                               [&](Connection& db) { return read_summaries(db, sql_of_credentials(filter), bind_filter, page); });
}

Task<Page<CredentialSummary>> SqliteStore::list_all_summaries(const CredentialFilter& filter, PageRequest page) {
  const FilterValues values(filter);
  const auto bind_filter = [&](Statement& statement) { values.bind(statement); };
  co_return co_await pool_.run(
      kNobody, [&](Connection& db) { return read_summaries(db, sql_of_all_credentials(filter), bind_filter, page); });
}

}  // namespace granary::sqlite
