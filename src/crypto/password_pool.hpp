// Argon2id off the event loops: two threads, and a bounded queue, since each hash takes 19 MiB and tens of milliseconds.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>

#include "base/task.hpp"
#include "crypto/primitives.hpp"

namespace granary::crypto {

inline constexpr int kPasswordThreads = 2;
inline constexpr int kPasswordQueueMax = 64;

class PasswordPool {
 public:
  PasswordPool() : pool_(kPasswordThreads) {}
  ~PasswordPool() { pool_.join(); }

  // nullopt when too many wait already.
  Task<std::optional<bool>> verify(std::string hash, Plaintext password);
  Task<std::optional<std::string>> hash(Plaintext password, Random& random);

 private:
  template <class Work>
  auto run(Work work) -> Task<std::optional<std::invoke_result_t<Work>>>;

  asio::thread_pool pool_;
  std::atomic<int> waiting_ = 0;
};

}  // namespace granary::crypto
