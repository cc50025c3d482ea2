// Reads that share a snapshot: never older than the last acknowledged write, never kept longer than a turn.
#include "store/sqlite/reader.hpp"

#include <gtest/gtest.h>

#include "base/temporary_folder_fixture.hpp"

namespace granary::sqlite {

namespace {

class ReaderTest : public testing::Test {
 protected:
  ReaderTest() {
    open_for_writing(file_)->execute("CREATE TABLE t (n INTEGER PRIMARY KEY)");
    writer_ = std::make_unique<Writer>(file_, Writer::Told{});
    reader_ = std::make_unique<Reader>(file_, *writer_);
  }
  ~ReaderTest() override {
    reader_.reset();
    writer_.reset();
  }

  // Acknowledged when this returns, while the reader's own turn goes on.
  void write_one() {
    asio::io_context other{1};
    asio::co_spawn(
        other, [this]() -> Task<> { co_await writer_->run([](Connection& db) { db.execute("INSERT INTO t VALUES (NULL)"); }); },
        asio::detached);
    other.run();
  }
  // Written by another process, as it were: the writer does not know of it.
  void write_unseen() { Connection(file_, OpenMode::read_write).execute("INSERT INTO t VALUES (NULL)"); }
  std::int64_t count() {
    auto row = reader_->fresh().prepare("SELECT count(*) FROM t");
    row.step();
    return row.integer(0);
  }
  std::int64_t count_shared() {
    reader_->share_snapshot(turn_.get_executor());
    return count();
  }

  TemporaryFolder folder_;
  std::string file_ = folder_ / "a.db";
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
  asio::io_context turn_{1};
};

TEST_F(ReaderTest, ASharedSnapshotSeesEveryAcknowledgedWrite) {
  for (int written = 0; written < 5; ++written) {
    EXPECT_EQ(count_shared(), written);
    EXPECT_EQ(count(), written);
    write_one();
    EXPECT_EQ(written % 2 ? count() : count_shared(), written + 1) << "in the same turn";
  }
}

TEST_F(ReaderTest, ReadsOfATurnShareASnapshotAndTheNextTurnHasItsOwn) {
  EXPECT_EQ(count_shared(), 0);
  write_unseen();
  EXPECT_EQ(count_shared(), 0) << "one snapshot";
  turn_.run();
  EXPECT_EQ(count_shared(), 1);
  turn_.restart();
  turn_.run();
  write_unseen();
  EXPECT_EQ(count(), 2) << "without sharing, each read has its own";
}

TEST_F(ReaderTest, NoSnapshotIsLeftBehindToHoldUpACheckpoint) {
  count_shared();
  turn_.run();
  write_one();
  Connection db(file_, OpenMode::read_write);
  auto row = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_TRUE(row.step());
  EXPECT_EQ(row.integer(0), 0) << "busy";
}

// SQLite before 3.51.3 can corrupt the file when two connections checkpoint or commit at once (sqlite.org, "WAL-reset
// bug"): nobody but the writer may.
TEST_F(ReaderTest, NeitherCommitsNorCheckpointsNotEvenAsTheLastToClose) {
  write_one();
  const auto size = std::filesystem::file_size(file_ + "-wal");
  ASSERT_GT(size, 0U);
  EXPECT_THROW(reader_->fresh().execute("INSERT INTO t VALUES (NULL)"), Failure);
  EXPECT_THROW(reader_->fresh().execute("PRAGMA query_only=OFF; INSERT INTO t VALUES (NULL)"), Failure);
  try {
    reader_->fresh().execute("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (const Failure&) {
  }
  EXPECT_EQ(std::filesystem::file_size(file_ + "-wal"), size);
  writer_.reset();
  reader_.reset();
  EXPECT_EQ(std::filesystem::file_size(file_ + "-wal"), size);
}

}  // namespace

}  // namespace granary::sqlite
