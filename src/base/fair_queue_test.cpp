#include "base/fair_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace granary {

namespace {

using Queue = FairQueue<std::string, int>;

Queue filled(const std::vector<std::pair<std::string, int>>& values) {
  Queue queue;
  for (const auto& [key, value] : values) queue.push(key, value);
  return queue;
}

std::vector<int> drain(Queue& queue) {
  std::vector<int> order;
  while (const auto next = queue.pop()) order.push_back(next->second);
  return order;
}

struct OrderCase {
  const char* name;
  std::vector<std::pair<std::string, int>> pushed;
  std::vector<int> popped;
};

class FairQueueOrder : public testing::TestWithParam<OrderCase> {};

TEST_P(FairQueueOrder, KeysTakeTurns) {
  Queue queue = filled(GetParam().pushed);
  EXPECT_EQ(queue.size(), GetParam().pushed.size());
  EXPECT_EQ(drain(queue), GetParam().popped);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.pop());
}

INSTANTIATE_TEST_SUITE_P(
    Orders, FairQueueOrder,
    testing::Values(OrderCase{"nothing", {}, {}},
                    OrderCase{"one_key_is_a_plain_queue", {{"a", 1}, {"a", 2}, {"a", 3}}, {1, 2, 3}},
                    OrderCase{"a_late_key_is_next_but_one", {{"a", 1}, {"a", 2}, {"a", 3}, {"b", 4}}, {1, 4, 2, 3}},
                    OrderCase{"three_keys", {{"a", 1}, {"a", 2}, {"b", 3}, {"c", 4}, {"b", 5}}, {1, 3, 4, 2, 5}}),
    [](const auto& info) { return info.param.name; });

TEST(FairQueue, WhoComesBackGoesBehindTheOthers) {
  Queue queue = filled({{"a", 1}, {"b", 2}, {"b", 3}});
  EXPECT_EQ(queue.pop()->second, 1);
  queue.push("a", 4);
  EXPECT_EQ(drain(queue), (std::vector{2, 4, 3}));
}

TEST(FairQueue, AKeyThatIsPassedOverKeepsItsTurn) {
  Queue queue = filled({{"a", 1}, {"b", 2}, {"b", 3}});
  const auto not_a = [](const std::string& key) { return key != "a"; };
  EXPECT_EQ(queue.pop_if(not_a)->second, 2);
  EXPECT_EQ(queue.pop()->second, 1);
  EXPECT_EQ(queue.count("b"), 1);
  EXPECT_FALSE(queue.pop_if([](const std::string&) { return false; }));
  EXPECT_EQ(queue.size(), 1);
}

TEST(FairQueue, WhoHasMostGivesUpTheNewest) {
  Queue queue = filled({{"a", 1}, {"b", 2}, {"b", 3}, {"c", 4}});
  EXPECT_EQ(queue.longest(), 2);
  EXPECT_EQ(queue.pop_newest_of_longest(), (std::pair<std::string, int>("b", 3)));
  EXPECT_EQ(queue.pop_newest_of_longest()->second, 1);
  EXPECT_EQ(drain(queue), (std::vector{2, 4}));
  EXPECT_EQ(queue.longest(), 0);
  EXPECT_FALSE(queue.pop_newest_of_longest());
}

TEST(FairQueue, WhatStandsBeforeANewValue) {
  Queue queue = filled({{"a", 1}, {"a", 2}, {"a", 3}, {"b", 4}});
  EXPECT_EQ(queue.keys(), 2);
  EXPECT_EQ(queue.ahead_of("c"), 2) << "one of each";
  EXPECT_EQ(queue.ahead_of("b"), 3);
  EXPECT_EQ(queue.ahead_of("a"), 4);
  EXPECT_EQ(Queue().ahead_of("a"), 0);
}

TEST(FairQueue, ErasedValuesLeaveNoEmptyTurn) {
  Queue queue = filled({{"a", 1}, {"a", 2}, {"b", 3}, {"c", 4}});
  queue.erase_if([](int value) { return value % 2 == 1; });
  EXPECT_EQ(queue.size(), 2);
  EXPECT_EQ(queue.count("b"), 0);
  EXPECT_EQ(drain(queue), (std::vector{2, 4}));
}

}  // namespace

}  // namespace granary
