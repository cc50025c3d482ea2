#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

namespace {

[[noreturn]] void fail_with(sqlite3* handle, int code, const char* what) {
  std::string message = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  message.resize(std::min(message.find('\n'), message.size()));  // of a damaged schema it quotes pages
  throw Failure(code, std::string(what) + ": " + message);
}

template <class Statements>
void finalize_all(Statements& statements) {
  for (auto& [sql, statement] : statements) sqlite3_finalize(statement);
  statements.clear();
}

}  // namespace

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  fail_with(sqlite3_db_handle(statement_), sqlite3_extended_errcode(sqlite3_db_handle(statement_)), "the store failed");
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return data ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}

std::string Statement::blob(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return data ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}

std::string_view Statement::sixteen_bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (!data || sqlite3_column_bytes(statement_, column) != 16) throw Failure(SQLITE_CORRUPT, "the store holds a damaged id");
  return {data, 16};
}

void Statement::check_bind(int code) const {
  if (code != SQLITE_OK) fail_with(sqlite3_db_handle(statement_), code, "the store refused a value");
}

Connection::Connection(const std::string& path, OpenMode mode) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
  flags |= mode == OpenMode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      uri += '%';
      uri += kHex[static_cast<unsigned char>(c) >> 4];
      uri += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      uri += c;
    }
  }
  if (mode == OpenMode::immutable) uri += "?immutable=1";
  const int code = sqlite3_open_v2(uri.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) {
    const std::string why = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    sqlite3_close(handle_);
    throw Failure(code, "cannot open " + path + ": " + why);
  }
  sqlite3_busy_timeout(handle_, 5000);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Only the writer checkpoints (SQLite before 3.51.3 can corrupt the file when another connection does).
  if (mode != OpenMode::read_write) sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Connection::count_logged_pages() {
  sqlite3_wal_hook(
      handle_,
      [](void* count, sqlite3*, const char*, int pages) {
        *static_cast<int*>(count) = pages;
        return SQLITE_OK;
      },
      &logged_pages_);
}

void Connection::checkpoint() {
  const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  const bool is_busy = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
  if (code != SQLITE_OK && !is_busy)
    fail_with(handle_, sqlite3_extended_errcode(handle_), "the log cannot be brought into the file");
  logged_pages_ = 0;
}

Connection::~Connection() {
  finalize_all(statements_);
  finalize_all(by_text_);
  sqlite3_close(handle_);
}

sqlite3_stmt* Connection::compile(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) fail_with(handle_, code, "the store cannot run a statement");
  return statement;
}

Statement Connection::prepare(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (!statement) statement = compile(sql);
  return Statement(statement);
}

Statement Connection::prepare_text(const std::string& sql) {
  constexpr std::size_t kKept = 64;  // who lists chooses among very many
  // None of them is in use: a list reads its rows before it prepares another.
  if (by_text_.size() >= kKept && !by_text_.contains(sql)) finalize_all(by_text_);
  sqlite3_stmt*& statement = by_text_[sql];
  if (!statement) statement = compile(sql);
  return Statement(statement);
}

void Connection::stop_when(const std::atomic<bool>& is_stopping) {
  constexpr int kSteps = 1000;  // of SQLite's machine: well below a millisecond
  sqlite3_progress_handler(
      handle_, kSteps, [](void* flag) { return static_cast<const std::atomic<bool>*>(flag)->load() ? 1 : 0; },
      const_cast<std::atomic<bool>*>(&is_stopping));
}

void Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail_with(handle_, code, "the store cannot run a statement");
}

}  // namespace granary::sqlite
