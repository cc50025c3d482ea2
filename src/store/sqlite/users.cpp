// Leaf users, and the changes that link and unlink their credentials.
#include <algorithm>

#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

std::optional<LeafUser> load_user(Connection& db, OwnerId owner, LeafUserId id) {
  auto row = db.prepare(
      "SELECT id, owner_id, name, email, phone, address, external_id, created FROM leaf_user WHERE id = ? AND owner_id = ?");
  if (!row.bind(id, owner).step()) return std::nullopt;
  return read_user(row);
}

struct LinkedRow {
  std::int64_t row;
  std::string provider;
};

std::vector<LinkedRow> linked_rows(Connection& db, LeafUserId user) {
  auto found = db.prepare("SELECT row, provider FROM credential WHERE leaf_user_id = ?");
  found.bind(user);
  std::vector<LinkedRow> rows;
  while (found.step()) rows.push_back({found.integer(0), found.text(1)});
  return rows;
}

// The row to link, or nullopt when it is linked to this user already. not_linkable when it is nobody's to give.
Result<std::optional<std::int64_t>> find_linkable(Connection& db, OwnerId owner, LeafUserId user, const std::string& provider,
                                                  CredentialId id) {
  auto found = db.prepare("SELECT row, leaf_user_id FROM credential WHERE id = ? AND owner_id = ? AND provider = ?");
  if (!found.bind(id, owner, provider).step()) return fail(ErrorCode::not_linkable);
  if (found.is_null(1)) return std::optional(found.integer(0));
  if (found.id<LeafUserId>(1) == user) return std::optional<std::int64_t>();
  return fail(ErrorCode::not_linkable);
}

void link_credential(Connection& db, std::int64_t row, LeafUserId user, WallTime now) {
  db.prepare(
        "UPDATE credential SET leaf_user_id = ?, last_leaf_user_id = ?, unlinked_since = NULL, link_version = link_version + 1,"
        " next_check = ?, refusals = 0, due_cause = ? WHERE row = ?")
      .bind(user, user, now, static_cast<std::int64_t>(Cause::linked), row)
      .run();
}

// All of it or nothing: the caller's savepoint is rolled back when this fails.
Result<void> change_links(Connection& db, OwnerId owner, LeafUserId user, const LinkChange& links, WallTime now) {
  const auto rows = linked_rows(db, user);
  const auto unlink = [&](auto concerns) {
    for (const LinkedRow& linked : rows)
      if (concerns(linked.provider)) unlink_credential(db, linked.row, now);
  };
  for (const std::string& provider : links.unlink) unlink([&](const std::string& other) { return other == provider; });
  if (links.unlink_others)
    unlink([&](const std::string& other) {
      return std::ranges::find(links.link, other, &std::pair<std::string, CredentialId>::first) == links.link.end();
    });
  for (const auto& [provider, id] : links.link) {
    const auto row = find_linkable(db, owner, user, provider, id);
    if (!row) return std::unexpected(row.error());
    if (!*row) continue;
    unlink([&](const std::string& other) { return other == provider; });
    link_credential(db, **row, user, now);
  }
  return {};
}

void apply(const FieldChange& change, std::optional<std::string>& field) {
  if (change) field = *change;
}

// Carries an error out of a write so that its savepoint is rolled back.
struct Abandoned {
  Error error;
};

}  // namespace

LeafUser read_user(const Statement& row) {
  return {.id = row.id<LeafUserId>(0),
          .owner = row.id<OwnerId>(1),
          .name = row.optional_text(2),
          .email = row.optional_text(3),
          .phone = row.optional_text(4),
          .address = row.optional_text(5),
          .external_id = row.optional_text(6),
          .created = row.time(7)};
}

Task<Result<void>> SqliteStore::add_user(const LeafUser& user, const LinkChange& links) {
  std::optional<Error> error;
  try {
    co_await writer_.run([&](Connection& db) {
      db.prepare(
            "INSERT INTO leaf_user (id, owner_id, name, email, phone, address, external_id, created) VALUES (?, ?, ?, ?, ?, ?, "
            "?, ?)")
          .bind(user.id, user.owner, user.name, user.email, user.phone, user.address, user.external_id, user.created)
          .run();
      if (auto linked = change_links(db, user.owner, user.id, links, user.created); !linked) throw Abandoned{linked.error()};
    });
  } catch (const Abandoned& abandoned) {
    error = abandoned.error;
  }
  if (error) co_return std::unexpected(*error);
  co_return Result<void>();
}

Task<Result<LeafUser>> SqliteStore::change_user(OwnerId owner, LeafUserId id, const LeafUserChange& change,
                                                const LinkChange& links, WallTime now) {
  std::optional<Error> error;
  LeafUser changed;
  try {
    co_await writer_.run([&](Connection& db) {
      auto user = load_user(db, owner, id);
      if (!user) throw Abandoned{{.code = ErrorCode::not_found, .fields = {}, .retry_after = seconds(0), .detail = {}}};
      apply(change.name, user->name);
      apply(change.email, user->email);
      apply(change.phone, user->phone);
      apply(change.address, user->address);
      apply(change.external_id, user->external_id);
      if (!user->name && !user->email && !user->external_id)
        throw Abandoned{{.code = ErrorCode::invalid_field, .fields = {}, .retry_after = seconds(0), .detail = {}}};
      db.prepare("UPDATE leaf_user SET name = ?, email = ?, phone = ?, address = ?, external_id = ? WHERE id = ?")
          .bind(user->name, user->email, user->phone, user->address, user->external_id, id)
          .run();
      if (auto linked = change_links(db, owner, id, links, now); !linked) throw Abandoned{linked.error()};
      changed = std::move(*user);
    });
  } catch (const Abandoned& abandoned) {
    error = abandoned.error;
  }
  if (error) co_return std::unexpected(*error);
  co_return changed;
}

Task<bool> SqliteStore::delete_user(OwnerId owner, LeafUserId id) {
  co_return co_await writer_.run([&](Connection& db) {
    if (!load_user(db, owner, id)) return false;
    for (const LinkedRow& linked : linked_rows(db, id)) delete_credential_row(db, linked.row);
    std::vector<std::int64_t> left_behind;
    {
      auto found = db.prepare("SELECT row FROM credential WHERE last_leaf_user_id = ? AND leaf_user_id IS NULL");
      found.bind(id);
      while (found.step()) left_behind.push_back(found.integer(0));
    }
    for (const std::int64_t row : left_behind) delete_credential_row(db, row);
    db.prepare("DELETE FROM leaf_user WHERE id = ?").bind(id).run();
    return true;
  });
}

Task<std::optional<LeafUser>> SqliteStore::find_user(OwnerId owner, LeafUserId id) {
  co_return load_user(reader_.fresh(), owner, id);
}

}  // namespace granary::sqlite
