// Slots and rate of a lane: a quarter of the slots is kept for requests and one for the clock, who waits is woken or told,
// exchanges keep their distance.
#include "check/lane_limits.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

using Entry = LaneLimits::Entry;

constexpr seconds kPatience{7};

// Sleeping takes no time: it moves the clock. Or nobody wakes.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Executor executor) : never_(executor) {}
  std::int64_t boot() override { return 1; }
  WallTime now() override { return WallTime(now_.time_since_epoch()); }
  SteadyTime elapsed() override { return now_; }
  Task<> sleep_until(SteadyTime when) override {
    if (stands_still) co_await never_.wait();
    now_ = std::max(now_, when);
    if (when_asleep) when_asleep();
    co_return;
  }
  void advance(microseconds by) { now_ += by; }
  void wake() { never_.fire(); }
  std::function<void()> when_asleep;
  bool stands_still = false;

 private:
  Signal never_;
  SteadyTime now_{seconds(1'000)};
};

class LaneLimitsTest : public testing::Test {
 protected:
  LaneLimits limits(double rate, int concurrency) { return {context_.get_executor(), clock_, rate, concurrency}; }
  // Runs what can run; who waits for a slot goes on waiting.
  void settle() {
    context_.poll();
    context_.restart();
  }
  // Starts to enter; `entry` is set once it is decided.
  void enter(LaneLimits& lane, Trigger trigger, std::optional<Entry>& entry, seconds wait = seconds(10),
             OwnerId owner = owner_number(1)) {
    asio::co_spawn(context_, lane.enter(owner, trigger, clock_.elapsed() + wait),
                   [&entry](std::exception_ptr error, Entry value) {
                     EXPECT_FALSE(error);
                     entry = value;
                   });
    settle();
  }
  std::optional<Entry> enter(LaneLimits& lane, Trigger trigger, OwnerId owner = owner_number(1)) {
    const auto entry = std::make_shared<std::optional<Entry>>();
    entries_.push_back(entry);
    enter(lane, trigger, *entry, seconds(10), owner);
    return *entry;
  }
  static OwnerId owner_number(int number) {
    OwnerId owner;
    owner.bytes[0] = static_cast<std::uint8_t>(number);
    return owner;
  }
  static void leave(LaneLimits& lane, Trigger trigger, OwnerId owner = owner_number(1)) {
    lane.leave(owner, trigger, seconds(1));
  }
  bool take_exchange(LaneLimits& lane, microseconds wait, OwnerId owner = owner_number(1)) {
    bool taken = false;
    asio::co_spawn(context_, lane.take_exchange(owner, clock_.elapsed() + wait), [&](std::exception_ptr error, bool value) {
      EXPECT_FALSE(error);
      taken = value;
    });
    settle();
    return taken;
  }

  asio::io_context context_{1};
  FakeClock clock_{context_.get_executor()};
  std::vector<std::shared_ptr<std::optional<Entry>>> entries_;
};

TEST_F(LaneLimitsTest, AQuarterIsKeptForRequests) {
  struct Row {
    int slots, for_clock;
  };
  for (const Row& row : {Row{1, 1}, Row{2, 1}, Row{3, 2}, Row{4, 3}, Row{5, 3}, Row{8, 6}, Row{32, 24}, Row{100, 75}}) {
    LaneLimits lane = limits(1e6, row.slots);
    int granted = 0;
    while (enter(lane, Trigger::clock) == Entry::granted && granted <= row.slots) ++granted;
    EXPECT_EQ(granted, row.for_clock) << row.slots;
    EXPECT_EQ(lane.room_for_clock(kPatience), 0);
    for (int i = row.for_clock; i < row.slots; ++i) EXPECT_EQ(enter(lane, Trigger::request), Entry::granted) << row.slots;
    EXPECT_EQ(enter(lane, Trigger::request), std::nullopt) << "it waits";
    lane.stop();
    settle();
  }
}

TEST_F(LaneLimitsTest, RequestsMayTakeAllSlotsButOne) {
  LaneLimits lane = limits(1e6, 4);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(enter(lane, Trigger::request), Entry::granted);
  EXPECT_EQ(enter(lane, Trigger::request), std::nullopt) << "it waits";
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(lane.room_for_clock(kPatience), 1);
    EXPECT_EQ(enter(lane, Trigger::clock), Entry::granted) << "past who waits for another slot";
    EXPECT_EQ(lane.room_for_clock(kPatience), 0);
    EXPECT_EQ(enter(lane, Trigger::clock), Entry::too_late) << "the clock does not queue";
    leave(lane, Trigger::clock);
    settle();
    EXPECT_EQ(lane.waiting(), 1U) << "the clock's slot is given to no request";
  }
  leave(lane, Trigger::request);
  settle();
  EXPECT_EQ(lane.waiting(), 0U);
}

