#include "store/sqlite/integrity_check.hpp"

namespace granary::sqlite {

namespace {

// What is wrong; empty when nothing is, or when the check was interrupted.
std::string find_damage(Connection& db) {
  try {
    auto result = db.prepare("PRAGMA integrity_check(1)");
    const std::string first = result.step() ? result.text(0) : "";
    return first == "ok" ? "" : first;
  } catch (const Failure& failure) {
    return (failure.code() & 0xff) == SQLITE_INTERRUPT ? "" : failure.what();
  }
}

}  // namespace

IntegrityCheck::IntegrityCheck(const std::string& path, std::function<void(const std::string&)> on_damage)
    : connection_(path, OpenMode::read_only), thread_([this, told = std::move(on_damage)] {
        if (const std::string what = find_damage(connection_); !what.empty()) told(what);
      }) {}

IntegrityCheck::~IntegrityCheck() {
  connection_.interrupt();
  thread_.join();
}

}  // namespace granary::sqlite
