// One process of Granary in the simulation: the product's operations and scheduler on a simulated clock, store and network.
// Destroying it is a crash: whatever it was at is gone, and what it had committed is not.
#pragma once

#include <memory>

#include "crypto/password_pool.hpp"
#include "operation/parts.hpp"
#include "scheduler/scheduler.hpp"
#include "simulation/memory_store.hpp"
#include "simulation/mutants.hpp"
#include "simulation/oracle.hpp"

namespace granary::simulation {

// What the weather is like: of 100.
struct Conditions {
  std::uint64_t lost_requests = 0, lost_answers = 0, late_requests = 0, errors = 0, slow = 0;
  std::uint64_t store_waits = 0, failed_commits = 0, unknown_commits = 0;
  SteadyTime outage_until{};   // no provider answers
  microseconds wall_offset{};  // the machine's wall clock, against the truth
};

// What outlives a process.
struct World {
  Timeline timeline;
  Chance chance;
  Conditions conditions;
  ProviderWorld providers;
  Database database;
  Oracle oracle;
  const Catalog& catalog;
  const Sealer& sealer;
  Log& log;
  Metrics& metrics;
  crypto::PasswordPool& passwords;
  LoginLimits& logins;
  CheckSettings settings;
  std::function<void(const std::string&)> trace;  // null: nobody reads along
  Mutant mutant = Mutant::none;

  void tell(const std::string& line) const {
    if (trace) trace(line);
  }
  WallTime wall() const;
};

class Node {
 public:
  Node(World& world, ProcessId process);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  ProcessId process() const { return process_; }
  Parts& parts() { return parts_; }
  // What was interrupted is recovered: clients are served.
  bool is_up() const { return is_up_; }
  // Runs `task`; `done` is told how it ended, unless the process crashes first.
  template <class T>
  void run(Task<T> task, std::move_only_function<void(std::exception_ptr, T)> done) {
    asio::co_spawn(*context_, std::move(task), std::move(done));
  }
  // Runs what is ready.
  void poll();
  void fail_store_until(SteadyTime when) { store_fails_until_ = when; }
  // What it waits for comes meanwhile, and it does nothing.
  void pause_until(SteadyTime when) { paused_until_ = when; }

 private:
  class NodeClock;
  class NodeWeather;
  class NodeTransport;

  Task<> wait_until(SteadyTime when);
  Task<> live();

  World& world_;
  const ProcessId process_;
  bool is_up_ = false;
  SteadyTime store_fails_until_{}, paused_until_{};
  // Destroyed first, by the destructor: the frames it holds refer to everything below.
  std::unique_ptr<asio::io_context> context_ = std::make_unique<asio::io_context>(1);
  asio::executor_work_guard<Executor> guard_{context_->get_executor()};
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<NodeWeather> weather_;
  std::unique_ptr<http::HttpTransport> transport_;
  const std::unique_ptr<MemoryStore> store_;
  CheckContext checks_;
  Scheduler scheduler_;
  Plaintext token_key_{std::string(32, 'k')};
  std::atomic<std::uint64_t> token_generation_ = 1;
  TokenVerifier tokens_{token_key_, token_generation_};
  LoopTurns turns_{context_->get_executor()};
  const std::atomic<bool> store_is_damaged_ = false;
  Parts parts_;
};

}  // namespace granary::simulation
