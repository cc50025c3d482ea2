#include "store/sqlite/open.hpp"

#include <unistd.h>

#include <filesystem>

#include "base/embedded.hpp"
#include "base/error.hpp"
#include "store/sqlite/writer.hpp"

namespace granary::sqlite {

namespace {

// "Gran", in the file's header: says whose file it is.
constexpr std::int64_t kApplicationId = 0x4772616e;

std::int64_t pragma(Connection& db, const char* sql) {
  auto row = db.prepare(sql);
  return row.step() ? row.integer(0) : 0;
}

std::int64_t newest_schema() { return static_cast<std::int64_t>(embedded::kSchema.size()); }

void refuse_unknown(Connection& db, const std::string& path) {
  const std::int64_t version = pragma(db, "PRAGMA user_version");
  if (version > newest_schema())
    throw StartRefused(path + " was written by a newer version of Granary (schema " + std::to_string(version) +
                       ", this one knows " + std::to_string(newest_schema()) +
                       "): start that version, or restore an older backup");
  if (version > 0 && pragma(db, "PRAGMA application_id") != kApplicationId)
    throw StartRefused(path + " is not a store of Granary");
}

std::vector<RingRow> read_ring(Connection& db) {
  std::vector<RingRow> ring;
  auto rows = db.prepare("SELECT version, wrapped FROM ring_key ORDER BY version");
  while (rows.step()) ring.push_back({.version = rows.integer(0), .wrapped = {rows.blob(1)}});
  return ring;
}

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

void migrate(Connection& db, const std::function<RingRow()>& first_ring_key, WallTime now) {
  const std::int64_t version = pragma(db, "PRAGMA user_version");
  if (version == newest_schema()) return;
  db.execute("BEGIN IMMEDIATE");
  for (std::int64_t next = version; next < newest_schema(); ++next)
    db.execute(embedded::kSchema[static_cast<std::size_t>(next)].text);
  if (version == 0) {
    const RingRow ring = first_ring_key();
    db.prepare("INSERT INTO ring_key (version, wrapped, created) VALUES (?, ?, ?)").bind(ring.version, ring.wrapped, now).run();
  }
  db.execute("PRAGMA application_id=" + std::to_string(kApplicationId) +
             "; PRAGMA user_version=" + std::to_string(newest_schema()));
  db.execute("COMMIT");
}

}  // namespace

std::vector<RingRow> inspect(const std::string& path) {
  std::error_code error;
  if (!exists(path) || std::filesystem::file_size(path, error) == 0) return {};
  try {
    // Without a log beside it the file is whole, and can be read without touching anything.
    const bool is_whole = !exists(path + "-wal") || std::filesystem::file_size(path + "-wal", error) == 0;
    Connection db(path, is_whole ? OpenMode::immutable : OpenMode::read_only);
    refuse_unknown(db, path);
    if (pragma(db, "PRAGMA user_version") == 0) return {};
    return read_ring(db);
  } catch (const Failure& failure) {
    throw StartRefused(std::string(failure.what()) + "; " + path +
                       " must be a store of Granary that this user can read and write");
  }
}

void prepare(const std::string& path, const std::function<RingRow()>& first_ring_key, WallTime now) {
  const bool is_new = !exists(path);
  try {
    const auto db = open_for_writing(path);
    migrate(*db, first_ring_key, now);
    // Of a process that died after a failed sync, the log may hold what the kernel shows and the disk has not: it goes into
    // the file, and is synced there, before anything is built on it.
    auto checkpoint = db->prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!checkpoint.step() || checkpoint.integer(0) != 0)
      throw StartRefused("another program reads " + path + ": end it, and start again");
  } catch (const Failure& failure) {
    if (is_new)
      for (const char* end : {"", "-wal", "-shm"}) unlink((path + end).c_str());
    throw StartRefused(std::string(failure.what()) +
                       "; the data folder must be writable for this user and its disk must have room");
  }
}

}  // namespace granary::sqlite
