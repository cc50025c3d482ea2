#include "store/sqlite/writer.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

namespace granary::sqlite {

namespace {

bool is_of_the_disk(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Failure& failure) {
    const int code = failure.code() & 0xff;  // without what SQLite adds to it
    return code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_READONLY || code == SQLITE_CANTOPEN;
  } catch (...) {
    return false;
  }
}

}  // namespace

void configure_library() {
  // Counting every allocation takes a lock that all threads share; nobody reads the count.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

std::unique_ptr<Connection> open_for_writing(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, OpenMode::read_write);
  connection->execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA foreign_keys=OFF;"
      "PRAGMA cache_size=-4096; PRAGMA journal_size_limit=16777216;");
  connection->count_logged_pages();
  return connection;
}

Writer::Writer(std::string path, Told told)
    : path_(std::move(path)), told_(std::move(told)), connection_(open_for_writing(path_)), thread_([this] { loop(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::size_t Writer::queue_length() {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

Task<> Writer::submit(Work work) {
  const Executor executor = co_await asio::this_coro::executor;
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void(std::exception_ptr)>(
      [&](auto handler) {
        // The context stays alive while a write is under way.
        auto guard = asio::make_work_guard(executor);
        enqueue({.work = std::move(work),
                 .done =
                     [executor, guard = std::move(guard), handler = std::move(handler)](std::exception_ptr error) mutable {
                       asio::post(executor, [handler = std::move(handler), error]() mutable { handler(error); });
                       guard.reset();
                     },
                 .error = {}});
      },
      use_task);
}

void Writer::enqueue(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < kWriteQueueMax) {
      queue_.push_back(std::move(job));
      changed_.notify_one();
      return;
    }
  }
  job.done(std::make_exception_ptr(StoreUnavailable("too many writes wait for the store")));
}

void Writer::loop() {
  std::vector<Job> group;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && group.size() < kWritesPerCommitMax) {
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    const auto begin = std::chrono::steady_clock::now();
    write_group(group);
    commits_.fetch_add(1, std::memory_order_release);
    if (told_.committed) told_.committed(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    for (Job& job : group) job.done(job.error);
    group.clear();
    checkpoint_if_due();
  }
}

// After the group is acknowledged: it is in the log, and that is synced.
void Writer::checkpoint_if_due() {
  constexpr std::chrono::seconds kPauseAfterFailure{10};
  const auto now = std::chrono::steady_clock::now();
  if (!connection_ || connection_->logged_pages() < kLoggedPagesMax || now < no_checkpoint_before_) return;
  try {
    connection_->checkpoint();
  } catch (const StoreUnavailable& failure) {
    // The log still holds all of it. As after any failed sync, the file is opened anew before the next acknowledgement.
    connection_.reset();
    no_checkpoint_before_ = now + kPauseAfterFailure;
    if (told_.checkpoint_failed) told_.checkpoint_failed(failure.what());
  }
}

bool Writer::may_try_again() {
  constexpr std::chrono::seconds kPause{1};
  const auto now = std::chrono::steady_clock::now();
  auto before = no_try_before_.load();
  return now >= before && no_try_before_.compare_exchange_strong(before, now + kPause);
}

bool Writer::has_room() const {
  struct statvfs disk{};
  if (statvfs(path_.c_str(), &disk) != 0 || disk.f_blocks == 0) return true;
  const std::uint64_t blocks = geteuid() == 0 ? disk.f_bfree : disk.f_bavail;  // some are kept for root
  return blocks * disk.f_frsize >= kRoomBytesMin;
}

void Writer::write_group(std::vector<Job>& group) {
  bool disk_failed = false;
  try {
    if (!connection_) connection_ = open_for_writing(path_);
    Connection& db = *connection_;
    db.prepare("BEGIN IMMEDIATE").run();
    for (Job& job : group) {
      db.prepare("SAVEPOINT write").run();
      try {
        job.work(db);
      } catch (...) {
        job.error = std::current_exception();
        // A full disk or an I/O error may have ended the whole transaction, the others' writes with it.
        if (!db.in_transaction()) std::rethrow_exception(job.error);
        disk_failed = disk_failed || is_of_the_disk(job.error);
        db.prepare("ROLLBACK TO write").run();
      }
      db.prepare("RELEASE write").run();
    }
    db.prepare("COMMIT").run();
  } catch (...) {
    const auto error = std::current_exception();
    disk_failed = true;
    for (Job& job : group)
      if (!job.error) job.error = error;
    // Whatever failed, nothing is acknowledged again before the file was opened anew: after a failed fsync the pages in
    // memory may look written and not be.
    connection_.reset();
  }
  is_failing_ = disk_failed;
}

}  // namespace granary::sqlite
