// Argon2id off the event loops: two threads, and a bounded queue, since each hash takes 19 MiB and tens of milliseconds. Whoever
// asks does so for a party (a client's network); parties take turns, so that one that asks without end delays another's first
// hash by one. Those whose password was right before (`known`) and strangers take turns, too: a thousand strangers delay a known
// party by one.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/fair_queue.hpp"
#include "base/task.hpp"
#include "crypto/primitives.hpp"

namespace granary::crypto {

inline constexpr int kPasswordThreads = 2;
inline constexpr std::size_t kPasswordQueueMax = 256;
inline constexpr std::size_t kPasswordQueueOfOneMax = 64;

class PasswordPool {
 public:
  PasswordPool() : pool_(kPasswordThreads) {}
  ~PasswordPool() { pool_.join(); }

  // nullopt when too many wait already: of this party, or of all. Where the queue is full, the party with most waiting gives way
  // to one with fewer.
  enum class Party { known, stranger };
  Task<std::optional<bool>> verify(Party kind, std::string party, std::string hash, Plaintext password);
  Task<std::optional<std::string>> hash(std::string party, Plaintext password, Random& random);
  // What waits is turned away, and what comes later. Usable from every thread.
  void stop();

 private:
  enum class Turn { work, turned_away };
  using Job = std::move_only_function<void(Turn)>;

  template <class Work>
  auto run(Party kind, std::string party, Work work) -> Task<std::optional<std::invoke_result_t<Work>>>;
  // Both from any thread.
  void push(Party kind, const std::string& party, Job job);
  // Whose turn it is, by kind and by party.
  Job next();
  void work_next();

  std::mutex mutex_;
  FairQueue<std::string, Job> known_, strangers_;
  bool was_known_ = false;  // who had the last turn
  bool is_stopped_ = false;
  asio::thread_pool pool_;
};

}  // namespace granary::crypto
