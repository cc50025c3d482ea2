#include "store/sqlite/reader.hpp"

namespace granary::sqlite {

std::unique_ptr<Connection> open_for_reading(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, OpenMode::read_only);
  // Reads through the page cache of the kernel: half the time of a read, and no memory of our own.
  connection->execute("PRAGMA mmap_size=1073741824; PRAGMA cache_size=-512; PRAGMA query_only=ON;");
  return connection;
}

Reader::Reader(const std::string& path, const Writer& writer) : writer_(writer), connection_(open_for_reading(path)) {}

Connection& Reader::fresh() {
  if (commits_seen_ != writer_.commits()) end_snapshot();
  return *connection_;
}

void Reader::share_snapshot(Executor executor) {
  if (fresh().in_transaction()) return;
  commits_seen_ = writer_.commits();
  connection_->prepare("BEGIN").run();
  if (std::exchange(end_is_posted_, true)) return;
  asio::post(executor, [this] {
    end_is_posted_ = false;
    end_snapshot();
  });
}

void Reader::end_snapshot() {
  if (!connection_->in_transaction()) return;
  try {
    connection_->prepare("COMMIT").run();
  } catch (const Failure&) {
    // Nothing was written that could be lost; the next read tells its own failure.
  }
}

}  // namespace granary::sqlite
