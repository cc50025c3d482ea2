#include "store/sqlite/read_pool.hpp"

#include <algorithm>

#include "store/sqlite/reader.hpp"

namespace granary::sqlite {

namespace {

// One snapshot for all that the job reads: the count of a list and its page agree.
std::exception_ptr read_in_snapshot(Connection& connection, std::move_only_function<void(Connection&)>& work) {
  try {
    connection.prepare("BEGIN").run();
    work(connection);
    connection.prepare("COMMIT").run();
    return nullptr;
  } catch (...) {
    const auto error = std::current_exception();
    try {
      if (connection.in_transaction()) connection.prepare("ROLLBACK").run();
    } catch (const Failure&) {
      // Nothing was written; the next job tells its own failure.
    }
    return error;
  }
}

}  // namespace

ReadPool::ReadPool(const std::string& path) {
  for (auto& connection : connections_) {
    connection = open_for_reading(path);
    connection->stop_when(is_stopped_);
  }
  for (auto& connection : connections_) threads_.emplace_back([this, &connection] { loop(*connection); });
}

ReadPool::~ReadPool() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ReadPool::stop() { is_stopped_ = true; }

Task<> ReadPool::submit(OwnerId owner, std::move_only_function<void(Connection&)> work) {
  const Executor executor = co_await asio::this_coro::executor;
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void(std::exception_ptr)>(
      [&](auto handler) {
        // The context stays alive while a read is under way.
        auto guard = asio::make_work_guard(executor);
        enqueue(owner,
                {.work = std::move(work),
                 .done = [executor, guard = std::move(guard), handler = std::move(handler)](std::exception_ptr error) mutable {
                   asio::post(executor, [handler = std::move(handler), error]() mutable { handler(error); });
                   guard.reset();
                 }});
      },
      use_task);
}

void ReadPool::enqueue(OwnerId owner, Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.count(owner) < kReadsWaitingMax) {
      waiting_.push(owner, std::move(job));
      changed_.notify_one();
      return;
    }
  }
  job.done(std::make_exception_ptr(StoreBusy("too many lists of this owner wait")));
}

std::optional<std::pair<OwnerId, ReadPool::Job>> ReadPool::next(std::unique_lock<std::mutex>& lock) {
  const auto has_no_thread = [this](OwnerId owner) { return std::ranges::find(being_served_, owner) == being_served_.end(); };
  while (true) {
    if (auto job = waiting_.pop_if(has_no_thread)) return job;
    if (is_ending_ && waiting_.empty()) return std::nullopt;
    changed_.wait(lock);
  }
}

void ReadPool::loop(Connection& connection) {
  std::unique_lock lock(mutex_);
  while (auto job = next(lock)) {
    const OwnerId owner = job->first;
    being_served_.push_back(owner);
    lock.unlock();
    const auto error = is_stopped_ ? std::make_exception_ptr(StoreUnavailable("the server stops"))
                                   : read_in_snapshot(connection, job->second.work);
    job->second.done(error);
    job.reset();
    lock.lock();
    std::erase(being_served_, owner);
    // The owner's next read may have been passed over by the other thread, which sleeps now.
    changed_.notify_all();
  }
}

}  // namespace granary::sqlite
