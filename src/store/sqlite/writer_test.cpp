// The writer: a write that fails leaves its neighbours in the group intact, what is acknowledged is in the file, and a
// file that cannot be used harms nobody for longer than it lasts.
#include "store/sqlite/writer.hpp"

#include <gtest/gtest.h>

#include "base/temporary_folder_fixture.hpp"

namespace granary::sqlite {

namespace {

class WriterTest : public testing::Test {
 protected:
  WriterTest() { open_for_writing(file_)->execute("CREATE TABLE t (n INTEGER PRIMARY KEY)"); }

  // What the file says, by a connection of its own.
  std::vector<std::int64_t> rows() {
    Connection db(file_, OpenMode::read_only);
    std::vector<std::int64_t> out;
    auto found = db.prepare("SELECT n FROM t ORDER BY n");
    while (found.step()) out.push_back(found.integer(0));
    return out;
  }
  static void insert(Connection& db, std::int64_t number) { db.prepare("INSERT INTO t VALUES (?)").bind(number).run(); }

  // Starts a write; counts how it ended.
  template <class Write>
  void start(Writer& writer, Write write) {
    asio::co_spawn(
        context_, [&writer, write]() -> Task<> { co_await writer.run(write); },
        [this](std::exception_ptr error) { ++(error ? failed_ : done_); });
  }

  TemporaryFolder folder_;
  std::string file_ = folder_ / "a.db";
  asio::io_context context_{1};
  int done_ = 0, failed_ = 0;
};

using Numbers = std::vector<std::int64_t>;

TEST_F(WriterTest, AFailingWriteLeavesItsNeighboursIntact) {
  int commits = 0;
  {
    Writer writer(file_, {.committed = [&](double) { ++commits; }});
    for (std::int64_t number = 0; number < 30; ++number)
      start(writer, [number](Connection& db) {
        insert(db, number);
        if (number % 3 == 0) throw std::runtime_error("changed its mind");
        if (number % 3 == 1) insert(db, number);  // a constraint fails
      });
    context_.run();
  }
  EXPECT_EQ(done_, 10);
  EXPECT_EQ(failed_, 20);
  Numbers expected;
  for (std::int64_t number = 2; number < 30; number += 3) expected.push_back(number);
  EXPECT_EQ(rows(), expected) << "nothing of what failed, all of what did not";
  EXPECT_LT(commits, 30) << "what waits is written in one commit";
}

TEST_F(WriterTest, TellsWhetherTheDiskTookTheLastGroup) {
  Writer writer(file_, {});
  const auto write = [&](const std::function<void(Connection&)>& run) {
    start(writer, run);
    context_.restart();
    context_.run();
  };
  const struct {
    int code;
    bool is_failing;
  } rows[] = {{SQLITE_FULL, true},        {SQLITE_IOERR_WRITE, true},        {SQLITE_READONLY, true},   {SQLITE_CANTOPEN, true},
              {SQLITE_CONSTRAINT, false}, {SQLITE_CONSTRAINT_UNIQUE, false}, {SQLITE_IOERR_FSYNC, true}};
  std::int64_t number = 0;
  for (const auto& row : rows) {
    write([&](Connection&) { throw Failure(row.code, "as if"); });
    EXPECT_EQ(writer.is_failing(), row.is_failing) << row.code;
    write([&](Connection& db) { insert(db, ++number); });
    EXPECT_FALSE(writer.is_failing());
  }
  write([](Connection&) { throw std::logic_error("not the disk's"); });
  EXPECT_FALSE(writer.is_failing());
  EXPECT_TRUE(writer.has_room());
  EXPECT_TRUE(writer.may_try_again());
  EXPECT_FALSE(writer.may_try_again()) << "once a second";
}

TEST_F(WriterTest, AFailureIsItsOwnersAlone) {
  Writer writer(file_, {});
  std::string what;
  asio::co_spawn(
      context_, [&]() -> Task<> { co_await writer.run([](Connection&) { throw std::logic_error("mine"); }); },
      [&](std::exception_ptr error) {
        try {
          if (error) std::rethrow_exception(error);
        } catch (const std::logic_error& failure) {
          what = failure.what();
        }
      });
  start(writer, [](Connection& db) { insert(db, 1); });
  context_.run();
  EXPECT_EQ(what, "mine");
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(rows(), Numbers{1});
}

TEST_F(WriterTest, ResultsComeBackOnceTheyAreDurable) {
  Writer writer(file_, {});
  std::int64_t result = 0;
  Numbers seen;
  asio::co_spawn(
      context_,
      [&]() -> Task<> {
        result = co_await writer.run([](Connection& db) {
          insert(db, 7);
          return db.changes();
        });
        seen = rows();
      },
      [](std::exception_ptr error) { EXPECT_FALSE(error); });
  context_.run();
  EXPECT_EQ(result, 1);
  EXPECT_EQ(seen, Numbers{7});
}

TEST_F(WriterTest, AWriteThatEndsTheTransactionTakesTheGroupWithItAndNothingAfter) {
  {
    Writer writer(file_, {});
    start(writer, [](Connection& db) {
      insert(db, 1);
      db.prepare("ROLLBACK").run();
      throw std::runtime_error("as a full disk does");
    });
    context_.run();
    context_.restart();
    EXPECT_EQ(failed_, 1);
    start(writer, [](Connection& db) { insert(db, 2); });
    context_.run();
  }
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(rows(), Numbers{2});
}

TEST_F(WriterTest, WhatWaitsIsWrittenBeforeTheEnd) {
  {
    Writer writer(file_, {});
    for (std::int64_t number = 0; number < 1'000; ++number) start(writer, [number](Connection& db) { insert(db, number); });
    context_.poll();
  }
  context_.run();
  EXPECT_EQ(done_, 1'000);
  EXPECT_EQ(rows().size(), 1'000U);
}

}  // namespace

}  // namespace granary::sqlite
