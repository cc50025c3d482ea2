// Makes a SQLite store in a temporary folder for the contract suite, and removes it.
#include "base/temporary_folder_fixture.hpp"
#include "store/sqlite/open.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/store_fixture.hpp"

namespace granary {

namespace {

class SqliteHolder final : public StoreHolder {
 public:
  Store& store() override { return store_; }

 private:
  static std::string prepared(const std::string& file) {
    sqlite::prepare(file, [] { return sqlite::RingRow{.version = 1, .wrapped = {"ring key"}}; }, WallTime());
    return file;
  }

  TemporaryFolder folder_;
  std::string file_ = prepared(folder_ / "granary.db");
  sqlite::Writer writer_{file_, {}};
  sqlite::ReadPool pool_{file_};
  sqlite::SqliteStore store_{file_, writer_, pool_};
};

}  // namespace

std::unique_ptr<StoreHolder> make_sqlite_store() { return std::make_unique<SqliteHolder>(); }

}  // namespace granary
