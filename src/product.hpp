// Every object of a running Granary, in the order in which they are built; destroyed in the reverse order. Used by main:
// to serve, and to run one command on the data when no server does.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/data_folder.hpp"
#include "config/config.hpp"
#include "http/curl_transport.hpp"
#include "operation/parts.hpp"
#include "operation/status_counts.hpp"
#include "scheduler/scheduler.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary {

// What serves one thread: a context, a connection to the store, remembered tokens.
struct Worker {
  Worker(struct Product& product, const std::string& store_file);

  asio::io_context context{1};
  sqlite::SqliteStore store;
  TokenVerifier tokens;
  StatusCounts status_counts;
  LoopTurns turns{context.get_executor()};
  Parts parts;
};

// Throws StartRefused when there is a store and the key does not open it. Writes nothing.
void prove_root_key(const std::string& store_file, const Plaintext& root_key);

struct Product {
  // Throws StartRefused: a wrong root key (then nothing was written), a newer schema, a store that cannot be used.
  Product(const config::Config& config, Catalog the_catalog, const Plaintext& root_key, DataFolder data_folder,
          int workers_count);
  ~Product();
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  // What a start owes the stored credentials: providers that lost or regained their address, accepted origins, PUTs that
  // a crash interrupted. Runs on the checks' context.
  Task<> bring_up(const config::Config& config);

  // Providers that lost or regained their address; not with checks off, when statuses stay as they are stored.
  Task<> settle_configured(WallTime now);

  // Logs what of the data folder others could get at until this start. Once the start has succeeded: one that is refused says one
  // sentence, and nothing else.
  void tell_what_was_closed();

  SystemClock clock;
  SystemRandom random;
  Log log;
  Metrics metrics;
  Catalog catalog;
  DataFolder folder;
  std::unique_ptr<Sealer> sealer;
  std::unique_ptr<sqlite::Writer> writer;
  std::unique_ptr<sqlite::ReadPool> read_pool;
  std::atomic<bool> store_is_damaged = false;
  crypto::PasswordPool passwords;
  LoginLimits logins;
  std::atomic<std::uint64_t> token_generation = 1;
  Plaintext token_key;
  asio::io_context checks_context{1};
  sqlite::SqliteStore checks_store;
  http::EgressGuard guard;
  http::CurlTransport transport;
  CheckContext context;
  Scheduler scheduler;
  std::vector<std::unique_ptr<Worker>> workers;
};

// Runs a task on a context that nothing else runs yet, to its end.
template <class T>
T run_to_end(asio::io_context& context, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr error;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr failed, T value) {
    error = failed;
    if (!failed) result.emplace(std::move(value));
  });
  context.run();
  context.restart();
  if (error) std::rethrow_exception(error);
  return std::move(*result);
}
void run_to_end(asio::io_context& context, Task<> task);

}  // namespace granary
