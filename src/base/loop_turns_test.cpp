#include "base/loop_turns.hpp"

#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <string>

namespace granary {

namespace {

class LoopTurnsTest : public testing::Test {
 protected:
  // Starts work of so many slices; each writes its letter.
  void start(OwnerId owner, char letter, int slices) {
    asio::co_spawn(
        context_,
        [this, owner, letter, slices]() -> Task<> {
          for (int i = 0; i < slices; ++i) {
            co_await turns_.wait(owner);
            written_ += letter;
          }
        },
        [](std::exception_ptr error) { EXPECT_FALSE(error); });
  }
  OwnerId owner_with(std::uint8_t byte) {
    OwnerId owner;
    owner.bytes[0] = byte;
    return owner;
  }

  asio::io_context context_{1};
  LoopTurns turns_{context_.get_executor()};
  OwnerId a_ = owner_with(1), b_ = owner_with(2);
  std::string written_;
};

TEST_F(LoopTurnsTest, OwnersTakeTurnsAndOnesListsOneAfterAnother) {
  start(a_, 'x', 2);
  start(a_, 'y', 2);
  start(a_, 'z', 2);
  start(b_, 'b', 2);
  context_.run();
  EXPECT_EQ(written_, "xbybzxyz");
}

TEST_F(LoopTurnsTest, OneSliceATurnOfTheLoop) {
  for (int i = 0; i < 40; ++i) start(a_, '.', 3);
  context_.poll_one();
  // Whatever else is ready comes after one slice, not after forty.
  std::vector<std::size_t> seen;
  std::function<void()> other = [&] {
    seen.push_back(written_.size());
    if (written_.size() < 120) asio::post(context_, other);
  };
  asio::post(context_, other);
  context_.run();
  EXPECT_EQ(written_.size(), 120U);
  for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_LE(seen[i] - seen[i - 1], 1U);
}

TEST_F(LoopTurnsTest, ASliceIsFullByBytesAndByCalls) {
  const auto turns_of = [&](std::size_t calls, std::size_t bytes) {
    Slices slices(turns_, a_);
    asio::co_spawn(
        context_,
        [&]() -> Task<> {
          for (std::size_t i = 0; i < calls; ++i) co_await slices.done(bytes);
        },
        [](std::exception_ptr error) { EXPECT_FALSE(error); });
    context_.restart();
    return context_.run();
  };
  const std::size_t none = turns_of(0, 0);
  EXPECT_EQ(turns_of(20, 0), none);
  EXPECT_GT(turns_of(100, 0), none);
  EXPECT_EQ(turns_of(30, 100'000) - turns_of(10, 100'000), 20U);
}

TEST_F(LoopTurnsTest, WhatWaitsIsDestroyedWithItAndItsContext) {
  const auto held = std::make_shared<int>();
  {
    asio::io_context context{1};
    LoopTurns turns(context.get_executor());
    for (int i = 0; i < 2; ++i)
      asio::co_spawn(context, [&turns, held, this]() -> Task<> { co_await turns.wait(a_); }, asio::detached);
    context.poll_one();
    context.poll_one();
    EXPECT_EQ(held.use_count(), 3);
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace

}  // namespace granary
