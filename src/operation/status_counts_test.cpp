// Counts for /metrics: one count serves all scrapes of 10 seconds, also those that come while it is under way, and a count
// that failed serves none.
#include "operation/status_counts.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

class FakeClock final : public Clock {
 public:
  WallTime now() override { return WallTime(); }
  SteadyTime elapsed() override { return elapsed_; }
  std::int64_t boot() override { return 1; }
  Task<> sleep_until(SteadyTime) override { co_return; }
  void advance(microseconds by) { elapsed_ += by; }

 private:
  SteadyTime elapsed_{};
};

class StatusCountsTest : public testing::Test {
 protected:
  // What a scrape is told: the number of the count that it is served from, or -1 when the count failed.
  void scrape() {
    asio::co_spawn(context_, counts_.find(), [this](std::exception_ptr error, const std::vector<StatusCount>& counts) {
      served_.push_back(error ? -1 : counts.at(0).count);
    });
    settle();
  }
  void settle() {
    context_.poll();
    context_.restart();
  }
  // The store: the n-th count gives n, once it may go on.
  Task<std::vector<StatusCount>> count() {
    const std::int64_t number = ++counted_;
    if (slow_) co_await slow_->wait();
    if (fails_) throw StoreUnavailable("the disk is gone");
    co_return std::vector<StatusCount>{{.lane = {}, .status = Status::ok, .count = number}};
  }
  using Served = std::vector<std::int64_t>;

  asio::io_context context_{1};
  FakeClock clock_;
  int counted_ = 0;
  bool fails_ = false;
  std::shared_ptr<Signal> slow_;
  StatusCounts counts_{clock_, [this] { return count(); }};
  Served served_;
};

TEST_F(StatusCountsTest, OneCountServesTheScrapesOfTenSeconds) {
  for (int i = 0; i < 10; ++i) {
    scrape();
    clock_.advance(seconds(1) - microseconds(i == 9 ? 1 : 0));
  }
  scrape();
  EXPECT_EQ(counted_, 1);
  clock_.advance(microseconds(1));
  scrape();
  EXPECT_EQ(counted_, 2);
  EXPECT_EQ(served_, (Served{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}));
}

TEST_F(StatusCountsTest, ScrapesThatComeDuringACountWaitForIt) {
  slow_ = std::make_shared<Signal>(context_.get_executor());
  for (int i = 0; i < 3; ++i) scrape();
  EXPECT_EQ(served_, Served{});
  EXPECT_EQ(counted_, 1);
  slow_->fire();
  settle();
  EXPECT_EQ(served_, (Served{1, 1, 1}));
  EXPECT_EQ(counted_, 1);
}

TEST_F(StatusCountsTest, ACountThatFailedIsTriedAgainByTheNext) {
  slow_ = std::make_shared<Signal>(context_.get_executor());
  fails_ = true;
  scrape();
  scrape();
  slow_->fire();
  settle();
  EXPECT_EQ(served_, (Served{-1, -1}));
  EXPECT_EQ(counted_, 2) << "who waited for it tried by itself";
  fails_ = false;
  scrape();
  EXPECT_EQ(served_, (Served{-1, -1, 3}));
}

TEST_F(StatusCountsTest, WhereCountingTakesLongerThanACountIsGoodForScrapesAreServedAllTheSame) {
  slow_ = std::make_shared<Signal>(context_.get_executor());
  scrape();
  clock_.advance(seconds(11));
  slow_->fire();
  settle();
  EXPECT_EQ(served_, Served{1});
  scrape();
  EXPECT_EQ(served_, (Served{1, 2}));
}

}  // namespace

}  // namespace granary
