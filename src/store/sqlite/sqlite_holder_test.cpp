// Makes a SQLite store in a temporary folder for the contract suite, and removes it.
#include <filesystem>

#include "store/sqlite/open.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/store_fixture.hpp"

namespace granary {

namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "granary-store-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file() const { return (path_ / "granary.db").string(); }

 private:
  std::filesystem::path path_;
};

class SqliteHolder final : public StoreHolder {
 public:
  Store& store() override { return store_; }

 private:
  static std::string prepared(const std::string& file) {
    sqlite::prepare(file, [] { return sqlite::RingRow{.version = 1, .wrapped = {"ring key"}}; }, WallTime());
    return file;
  }

  TemporaryFolder folder_;
  std::string file_ = prepared(folder_.file());
  sqlite::Writer writer_{file_, {}};
  sqlite::SqliteStore store_{file_, writer_};
};

}  // namespace

std::unique_ptr<StoreHolder> make_sqlite_store() { return std::make_unique<SqliteHolder>(); }

}  // namespace granary