TEST_F(LaneLimitsTest, WhereTheRateIsTakenTheClockStartsInItsOwnSlotAlone) {
  LaneLimits lane = limits(1, 8);
  clock_.stands_still = true;
  for (int i = 0; i < 6; ++i)
    asio::co_spawn(context_, lane.take_exchange(owner_number(1), clock_.elapsed() + seconds(10)),
                   [](std::exception_ptr, bool) {});
  settle();
  EXPECT_EQ(lane.room_for_clock(seconds(7)), 1) << "its turn comes in six seconds";
  EXPECT_EQ(lane.room_for_clock(seconds(5)), 0);
  EXPECT_EQ(enter(lane, Trigger::clock), Entry::granted);
  EXPECT_EQ(lane.room_for_clock(seconds(7)), 0) << "one, not more";
}

TEST_F(LaneLimitsTest, WhoWaitsIsWokenInOrder) {
  LaneLimits lane = limits(1e6, 1);
  ASSERT_EQ(enter(lane, Trigger::request), Entry::granted);
  std::optional<Entry> first, second;
  enter(lane, Trigger::request, first);
  enter(lane, Trigger::request, second);
  EXPECT_EQ(lane.waiting(), 2U);
  leave(lane, Trigger::request);
  settle();
  EXPECT_EQ(first, Entry::granted);
  EXPECT_EQ(second, std::nullopt);
  EXPECT_EQ(enter(lane, Trigger::clock), Entry::too_late) << "people come first";
  leave(lane, Trigger::request);
  settle();
  EXPECT_EQ(second, Entry::granted);
  leave(lane, Trigger::request);
  EXPECT_EQ(enter(lane, Trigger::clock), Entry::granted);
}

TEST_F(LaneLimitsTest, OwnersTakeTurnsAndNoneHasMoreThanHalfWhileAnotherWaits) {
  LaneLimits lane = limits(1e6, 8);
  const OwnerId many = owner_number(1), few = owner_number(2), third = owner_number(3);
  for (int i = 0; i < 7; ++i)
    EXPECT_EQ(enter(lane, Trigger::request, many), Entry::granted) << "alone, it has all but the clock's";
  std::vector<std::optional<Entry>> waiting(20), others(3);
  for (auto& entry : waiting) enter(lane, Trigger::request, entry, seconds(10), many);
  enter(lane, Trigger::request, others[0], seconds(10), few);
  enter(lane, Trigger::request, others[1], seconds(10), few);
  enter(lane, Trigger::request, others[2], seconds(10), third);
  const auto granted = [](const auto& entries) { return std::ranges::count(entries, std::optional(Entry::granted)); };
  const auto give_one_back = [&] {
    leave(lane, Trigger::request, many);
    settle();
  };
  give_one_back();
  EXPECT_EQ(others[0], Entry::granted) << "who came last is the next";
  give_one_back();
  EXPECT_EQ(others[2], Entry::granted) << "and then the third owner";
  EXPECT_EQ(others[1], std::nullopt);
  give_one_back();
  EXPECT_EQ(others[1], Entry::granted) << "four of eight are as many as one may have meanwhile";
  EXPECT_EQ(granted(waiting), 0);
  give_one_back();
  EXPECT_EQ(granted(waiting), 1) << "nobody else waits";
}

