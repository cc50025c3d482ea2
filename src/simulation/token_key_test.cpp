// The key of the login tokens, where several processes start on one new store at the same time.
#include <gtest/gtest.h>

#include "base/seeded_random.hpp"
#include "check/store_key.hpp"
#include "sealing/sealer.hpp"
#include "simulation/memory_store.hpp"

namespace granary::simulation {

namespace {

// Lets the other processes go on before each read and each write, so that each has read before any has written.
class TakingTurns final : public StoreWeather {
 public:
  explicit TakingTurns(Executor executor) : executor_(executor) {}
  Task<> before_read() override { co_await asio::post(executor_, use_task); }
  Task<> before_write() override { co_await asio::post(executor_, use_task); }
  Task<> after_write() override { co_return; }

 private:
  Executor executor_;
};

TEST(TokenKey, ProcessesThatStartAtTheSameTimeGetTheSame) {
  asio::io_context context{1};
  TakingTurns turns(context.get_executor());
  SeededRandom random;
  const Plaintext root_key(std::string(32, 'r'));
  const auto sealer = Sealer::open(root_key, {Sealer::first_ring_key(root_key, random)});
  ASSERT_TRUE(sealer);
  Database database;
  MemoryStore stores[] = {{database, &turns, 1}, {database, &turns, 2}, {database, &turns, 3}};
  std::vector<std::string> keys;
  const auto start = [&](MemoryStore& store) -> Task<> {
    keys.emplace_back((co_await load_store_key(store, *sealer, random, "token key")).reveal());
  };
  const auto no_error = [](std::exception_ptr error) { EXPECT_FALSE(error); };
  for (MemoryStore& store : stores) asio::co_spawn(context, start(store), no_error);
  context.run();
  context.restart();
  asio::co_spawn(context, start(stores[0]), no_error);  // and so does the next start
  context.run();
  ASSERT_EQ(keys.size(), 4);
  EXPECT_EQ(keys[0].size(), 32);
  EXPECT_EQ(keys, std::vector(4, keys[0]));
}

}  // namespace

}  // namespace granary::simulation
