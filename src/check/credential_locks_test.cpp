// One at a time for each credential: who waits, until when, and what they hear.
#include "check/credential_locks.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace granary {

namespace {

SteadyTime at(std::int64_t second) { return SteadyTime(seconds(second)); }
CredentialId id(std::uint8_t number) { return {{number}}; }

// What one that waits has heard by now.
struct Heard {
  bool is_over = false, is_too_late = false, has_failed = false;
  std::optional<CheckEnd> end;
};

class CredentialLocksTest : public testing::Test {
 protected:
  std::shared_ptr<Heard> wait(CredentialId credential, SteadyTime deadline) {
    auto heard = std::make_shared<Heard>();
    asio::co_spawn(
        context_, locks_.wait(credential, deadline), [heard](std::exception_ptr error, CredentialLocks::Waited waited) {
          *heard = {.is_over = true, .is_too_late = waited.is_too_late, .has_failed = error != nullptr, .end = waited.end};
        });
    poll();
    return heard;
  }
  std::shared_ptr<std::optional<bool>> wait_free(CredentialId credential, SteadyTime deadline) {
    auto is_free = std::make_shared<std::optional<bool>>();
    asio::co_spawn(context_, locks_.wait_free(credential, deadline),
                   [is_free](std::exception_ptr error, bool result) { *is_free = !error && result; });
    poll();
    return is_free;
  }
  void poll() {
    context_.restart();
    context_.poll();
  }

  asio::io_context context_{1};
  CredentialLocks locks_{context_.get_executor()};
};

TEST_F(CredentialLocksTest, NobodyWaitsForWhatIsFree) {
  EXPECT_FALSE(locks_.is_taken(id(1)));
  EXPECT_EQ(locks_.count(), 0);
  const auto heard = wait(id(1), at(0));
  EXPECT_TRUE(heard->is_over);
  EXPECT_FALSE(heard->is_too_late || heard->has_failed || heard->end);
  EXPECT_EQ(*wait_free(id(1), at(0)), true);
}

TEST_F(CredentialLocksTest, AllThatWaitHearTheSameEnd) {
  std::vector<std::shared_ptr<Heard>> waiting;
  {
    CredentialLocks::Hold hold(locks_, id(1));
    EXPECT_TRUE(locks_.is_taken(id(1)));
    EXPECT_FALSE(locks_.is_taken(id(2)));
    EXPECT_EQ(locks_.count(), 1);
    for (int i = 0; i < 5; ++i) waiting.push_back(wait(id(1), at(10)));
    EXPECT_TRUE(wait(id(2), at(10))->is_over) << "another credential's lock";
    hold.tell(CheckEnd::failed);
    hold.tell(CheckEnd::recorded);
    poll();
    for (const auto& heard : waiting) EXPECT_FALSE(heard->is_over) << "until the lock is given back";
  }
  EXPECT_FALSE(locks_.is_taken(id(1)));
  poll();
  for (const auto& heard : waiting) {
    EXPECT_TRUE(heard->is_over);
    EXPECT_EQ(heard->end, CheckEnd::recorded) << "the last that was told";
    EXPECT_FALSE(heard->is_too_late || heard->has_failed);
  }
}

TEST_F(CredentialLocksTest, WhatSaysNothingIsNoEnd) {
  std::shared_ptr<Heard> heard;
  {
    CredentialLocks::Hold hold(locks_, id(1));
    hold.tell(CheckEnd::recorded);
    hold.tell(std::nullopt);
    heard = wait(id(1), at(10));
  }
  poll();
  EXPECT_TRUE(heard->is_over);
  EXPECT_EQ(heard->end, std::nullopt) << "a PUT's";
}

TEST_F(CredentialLocksTest, WhoseDeadlineHasPassedWaitsNoLonger) {
  std::shared_ptr<Heard> soon, late;
  {
    CredentialLocks::Hold hold(locks_, id(1));
    soon = wait(id(1), at(10));
    late = wait(id(1), at(11));
    locks_.expire(at(9));
    poll();
    EXPECT_FALSE(soon->is_over);
    locks_.expire(at(10));
    poll();
    EXPECT_TRUE(soon->is_over && soon->is_too_late);
    EXPECT_FALSE(late->is_over);
  }
  poll();
  EXPECT_TRUE(late->is_over);
  EXPECT_FALSE(late->is_too_late);
}

TEST_F(CredentialLocksTest, NobodyWaitsBehindAnAnswerThatWaitsForTheStore) {
  std::optional<CredentialLocks::Hold> hold;
  hold.emplace(locks_, id(1));
  const auto before = wait(id(1), at(10));
  locks_.mark_held(id(1), true);
  poll();
  EXPECT_TRUE(before->has_failed) << "who waited is told of the store";
  EXPECT_TRUE(wait(id(1), at(10))->has_failed) << "and so is who comes now";
  EXPECT_TRUE(locks_.is_taken(id(1)));
  locks_.mark_held(id(1), false);
  const auto after = wait(id(1), at(10));
  EXPECT_FALSE(after->is_over) << "the store has it: the check goes on";
  hold.reset();
  poll();
  EXPECT_TRUE(after->is_over);
  EXPECT_FALSE(after->has_failed);
  locks_.mark_held(id(1), true);  // of what nobody has any more
  EXPECT_FALSE(locks_.is_taken(id(1)));
}

TEST_F(CredentialLocksTest, FreeIsWaitedForThroughSeveralHolders) {
  std::optional<CredentialLocks::Hold> hold;
  hold.emplace(locks_, id(1));
  const auto is_free = wait_free(id(1), at(10)), is_late = wait_free(id(1), at(5));
  hold.reset();
  hold.emplace(locks_, id(1));  // the next one is faster
  poll();
  EXPECT_FALSE(is_free->has_value());
  locks_.expire(at(5));
  poll();
  EXPECT_EQ(*is_late, false);
  EXPECT_FALSE(is_free->has_value());
  hold.reset();
  poll();
  EXPECT_EQ(*is_free, true);
}

}  // namespace

}  // namespace granary
