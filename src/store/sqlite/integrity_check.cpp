#include "store/sqlite/integrity_check.hpp"

#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

namespace {

bool is_damage(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || code == SQLITE_IOERR_SHORT_READ;
}

void run(const std::string& path, const std::atomic<bool>& is_stopping, const IntegrityCheck::Told& told) {
  using End = IntegrityCheck::End;
  try {
    Connection db(path, OpenMode::read_only);
    db.stop_when(is_stopping);
    auto result = db.prepare("PRAGMA integrity_check(1)");
    const std::string first = result.step() ? result.text(0) : "";
    told(first == "ok" ? End::sound : End::damaged, first);
  } catch (const Failure& failure) {
    told(is_damage(failure.code()) ? End::damaged : End::unknown, failure.what());
  } catch (const std::bad_alloc&) {
    told(End::unknown, "out of memory");
  }
}

}  // namespace

IntegrityCheck::IntegrityCheck(std::string path, Told told)
    : thread_([this, path = std::move(path), told = std::move(told)] { run(path, is_stopping_, told); }) {}

IntegrityCheck::~IntegrityCheck() {
  is_stopping_ = true;
  thread_.join();
}

}  // namespace granary::sqlite
