// The reading connection of one thread. A read that nearly every request makes can share one snapshot with the others of
// its turn of the event loop: opening and closing a snapshot takes two file locks, a quarter of a read's cost.
#pragma once

#include "base/task.hpp"
#include "store/sqlite/writer.hpp"

namespace granary::sqlite {

// A connection for reads, on whatever thread.
std::unique_ptr<Connection> open_for_reading(const std::string& path);

class Reader {
 public:
  // `writer` outlives the reader.
  Reader(const std::string& path, const Writer& writer);

  // To prepare a statement that sees every write acknowledged so far.
  Connection& fresh();
  // The next reads share a snapshot until a write is acknowledged, or `executor`, which must be this thread's, has run
  // what was ready.
  void share_snapshot(Executor executor);

 private:
  void end_snapshot();

  const Writer& writer_;
  std::unique_ptr<Connection> connection_;
  std::uint64_t commits_seen_ = 0;  // when the snapshot was begun
  bool end_is_posted_ = false;
};

}  // namespace granary::sqlite
