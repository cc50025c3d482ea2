// The coroutine type of the whole program, with the executor's concrete type (an any_executor costs 1.7 times as much
// a request), and the few ways to start one.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace granary {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
template <class T = void>
using Task = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_task{};

// Runs `make_task()` on `executor` (another thread's, or our own) and waits for its result here.
template <class MakeTask>
auto run_on(Executor executor, MakeTask make_task) -> std::invoke_result_t<MakeTask> {
  co_return co_await asio::co_spawn(executor, std::move(make_task), use_task);
}

// Waits for something that another coroutine on the same executor says. Once fired, it stays fired.
// Not for use from two threads.
class Signal {
 public:
  explicit Signal(Executor executor) : executor_(executor) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  bool fired() const { return fired_; }
  void fire() {
    fired_ = true;
    auto waiting = std::exchange(waiting_, {});
    for (auto& resume : waiting) asio::post(executor_, [resume = std::move(resume)]() mutable { resume(); });
  }
  Task<> wait() {
    if (fired_) co_return;
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
        [this](auto handler) { waiting_.emplace_back(std::move(handler)); }, use_task);
  }

 private:
  Executor executor_;
  bool fired_ = false;
  std::vector<std::move_only_function<void()>> waiting_;
};

// Runs tasks side by side on one executor and knows when all have ended. An exception that leaves a task is handed to
// `on_error`: nothing is dropped silently.
class TaskGroup {
 public:
  TaskGroup(Executor executor, std::function<void(std::exception_ptr)> on_error)
      : executor_(executor), on_error_(std::move(on_error)) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void start(Task<> task) {
    ++running_;
    asio::co_spawn(executor_, std::move(task), [this](std::exception_ptr error) {
      if (error) on_error_(error);
      if (--running_ == 0 && idle_) std::exchange(idle_, nullptr)->fire();
    });
  }
  std::size_t running() const { return running_; }
  // Waits until nothing runs. One waiter at a time.
  Task<> wait_idle() {
    if (running_ == 0) co_return;
    auto idle = std::make_shared<Signal>(executor_);
    idle_ = idle;
    co_await idle->wait();
  }

 private:
  Executor executor_;
  std::function<void(std::exception_ptr)> on_error_;
  std::size_t running_ = 0;
  std::shared_ptr<Signal> idle_;
};

}  // namespace granary
