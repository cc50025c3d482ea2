// One SQLite connection with its prepared statements. Used by one thread at a time. Every failure that is not a bug is
// thrown as StoreUnavailable.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/plaintext.hpp"

namespace granary::sqlite {

// Thrown only by this folder; says whether the file itself may be damaged or unwritable.
class Failure : public StoreUnavailable {
 public:
  Failure(int code, const std::string& what) : StoreUnavailable(what), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

// A statement in use: bind, step, read. Resets itself at the end, so it must not outlive its statement's next use.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  ~Statement() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Binds from the first parameter on. Text and blobs must live until the statement ends.
  template <class... Values>
  Statement& bind(const Values&... values) {
    (bind_next(values), ...);
    return *this;
  }
  // True while there is a row.
  bool step();
  void run() { step(); }

  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::string text(int column) const;
  std::string blob(int column) const;
  std::optional<std::string> optional_text(int column) const {
    return is_null(column) ? std::nullopt : std::optional(text(column));
  }
  WallTime time(int column) const { return from_micros(integer(column)); }
  std::optional<WallTime> optional_time(int column) const { return is_null(column) ? std::nullopt : std::optional(time(column)); }
  // The column holds 16 bytes; anything else is a damaged row.
  template <class IdType>
  IdType id(int column) const {
    return IdType::from_raw(sixteen_bytes(column));
  }

 private:
  void bind_next(std::int64_t value) { check_bind(sqlite3_bind_int64(statement_, ++index_, value)); }
  void bind_next(std::int32_t value) { bind_next(std::int64_t{value}); }
  void bind_next(bool value) { bind_next(std::int64_t{value}); }
  void bind_next(std::string_view text) {
    check_bind(
        sqlite3_bind_text64(statement_, ++index_, text.data() ? text.data() : "", text.size(), SQLITE_STATIC, SQLITE_UTF8));
  }
  void bind_next(const std::string& text) { bind_next(std::string_view(text)); }
  void bind_next(const char* text) { bind_next(std::string_view(text)); }
  void bind_next(const Sealed& sealed) { bind_blob(sealed.bytes); }
  void bind_next(WallTime time) { bind_next(to_micros(time)); }
  template <class Tag>
  void bind_next(const Id<Tag>& id) {
    bind_blob(id.raw());
  }
  template <class T>
  void bind_next(const std::optional<T>& value) {
    if (value) bind_next(*value);
    else check_bind(sqlite3_bind_null(statement_, ++index_));
  }
  void bind_blob(std::string_view bytes) {
    check_bind(sqlite3_bind_blob64(statement_, ++index_, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC));
  }
  void check_bind(int code) const;
  std::string_view sixteen_bytes(int column) const;

  sqlite3_stmt* statement_;
  int index_ = 0;
};

// Binds bytes as a blob where the type alone does not say so.
inline Sealed as_blob(std::string_view bytes) { return {std::string(bytes)}; }

enum class OpenMode { read_only, read_write, immutable };

class Connection {
 public:
  Connection(const std::string& path, OpenMode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // `sql` must be a constant: statements are kept by its address.
  Statement prepare(const char* sql);
  // For SQL put together of constants; kept by its text.
  Statement prepare_text(const std::string& sql);
  // Several statements without results.
  void execute(const std::string& sql);
  // From now on a statement fails (SQLITE_INTERRUPT) soon after `is_stopping`, which outlives the connection, is true.
  void stop_when(const std::atomic<bool>& is_stopping);
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(handle_); }
  std::int64_t changes() const { return sqlite3_changes64(handle_); }
  // From now on nothing checkpoints by itself, and the pages in the log are counted with each commit of this connection.
  void count_logged_pages();
  int logged_pages() const { return logged_pages_; }
  // Brings the log into the file, as far as no reader needs the older pages, and syncs that. A Failure of the disk.
  void checkpoint();

 private:
  sqlite3_stmt* compile(std::string_view sql);

  sqlite3* handle_ = nullptr;
  int logged_pages_ = 0;
  std::unordered_map<const void*, sqlite3_stmt*> statements_;
  std::unordered_map<std::string, sqlite3_stmt*> by_text_;
};

}  // namespace granary::sqlite
