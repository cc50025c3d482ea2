// The threads for reads of many rows: lists, counts, events. They would hold up everybody else's requests on an event loop.
// Owners take turns, and one of them has at most one of the two threads: another's list finds the other one free.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/fair_queue.hpp"
#include "base/task.hpp"
#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

inline constexpr std::size_t kReadThreads = 2;
inline constexpr std::size_t kReadsWaitingMax = 256;  // of one owner; a list takes some milliseconds

class ReadPool {
 public:
  explicit ReadPool(const std::string& path);
  // Ends after what waits has been read.
  ~ReadPool();
  ReadPool(const ReadPool&) = delete;
  ReadPool& operator=(const ReadPool&) = delete;

  // Runs `read(connection)` on one of the threads, in one snapshot that holds every write acknowledged so far, and
  // returns its result on the caller's executor. Throws StoreBusy when too many reads of that owner wait.
  template <class Read>
  auto run(OwnerId owner, Read read) -> Task<std::invoke_result_t<Read, Connection&>> {
    std::optional<std::invoke_result_t<Read, Connection&>> value;
    co_await submit(owner, [&](Connection& connection) { value.emplace(read(connection)); });
    co_return std::move(*value);
  }
  // Makes what waits and what runs fail, and all that comes later: nobody is there any more to be answered.
  void stop();

 private:
  struct Job {
    std::move_only_function<void(Connection&)> work;
    std::move_only_function<void(std::exception_ptr)> done;
  };

  Task<> submit(OwnerId owner, std::move_only_function<void(Connection&)> work);
  void enqueue(OwnerId owner, Job job);
  void loop(Connection& connection);
  // Whose turn it is and has no thread. Waits for one; nullopt at the end. `mutex_` is held.
  std::optional<std::pair<OwnerId, Job>> next(std::unique_lock<std::mutex>& lock);

  std::atomic<bool> is_stopped_ = false;  // read by the connections
  std::array<std::unique_ptr<Connection>, kReadThreads> connections_;
  std::mutex mutex_;
  std::condition_variable changed_;
  FairQueue<OwnerId, Job> waiting_;
  std::vector<OwnerId> being_served_;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace granary::sqlite
