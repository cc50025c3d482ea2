// The file is read through beside those who use it: sound ones pass, damage is named, and nobody waits for it at the end.
#include "store/sqlite/integrity_check.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "base/temporary_folder_fixture.hpp"
#include "store/sqlite/connection.hpp"

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
  using End = IntegrityCheck::End;
  // How it ends when nobody stops it.
  End end() {
    std::promise<End> told;
    const IntegrityCheck check(file_, [&](End how, const std::string&) { told.set_value(how); });
    return told.get_future().get();
  }
  // The first occurrence of `before` in the file.
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

TEST_F(IntegrityCheckTest, ASoundFile) { EXPECT_EQ(end(), End::sound); }

TEST_F(IntegrityCheckTest, FindsWhatWouldHideARow) {
  replace("grower 1234", "grower 1235");  // in the row or in the index, not in both
  EXPECT_EQ(end(), End::damaged);
}

TEST_F(IntegrityCheckTest, FindsAFileThatLostItsEnd) {
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  EXPECT_EQ(end(), End::damaged);
}

TEST_F(IntegrityCheckTest, AFileThatCannotBeOpenedIsNotCalledDamaged) {
  std::filesystem::remove(file_);
  EXPECT_EQ(end(), End::unknown);
}

TEST_F(IntegrityCheckTest, EndsWhenAskedHoweverMuchIsLeft) {
  Connection(file_, OpenMode::read_write)
      .execute(
          "WITH RECURSIVE c(n) AS (SELECT 10000 UNION ALL SELECT n + 1 FROM c WHERE n < 400000)"
          "INSERT INTO t SELECT n, 'grower ' || n FROM c");
  for (int i = 0; i < 5; ++i) {
    End how = End::sound;
    {
      const IntegrityCheck check(file_, [&](End end, const std::string&) { how = end; });
    }
    EXPECT_EQ(how, End::unknown);
  }
}

}  // namespace

}  // namespace granary::sqlite
