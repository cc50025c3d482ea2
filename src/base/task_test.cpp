// Signals, task groups and work on another thread's context: who is resumed, when, and that no exception gets lost.
#include "base/task.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace granary {

namespace {

class TaskTest : public testing::Test {
 protected:
  Executor executor() { return context_.get_executor(); }
  // A task, or a function that makes one; the function then lives as long as its task.
  template <class Work>
  void spawn(Work work) {
    asio::co_spawn(context_, std::move(work), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  }
  void run() {
    context_.restart();
    context_.run();
  }
  // Says `name` once the signal has fired.
  Task<> say_after(Signal& signal, std::string name) {
    co_await signal.wait();
    said_ += name;
  }

  asio::io_context context_;
  std::string said_;
};

TEST_F(TaskTest, SignalResumesEveryWaiterOnceAndInOrder) {
  Signal signal(executor());
  for (const char* name : {"a", "b", "c"}) spawn(say_after(signal, name));
  context_.poll();
  EXPECT_EQ(said_, "") << "nobody goes on before it fires";
  EXPECT_FALSE(signal.fired());
  signal.fire();
  EXPECT_TRUE(signal.fired());
  EXPECT_EQ(said_, "") << "firing runs nothing inside the caller";
  run();
  EXPECT_EQ(said_, "abc");
  signal.fire();
  run();
  EXPECT_EQ(said_, "abc") << "a second firing resumes nobody again";
}

TEST_F(TaskTest, SignalStaysFired) {
  Signal signal(executor());
  signal.fire();
  spawn(say_after(signal, "late"));
  run();
  EXPECT_EQ(said_, "late");
}

TEST_F(TaskTest, SignalMayBeWaitedForWhileItFires) {
  Signal signal(executor());
  spawn([&]() -> Task<> {
    co_await signal.wait();
    co_await signal.wait();
    said_ += "twice";
  });
  context_.poll();
  signal.fire();
  run();
  EXPECT_EQ(said_, "twice");
}

TEST_F(TaskTest, GroupIsIdleOnlyWhenAllHaveEnded) {
  Signal first(executor()), second(executor());
  TaskGroup group(executor(), [](std::exception_ptr) { ADD_FAILURE() << "no task threw"; });
  group.start(say_after(first, "1"));
  group.start(say_after(second, "2"));
  spawn([&]() -> Task<> {
    co_await group.wait_idle();
    said_ += "idle";
  });
  context_.poll();
  EXPECT_EQ(group.running(), 2U);
  second.fire();
  context_.poll();
  EXPECT_EQ(group.running(), 1U);
  EXPECT_EQ(said_, "2") << "one still runs";
  first.fire();
  run();
  EXPECT_EQ(group.running(), 0U);
  EXPECT_EQ(said_, "21idle");
}

TEST_F(TaskTest, IdleGroupIsNotWaitedFor) {
  TaskGroup group(executor(), nullptr);
  for (int i = 0; i < 2; ++i) {
    spawn([&]() -> Task<> {
      co_await group.wait_idle();
      said_ += "idle";
    });
    run();
  }
  EXPECT_EQ(said_, "idleidle");
}

TEST_F(TaskTest, GroupHandsOverEveryException) {
  TaskGroup group(executor(), [&](std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& thrown) {
      said_ += thrown.what();
    }
  });
  Signal signal(executor());
  for (const char* name : {"x", "y"}) {
    group.start([](Signal& when, std::string text) -> Task<> {
      co_await when.wait();
      throw std::runtime_error(text);
    }(signal, name));
  }
  group.start(say_after(signal, "z"));
  spawn([&]() -> Task<> {
    co_await group.wait_idle();
    said_ += "idle";
  });
  context_.poll();
  signal.fire();
  run();
  ASSERT_EQ(said_.size(), 7U) << said_;
  std::ranges::sort(said_.begin(), said_.begin() + 3);
  EXPECT_EQ(said_, "xyzidle");
  EXPECT_EQ(group.running(), 0U) << "a task that threw has ended too";
}

// Work for another thread's context; ends with the test.
class OtherThread {
 public:
  ~OtherThread() {
    guard_.reset();
    thread_.join();
  }
  Executor executor() { return context_.get_executor(); }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  asio::io_context context_;
  asio::executor_work_guard<Executor> guard_{context_.get_executor()};
  std::thread thread_{[this] { context_.run(); }};
};

TEST_F(TaskTest, RunOnRunsThereAndComesBack) {
  OtherThread other;
  std::optional<std::thread::id> ran_on, came_back_on;
  spawn([&]() -> Task<> {
    const auto text = co_await run_on(other.executor(), [&]() -> Task<std::string> {
      ran_on = std::this_thread::get_id();
      co_return "result";
    });
    came_back_on = std::this_thread::get_id();
    said_ = text;
  });
  run();
  EXPECT_EQ(said_, "result");
  EXPECT_EQ(ran_on, other.id());
  EXPECT_EQ(came_back_on, std::this_thread::get_id());
}

TEST_F(TaskTest, RunOnBringsTheExceptionBack) {
  OtherThread other;
  spawn([&]() -> Task<> {
    try {
      co_await run_on(other.executor(), []() -> Task<int> {
        throw std::runtime_error("there");
        co_return 0;
      });
    } catch (const std::runtime_error& thrown) {
      said_ = thrown.what();
    }
  });
  run();
  EXPECT_EQ(said_, "there");
}

}  // namespace

}  // namespace granary
