// The password pool: answers come back to the asker's own thread, and what does not fit the queue is turned away at once.
#include "crypto/password_pool.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <latch>
#include <thread>

namespace granary::crypto {

namespace {

// No hash at all: it is answered at once, so that a full queue takes no time.
constexpr const char* kNoHash = "$argon2id$";

using Party = PasswordPool::Party;

TEST(PasswordPool, HashesAndVerifiesOffTheLoop) {
  asio::io_context context;
  PasswordPool pool;
  SystemRandom random;
  const auto here = std::this_thread::get_id();
  bool is_done = false;
  const auto work = [&]() -> Task<> {
    const auto hash = co_await pool.hash("party", Plaintext(std::string("correct horse battery")), random);
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_TRUE(hash && hash->starts_with("$argon2id$"));
    EXPECT_EQ(co_await pool.verify(Party::stranger, "party", *hash, Plaintext(std::string("correct horse battery"))), true);
    EXPECT_EQ(co_await pool.verify(Party::stranger, "party", *hash, Plaintext(std::string("wrong horse battery"))), false);
    EXPECT_EQ(std::this_thread::get_id(), here);
    is_done = true;
  };
  asio::co_spawn(context, work, [](std::exception_ptr error) { EXPECT_FALSE(error); });
  context.run();
  EXPECT_TRUE(is_done);
}

// Keeps who asks for a salt until the latch is released.
class SlowRandom final : public Random {
 public:
  void fill(void* bytes, std::size_t size) override {
    started.count_down();
    release.wait();
    std::memset(bytes, 1, size);
  }
  std::latch started{kPasswordThreads}, release{1};
};

// Both threads are busy until answer().
class BusyPool : public testing::Test {
 protected:
  BusyPool() {
    for (int i = 0; i < kPasswordThreads; ++i)
      asio::co_spawn(
          context_, [this]() -> Task<> { co_await pool_.hash("busy", Plaintext(std::string("password")), random_); },
          asio::detached);
    context_.poll();
    random_.started.wait();
  }
  void ask(const std::string& party, Party kind = Party::stranger) {
    asio::co_spawn(
        context_,
        [this, party, kind]() -> Task<> {
          const auto answer = co_await pool_.verify(kind, party, kNoHash, Plaintext(std::string("password")));
          (answer ? answered_ : turned_away_)[party] += 1;
          order_ += party;
        },
        asio::detached);
    context_.poll();
  }
  void answer() {
    random_.release.count_down();
    context_.run();
  }

  asio::io_context context_;
  SlowRandom random_;
  PasswordPool pool_;
  std::map<std::string, int> answered_, turned_away_;
  std::string order_;
};

TEST_F(BusyPool, PartiesTakeTurns) {
  for (int i = 0; i < 20; ++i) ask("a");
  ask("b");
  ask("c");
  answer();
  EXPECT_EQ(answered_["a"], 20);
  EXPECT_LT(order_.find('b'), 15U) << order_;
  EXPECT_LT(order_.find('c'), 15U) << order_;
}

TEST_F(BusyPool, StrangersAndThoseWhoAreKnownTakeTurns) {
  for (int i = 0; i < 100; ++i) ask(std::string(1, static_cast<char>('A' + i % 26)));
  ask("k", Party::known);
  ask("l", Party::known);
  answer();
  EXPECT_LT(order_.find('k'), 50U) << order_;  // a thread may stand still between its turn and its answer
  EXPECT_LT(order_.find('l'), 50U) << order_;
  EXPECT_TRUE(turned_away_.empty());
}

TEST_F(BusyPool, WhatWaitsAtAStopIsTurnedAway) {
  for (int i = 0; i < 10; ++i) ask("a");
  ask("k", Party::known);
  pool_.stop();
  ask("b");
  answer();
  EXPECT_TRUE(answered_.empty());
  EXPECT_EQ(turned_away_, (std::map<std::string, int>{{"a", 10}, {"b", 1}, {"k", 1}}));
}

TEST_F(BusyPool, OnePartyHasAPartOfTheQueue) {
  for (std::size_t i = 0; i < kPasswordQueueOfOneMax + 5; ++i) ask("a");
  ask("b");
  answer();
  EXPECT_EQ(answered_["a"], static_cast<int>(kPasswordQueueOfOneMax));
  EXPECT_EQ(turned_away_["a"], 5);
  EXPECT_EQ(answered_["b"], 1);
}

TEST_F(BusyPool, WhoHasMostGivesWayWhereAllAreTooMany) {
  const std::size_t parties = kPasswordQueueMax / kPasswordQueueOfOneMax;
  for (std::size_t party = 0; party < parties; ++party)
    for (std::size_t i = 0; i < kPasswordQueueOfOneMax; ++i) ask(std::string(1, static_cast<char>('a' + party)));
  ask("z");
  answer();
  EXPECT_EQ(answered_["z"], 1);
  EXPECT_EQ(turned_away_, (std::map<std::string, int>{{"a", 1}}));
}

}  // namespace

}  // namespace granary::crypto
