// Settings, day keys and owners.
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

std::optional<Owner> read_owner(Statement& row) {
  if (!row.step()) return std::nullopt;
  return Owner{.id = row.id<OwnerId>(0), .email = row.text(1), .password_hash = row.text(2), .password_epoch = row.integer(3)};
}

}  // namespace

SqliteStore::SqliteStore(const std::string& path, Writer& writer, ReadPool& pool)
    : reader_(path, writer), writer_(writer), pool_(pool) {}

// After a failure nothing but a write that works ends the doubt, and others may have gone elsewhere with theirs.
Task<bool> SqliteStore::is_writable() {
  if (!writer_.has_room()) co_return false;
  if (!writer_.is_failing()) co_return true;
  if (!writer_.may_try_again()) co_return false;
  constexpr std::size_t kTriedBytes = 64 * 1024;  // where a few bytes still fit, the next credential may not
  try {
    co_await save_setting("tried", std::string(kTriedBytes, '\0'));
    co_await save_setting("tried", "");
  } catch (const StoreUnavailable&) {
    co_return false;
  }
  co_return true;
}

Task<std::optional<std::string>> SqliteStore::find_setting(std::string_view name) {
  auto row = reader_.fresh().prepare("SELECT value FROM setting WHERE name = ?");
  co_return row.bind(name).step() ? std::optional(row.blob(0)) : std::nullopt;
}

Task<std::string> SqliteStore::ensure_setting(std::string_view name, std::string_view value) {
  co_return co_await writer_.run([name = std::string(name), value = as_blob(value)](Connection& db) {
    db.prepare("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING").bind(name, value).run();
    auto row = db.prepare("SELECT value FROM setting WHERE name = ?");
    row.bind(name).step();
    return row.blob(0);
  });
}

Task<> SqliteStore::save_setting(std::string_view name, std::string_view value) {
  co_await writer_.run([name = std::string(name), value = as_blob(value)](Connection& db) {
    db.prepare("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name, value)
        .run();
  });
}

Task<std::optional<Sealed>> SqliteStore::find_day_key(std::int32_t day) {
  auto row = reader_.fresh().prepare("SELECT wrapped FROM day_key WHERE day = ?");
  co_return row.bind(day).step() ? std::optional(Sealed{row.blob(0)}) : std::nullopt;
}

Task<Sealed> SqliteStore::ensure_day_key(std::int32_t day, const Sealed& wrapped, const std::optional<Sealed>& damaged) {
  co_return co_await writer_.run([&](Connection& db) {
    if (damaged) db.prepare("DELETE FROM day_key WHERE day = ? AND CAST(wrapped AS BLOB) = ?").bind(day, *damaged).run();
    db.prepare("INSERT INTO day_key (day, wrapped) VALUES (?, ?) ON CONFLICT (day) DO NOTHING").bind(day, wrapped).run();
    auto row = db.prepare("SELECT wrapped FROM day_key WHERE day = ?");
    row.bind(day).step();
    return Sealed{row.blob(0)};
  });
}

Task<Result<void>> SqliteStore::add_owner(const Owner& owner) {
  co_return co_await writer_.run([&](Connection& db) -> Result<void> {
    if (db.prepare("SELECT 1 FROM owner WHERE email = ?").bind(owner.email).step()) return fail(ErrorCode::already_exists);
    db.prepare("INSERT INTO owner (id, email, password_hash, password_epoch) VALUES (?, ?, ?, ?)")
        .bind(owner.id, owner.email, owner.password_hash, owner.password_epoch)
        .run();
    return {};
  });
}

Task<std::optional<Owner>> SqliteStore::find_owner(std::string_view email) {
  auto row = reader_.fresh().prepare("SELECT id, email, password_hash, password_epoch FROM owner WHERE email = ?");
  co_return read_owner(row.bind(email));
}

Task<std::optional<Owner>> SqliteStore::find_owner(OwnerId id) {
  auto row = reader_.fresh().prepare("SELECT id, email, password_hash, password_epoch FROM owner WHERE id = ?");
  co_return read_owner(row.bind(id));
}

Task<std::optional<WallTime>> SqliteStore::find_last_login(OwnerId owner, std::string_view network) {
  auto row = reader_.fresh().prepare("SELECT last_login FROM owner_network WHERE owner_id = ? AND network = ?");
  co_return row.bind(owner, network).step() ? std::optional(row.time(0)) : std::nullopt;
}

Task<> SqliteStore::save_login(OwnerId owner, std::string_view network, WallTime now) {
  co_await writer_.run([owner, network = std::string(network), now](Connection& db) {
    db.prepare("INSERT OR REPLACE INTO owner_network (owner_id, network, last_login) VALUES (?, ?, ?)")
        .bind(owner, network, now)
        .run();
    db.prepare(
          "DELETE FROM owner_network WHERE owner_id = ? AND network IN (SELECT network FROM owner_network WHERE owner_id = ?"
          " ORDER BY last_login DESC, network LIMIT -1 OFFSET ?)")
        .bind(owner, owner, kNetworksMax)
        .run();
  });
}

Task<Result<void>> SqliteStore::set_password(std::string_view email, std::string_view password_hash) {
  co_return co_await writer_.run([&](Connection& db) -> Result<void> {
    db.prepare("UPDATE owner SET password_hash = ?, password_epoch = password_epoch + 1 WHERE email = ?")
        .bind(password_hash, email)
        .run();
    if (db.changes() == 0) return fail(ErrorCode::not_found);
    return {};
  });
}

}  // namespace granary::sqlite
