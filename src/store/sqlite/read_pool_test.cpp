// The threads for long reads: owners take turns, one has at most one thread, too many are refused, and a stop leaves nobody
// waiting.
#include "store/sqlite/read_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <latch>

#include "base/temporary_folder_fixture.hpp"
#include "store/sqlite/writer.hpp"

namespace granary::sqlite {

namespace {

class ReadPoolTest : public testing::Test {
 protected:
  static std::string prepared(const std::string& file) {
    open_for_writing(file)->execute("CREATE TABLE t (n INTEGER PRIMARY KEY)");
    return file;
  }
  static OwnerId owner(int number) {
    OwnerId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
  }
  // Starts a read; counts how it ended.
  template <class Read>
  void start(int whose, Read read) {
    asio::co_spawn(
        context_,
        [this, whose, read]() -> Task<> {
          co_await pool_.run(owner(whose), [&](Connection& db) {
            read(db);
            return true;
          });
        },
        [this](std::exception_ptr error) {
          try {
            if (error) std::rethrow_exception(error);
            ++done_;
          } catch (const StoreBusy&) {
            ++busy_;
          } catch (const StoreUnavailable&) {
            ++failed_;
          }
        });
  }
  void start_and_submit(int whose, std::move_only_function<void(Connection&)> read) {
    start(whose, [shared = std::make_shared<decltype(read)>(std::move(read))](Connection& db) { (*shared)(db); });
    context_.poll();
  }
  static std::int64_t count(Connection& db) {
    auto row = db.prepare("SELECT count(*) FROM t");
    row.step();
    return row.integer(0);
  }

  TemporaryFolder folder_;
  std::string file_ = prepared(folder_ / "a.db");
  asio::io_context context_{1};
  ReadPool pool_{file_};
  int done_ = 0, busy_ = 0, failed_ = 0;
};

TEST_F(ReadPoolTest, AReadSeesWhatWasAcknowledgedBeforeAndOneSnapshot) {
  std::int64_t before = -1, within = -1, after = -1;
  Writer writer(file_, {});
  asio::co_spawn(
      context_,
      [&]() -> Task<> {
        const auto insert = [](Connection& db) { db.execute("INSERT INTO t VALUES (NULL)"); };
        co_await writer.run(insert);
        std::latch read_once{1}, written{1};
        asio::io_context other{1};
        asio::co_spawn(
            other, [&]() -> Task<> { co_await writer.run(insert); }, [](std::exception_ptr error) { EXPECT_FALSE(error); });
        std::thread meanwhile([&] {
          read_once.wait();
          other.run();
          written.count_down();
        });
        before = co_await pool_.run(owner(1), [&](Connection& db) {
          const auto first = count(db);
          read_once.count_down();
          written.wait();
          within = count(db);
          return first;
        });
        meanwhile.join();
        after = co_await pool_.run(owner(1), count);
      },
      [](std::exception_ptr error) { EXPECT_FALSE(error); });
  context_.run();
  EXPECT_EQ(before, 1);
  EXPECT_EQ(within, 1) << "one snapshot";
  EXPECT_EQ(after, 2);
}

TEST_F(ReadPoolTest, OneOwnerNeverHasBothThreads) {
  std::atomic<int> running = 0, most = 0;
  for (int i = 0; i < 50; ++i)
    start(1, [&](Connection&) {
      most = std::max(most.load(), ++running);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      --running;
    });
  context_.run();
  EXPECT_EQ(done_, 50);
  EXPECT_EQ(most, 1);
}

TEST_F(ReadPoolTest, AnothersReadFindsTheOtherThreadFree) {
  std::latch other_is_done{1};
  for (int i = 0; i < 50; ++i)
    start_and_submit(1, [&, i](Connection&) {
      if (i == 0) other_is_done.wait();
    });
  start_and_submit(2, [&](Connection&) { other_is_done.count_down(); });
  context_.run();
  EXPECT_EQ(done_, 51);
}

TEST_F(ReadPoolTest, ManyOwnersTakeTurns) {
  std::vector<int> order;
  std::latch both_run{2}, all_wait{1}, all_read{8};
  // One thread is held until everything waits, the other one to the end: the first alone says the order.
  for (std::latch* held_by : {&all_wait, &all_read})
    start_and_submit(held_by == &all_wait ? 8 : 9, [&both_run, held_by](Connection&) {
      both_run.count_down();
      held_by->wait();
    });
  both_run.wait();
  for (const int whose : {1, 1, 1, 1, 1, 1, 2, 3})
    start_and_submit(whose, [&, whose](Connection&) {
      order.push_back(whose);
      all_read.count_down();
    });
  all_wait.count_down();
  context_.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 1, 1, 1, 1, 1}));
}

TEST_F(ReadPoolTest, TooManyOfOneOwnerAreRefusedAndNobodyElses) {
  std::latch runs{1}, go{1};
  start_and_submit(1, [&](Connection&) {
    runs.count_down();
    go.wait();
  });
  runs.wait();
  for (std::size_t i = 0; i < kReadsWaitingMax + 5; ++i) start_and_submit(1, [](Connection&) {});
  start_and_submit(2, [](Connection&) {});
  EXPECT_EQ(busy_, 5);
  go.count_down();
  context_.run();
  EXPECT_EQ(static_cast<std::size_t>(done_), 1 + kReadsWaitingMax + 1);
  EXPECT_EQ(busy_, 5);
}

TEST_F(ReadPoolTest, AFailureIsItsReadersAlone) {
  start(1, [](Connection& db) { db.execute("SELECT nonsense"); });
  start(1, [](Connection& db) { EXPECT_EQ(count(db), 0); });
  start(1, [](Connection& db) { db.execute("INSERT INTO t VALUES (1)"); });
  start(1, [](Connection& db) { EXPECT_EQ(count(db), 0); });
  context_.run();
  EXPECT_EQ(failed_, 2);
  EXPECT_EQ(done_, 2);
}

TEST_F(ReadPoolTest, AStopEndsWhatRunsAndWhatWaits) {
  std::latch runs{1};
  start_and_submit(1, [&](Connection& db) {
    runs.count_down();
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n");
  });
  for (int i = 0; i < 10; ++i) start_and_submit(1, [](Connection&) {});
  runs.wait();
  pool_.stop();
  context_.run();
  EXPECT_EQ(failed_, 11);
  EXPECT_EQ(done_, 0);
}

}  // namespace

}  // namespace granary::sqlite