TEST_F(LaneLimitsTest, OfAnOddNumberOfSlotsNoneStaysIdle) {
  LaneLimits lane = limits(1e6, 3);
  ASSERT_EQ(enter(lane, Trigger::clock, owner_number(1)), Entry::granted);
  ASSERT_EQ(enter(lane, Trigger::request, owner_number(2)), Entry::granted);
  ASSERT_EQ(enter(lane, Trigger::request, owner_number(3)), Entry::granted);
  std::optional<Entry> first, second;
  enter(lane, Trigger::request, first, seconds(10), owner_number(1));
  enter(lane, Trigger::request, second, seconds(10), owner_number(2));
  leave(lane, Trigger::request, owner_number(3));
  settle();
  EXPECT_EQ(first, Entry::granted);
  EXPECT_EQ(lane.waiting(), 1U);
}

TEST_F(LaneLimitsTest, OwnersTakeTurnsAtTheRate) {
  LaneLimits lane = limits(1, 8);
  std::string order;
  const auto take = [&](int owner, seconds wait) {
    asio::co_spawn(context_, lane.take_exchange(owner_number(owner), clock_.elapsed() + wait),
                   [&order, owner](std::exception_ptr, bool taken) { order += taken ? std::to_string(owner) : "-"; });
  };
  clock_.stands_still = true;
  for (int i = 0; i < 5; ++i) take(1, seconds(10));
  take(2, seconds(3));
  take(2, seconds(3));
  settle();
  EXPECT_EQ(order, "1-") << "the first at once; the last would come after its deadline";
  clock_.stands_still = false;
  clock_.wake();
  context_.run();
  EXPECT_EQ(order, "1-12111");
}

TEST_F(LaneLimitsTest, WhatChecksTakeLatelySaysHowLateOneMayBegin) {
  LaneLimits lane = limits(1e6, 8);
  EXPECT_EQ(lane.recent_duration(), seconds(0));
  const auto check = [&](seconds took) {
    ASSERT_EQ(enter(lane, Trigger::request), Entry::granted);
    lane.leave(owner_number(1), Trigger::request, took);
  };
  check(seconds(4));
  EXPECT_EQ(lane.recent_duration(), seconds(4));
  check(seconds(8));
  EXPECT_EQ(lane.recent_duration(), seconds(5));
}

TEST_F(LaneLimitsTest, WhoHasItsShareOfTheSlots) {
  LaneLimits lane = limits(1e6, 8);
  EXPECT_TRUE(lane.owners_with_their_share().empty());
  for (int i = 0; i < 3; ++i) enter(lane, Trigger::request, owner_number(1));
  EXPECT_TRUE(lane.owners_with_their_share().empty()) << "beside one more it could have four";
  enter(lane, Trigger::request, owner_number(2));
  EXPECT_EQ(lane.owners_with_their_share(), std::vector{owner_number(1)}) << "beside two more, two";
}

TEST_F(LaneLimitsTest, WhoWaitsTooLongIsToldSo) {
  LaneLimits lane = limits(1e6, 1);
  ASSERT_EQ(enter(lane, Trigger::request), Entry::granted);
  std::optional<Entry> early, late;
  enter(lane, Trigger::request, early, seconds(5));
  enter(lane, Trigger::request, late, seconds(50));
  clock_.advance(seconds(4));
  lane.expire(clock_.elapsed());
  settle();
  EXPECT_EQ(early, std::nullopt);
  clock_.advance(seconds(1));
  lane.expire(clock_.elapsed());
  settle();
  EXPECT_EQ(early, Entry::too_late);
  EXPECT_EQ(late, std::nullopt);
  EXPECT_EQ(lane.waiting(), 1U);
  // The slot goes to who still waits, not to who has left.
  leave(lane, Trigger::request);
  settle();
  EXPECT_EQ(late, Entry::granted);
}

