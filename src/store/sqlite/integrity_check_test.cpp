// The file is read through beside those who use it: sound ones pass, damage is named, and nobody waits for it at the end.
#include "store/sqlite/integrity_check.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "base/temporary_folder_fixture.hpp"

namespace granary::sqlite {

namespace {

class IntegrityCheckTest : public testing::Test {
 protected:
  // Two thousand rows and an index on them.
  IntegrityCheckTest() {
    Connection db(file_, OpenMode::read_write);
    db.execute(
        "CREATE TABLE t (n INTEGER PRIMARY KEY, name TEXT); CREATE INDEX by_name ON t (name);"
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)"
        "INSERT INTO t SELECT n, 'grower ' || n FROM c");
  }
  // What it finds; empty when it ends without a word.
  std::string found() {
    std::string what;
    {
      std::promise<void> told;
      const IntegrityCheck check(file_, [&](const std::string& damage) {
        what = damage;
        told.set_value();
      });
      told.get_future().wait_for(std::chrono::seconds(5));
    }
    return what;
  }
  // Every occurrence of `before` in the file.
  void replace(std::string_view before, std::string_view after) {
    std::string bytes;
    {
      std::ifstream in(file_, std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(in), {});
    }
    const auto at = bytes.find(before);
    ASSERT_NE(at, std::string::npos);
    bytes.replace(at, before.size(), after);
    std::ofstream(file_, std::ios::binary) << bytes;
  }

  TemporaryFolder folder_;
  const std::string file_ = folder_ / "a.db";
};

TEST_F(IntegrityCheckTest, NamesWhatWouldHideARow) {
  replace("grower 1234", "grower 1235");  // in the row or in the index, not in both
  EXPECT_NE(found(), "");
}

TEST_F(IntegrityCheckTest, NamesAFileThatCannotBeRead) {
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  EXPECT_NE(found(), "");
}

TEST_F(IntegrityCheckTest, SaysNothingOfASoundFileAndEndsWhenAsked) {
  std::atomic<bool> was_told = false;
  for (int i = 0; i < 20; ++i) const IntegrityCheck check(file_, [&](const std::string&) { was_told = true; });
  EXPECT_FALSE(was_told);
}

}  // namespace

}  // namespace granary::sqlite
