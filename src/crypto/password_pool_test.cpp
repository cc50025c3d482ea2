// The password pool: answers come back to the asker's own thread, and what does not fit the queue is turned away at once.
#include "crypto/password_pool.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace granary::crypto {

namespace {

// No hash at all: it is answered at once, so that a full queue takes no time.
constexpr const char* kNoHash = "$argon2id$";

TEST(PasswordPool, HashesAndVerifiesOffTheLoop) {
  asio::io_context context;
  PasswordPool pool;
  SystemRandom random;
  const auto here = std::this_thread::get_id();
  bool is_done = false;
  const auto work = [&]() -> Task<> {
    const auto hash = co_await pool.hash(Plaintext(std::string("correct horse battery")), random);
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_TRUE(hash && hash->starts_with("$argon2id$"));
    EXPECT_EQ(co_await pool.verify(*hash, Plaintext(std::string("correct horse battery"))), true);
    EXPECT_EQ(co_await pool.verify(*hash, Plaintext(std::string("wrong horse battery"))), false);
    EXPECT_EQ(std::this_thread::get_id(), here);
    is_done = true;
  };
  asio::co_spawn(context, work, [](std::exception_ptr error) { EXPECT_FALSE(error); });
  context.run();
  EXPECT_TRUE(is_done);
}

TEST(PasswordPool, TurnsAwayWhatDoesNotFitAndTakesMoreLater) {
  asio::io_context context;
  PasswordPool pool;
  int answered = 0, turned_away = 0;
  const auto ask = [&]() -> Task<> {
    const auto answer = co_await pool.verify(kNoHash, Plaintext(std::string("password")));
    (answer ? answered : turned_away) += 1;
  };
  // No answer comes back before the loop has started every one of them.
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < kPasswordQueueMax + 5; ++i) asio::co_spawn(context, ask, asio::detached);
    context.run();
    context.restart();
    EXPECT_EQ(turned_away, 5 * round);
    EXPECT_EQ(answered, kPasswordQueueMax * round);
  }
}

}  // namespace

}  // namespace granary::crypto
