// The one thread that writes: what waits is grouped into one commit, each write under its own savepoint. It alone
// commits and checkpoints.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/task.hpp"
#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

inline constexpr std::size_t kWriteQueueMax = 20'000;
inline constexpr std::size_t kWritesPerCommitMax = 256;
inline constexpr std::uint64_t kRoomBytesMin = 1024 * 1024;  // a few groups' worth
inline constexpr int kLoggedPagesMax = 1000;                 // then the log is brought into the file

class Writer {
 public:
  // What it tells its owner, on its own thread. Each may be empty.
  struct Told {
    std::function<void(double seconds)> committed{};  // how long each group took
    std::function<void(const std::string& why)> checkpoint_failed{};
  };
  Writer(std::string path, Told told);
  // Ends after what waits has been written.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Runs `write(connection)` on the writer's thread and returns its result once it is durable.
  template <class Write>
  auto run(Write write) -> Task<std::invoke_result_t<Write, Connection&>> {
    using Value = std::invoke_result_t<Write, Connection&>;
    if constexpr (std::is_void_v<Value>) {
      co_await submit([&](Connection& connection) { write(connection); });
    } else {
      std::optional<Value> value;
      co_await submit([&](Connection& connection) { value.emplace(write(connection)); });
      co_return std::move(*value);
    }
  }
  std::size_t queue_length();
  // The disk did not take the last group; readable from every thread, as the two below.
  bool is_failing() const { return is_failing_; }
  // True once a second.
  bool may_try_again();
  // The disk has kRoomBytesMin left for this user, or does not say.
  bool has_room() const;
  // How many groups were written. Moves before any of a group is acknowledged; readable from every thread.
  std::uint64_t commits() const { return commits_.load(std::memory_order_acquire); }

 private:
  using Work = std::move_only_function<void(Connection&)>;
  struct Job {
    Work work;
    std::move_only_function<void(std::exception_ptr)> done;
    std::exception_ptr error;
  };

  Task<> submit(Work work);
  void enqueue(Job job);
  void loop();
  void write_group(std::vector<Job>& group);
  void checkpoint_if_due();

  std::string path_;
  Told told_;
  std::chrono::steady_clock::time_point no_checkpoint_before_{};
  std::unique_ptr<Connection> connection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<bool> is_failing_ = false;
  std::atomic<std::chrono::steady_clock::time_point> no_try_before_{};
  std::thread thread_;
};

// Once, before the first connection of the process.
void configure_library();

// Opens the writer's connection: WAL, synchronous FULL. It does not checkpoint by itself: SQLite would keep a failed sync to
// itself.
std::unique_ptr<Connection> open_for_writing(const std::string& path);

}  // namespace granary::sqlite
