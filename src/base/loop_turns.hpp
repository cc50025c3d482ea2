// Long work on an event loop, cut into slices: between two of them the thread's other connections are served. Used where
// a list is opened and written, row by row.
#pragma once

#include "base/fair_queue.hpp"
#include "base/ids.hpp"
#include "base/task.hpp"

namespace granary {

// In one turn of the loop one slice runs, whoever's it is, and owners take turns: forty lists of one owner delay another's
// request by one slice. One for each thread, used on that thread only; what waits is destroyed with it.
class LoopTurns {
 public:
  explicit LoopTurns(Executor executor) : executor_(executor) {}
  LoopTurns(const LoopTurns&) = delete;
  LoopTurns& operator=(const LoopTurns&) = delete;

  Task<> wait(OwnerId owner) {
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
        [&](auto handler) {
          const bool is_first = waiting_.empty();
          waiting_.push(owner, std::move(handler));
          if (is_first) post_next();
        },
        use_task);
  }

 private:
  void post_next() {
    asio::post(executor_, [this] {
      auto slice = std::move(waiting_.pop()->second);
      if (!waiting_.empty()) post_next();
      slice();
    });
  }

  Executor executor_;
  FairQueue<OwnerId, std::move_only_function<void()>> waiting_;
};

// Whose work it is, and how much of the present slice is done.
class Slices {
 public:
  Slices(LoopTurns& turns, OwnerId owner) : turns_(turns), owner_(owner) {}

  // After `bytes` were opened, read or written. Waits for a turn when the slice is full.
  Task<> done(std::size_t bytes) {
    constexpr std::size_t kSliceBytes = 32 * 1024;  // a fraction of a millisecond
    constexpr std::size_t kBytesOfACall = 768;      // what a call costs, however little it works on
    done_ += bytes + kBytesOfACall;
    if (done_ < kSliceBytes) co_return;
    done_ = 0;
    co_await turns_.wait(owner_);
  }

 private:
  LoopTurns& turns_;
  OwnerId owner_;
  std::size_t done_ = 0;
};

}  // namespace granary