TEST_F(LaneLimitsTest, ASlotGivenBackIsOneSlot) {
  LaneLimits lane = limits(1e6, 2);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(enter(lane, Trigger::clock), Entry::granted);
    EXPECT_EQ(enter(lane, Trigger::clock), Entry::too_late);
    EXPECT_EQ(enter(lane, Trigger::request), Entry::granted);
    leave(lane, Trigger::clock);
    leave(lane, Trigger::request);
  }
}

TEST_F(LaneLimitsTest, StoppingGrantsNothing) {
  LaneLimits lane = limits(1e6, 1);
  ASSERT_EQ(enter(lane, Trigger::request), Entry::granted);
  std::optional<Entry> waiting;
  enter(lane, Trigger::request, waiting);
  lane.stop();
  settle();
  EXPECT_EQ(waiting, Entry::stopping);
  leave(lane, Trigger::request);
  EXPECT_EQ(enter(lane, Trigger::request), Entry::stopping);
  EXPECT_EQ(enter(lane, Trigger::clock), Entry::stopping);
  EXPECT_EQ(lane.room_for_clock(kPatience), 0);
}

TEST_F(LaneLimitsTest, ExchangesKeepTheirDistance) {
  LaneLimits lane = limits(10, 4);
  const SteadyTime begin = clock_.elapsed();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(take_exchange(lane, seconds(10)));
    EXPECT_EQ(clock_.elapsed() - begin, milliseconds(100) * i) << i;
  }
  // What was not used is not saved up.
  clock_.advance(seconds(60));
  const SteadyTime later = clock_.elapsed();
  EXPECT_TRUE(take_exchange(lane, seconds(10)));
  EXPECT_EQ(clock_.elapsed(), later);
  EXPECT_TRUE(take_exchange(lane, seconds(10)));
  EXPECT_EQ(clock_.elapsed() - later, milliseconds(100));
}

// A minute of the rate is taken: who waits for its turn in it learns of the stop at once, not then.
TEST_F(LaneLimitsTest, WhoWaitsForTheRateNoticesTheStop) {
  LaneLimits lane = limits(1.0 / 60, 4);
  EXPECT_TRUE(take_exchange(lane, seconds(1)));
  const SteadyTime begin = clock_.elapsed();
  clock_.when_asleep = [&] { lane.stop(); };
  EXPECT_FALSE(take_exchange(lane, seconds(100)));
  EXPECT_LE(clock_.elapsed() - begin, seconds(1));
}

TEST_F(LaneLimitsTest, AnExchangeAfterTheDeadlineIsNotTaken) {
  LaneLimits lane = limits(1, 4);
  const SteadyTime begin = clock_.elapsed();
  EXPECT_TRUE(take_exchange(lane, seconds(0)));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(take_exchange(lane, milliseconds(999)));
  EXPECT_EQ(clock_.elapsed(), begin) << "and nobody waited for it";
  EXPECT_TRUE(take_exchange(lane, milliseconds(1'000)));
  EXPECT_EQ(clock_.elapsed() - begin, seconds(1));
}

TEST_F(LaneLimitsTest, TheClockStartsNoMoreThanTheRateAllows) {
  LaneLimits slow = limits(2, 32);
  EXPECT_EQ(slow.room_for_clock(kPatience), 2);
  EXPECT_TRUE(take_exchange(slow, seconds(10)));
  EXPECT_EQ(slow.room_for_clock(kPatience), 1);
  LaneLimits slowest = limits(0.1, 32);
  EXPECT_EQ(slowest.room_for_clock(kPatience), 1);
  EXPECT_TRUE(take_exchange(slowest, seconds(10)));
  EXPECT_EQ(slowest.room_for_clock(kPatience), 0);
  clock_.advance(seconds(10));
  EXPECT_EQ(slowest.room_for_clock(kPatience), 1);
  LaneLimits fast = limits(1'000, 32);
  EXPECT_EQ(fast.room_for_clock(kPatience), 24);
}

}  // namespace

}  // namespace granary
