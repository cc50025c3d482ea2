#include "serve.hpp"

#include <sys/resource.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "api/handlers.hpp"
#include "api/routes.hpp"
#include "base/encoding.hpp"
#include "base/process.hpp"
#include "cli/command_socket.hpp"
#include "cli/commands.hpp"
#include "copied_store.hpp"
#include "http/limits.hpp"
#include "store/sqlite/integrity_check.hpp"

namespace granary {

namespace {

// SIGTERM leaves 10 s; what has not ended by then is cut off while there is time left to end in order.
constexpr std::chrono::milliseconds kPatience{9500};
// Then providers are waited for no more: what is left of the time is for the answers to those who asked.
constexpr std::chrono::milliseconds kPatienceWithProviders{8000};
// Whoever reads the metrics needs one. No address has a limit of its own: who has waited longest makes room.
constexpr std::size_t kMetricsConnectionsMax = 16;

using Signals = asio::basic_signal_set<Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

Task<http::Response> answer_metrics(Product& product, http::Request& request) {
  if (request.path != "/metrics")
    co_return http::Response{.status = 404, .content_type = "text/plain", .body = "only /metrics is here\n"};
  auto& worker = *product.workers.front();
  std::map<std::pair<std::string, Status>, std::int64_t> credentials;  // of all environments together
  for (const Provider& provider : product.catalog.all())
    for (const Status status : kAllStatuses) credentials[{std::string(provider.short_name()), status}] = 0;
  for (const auto& count : co_await worker.status_counts.find()) credentials[{count.lane.provider, count.status}] += count.count;
  for (const auto& [of, count] : credentials)
    product.metrics.set_credentials(of.first, name_of(of.second), static_cast<double>(count));
  product.metrics.set_store_writable(product.writer->has_room() && !product.writer->is_failing());
  product.metrics.set_log_lines_dropped(static_cast<double>(product.log.dropped()));
  product.metrics.set_queue("writes", static_cast<double>(product.writer->queue_length()));
  co_await run_on(product.context.executor, [&]() -> Task<> {
    double waiting = 0;
    for (const auto& [key, lane] : product.context.lanes) {
      waiting += static_cast<double>(lane.limits.waiting());
      const auto is_open = [](const auto& entry) { return entry.second.breaker.is_open(); };
      product.metrics.set_breaker_open(key.provider, key.environment, std::ranges::any_of(lane.breakers, is_open));
    }
    product.metrics.set_queue("checks", waiting);
    co_return;
  });
  co_return http::Response{.content_type = "text/plain; version=0.0.4", .body = product.metrics.text()};
}

// The request boundary of the metrics port.
Task<http::Response> answer_metrics_or_say_why(Product& product, http::Request& request) {
  try {
    co_return co_await answer_metrics(product, request);
  } catch (const std::exception& failure) {
    product.log.error("the metrics could not be collected", {{"error", failure.what()}});
  }
  co_return http::Response{.status = 503, .content_type = "text/plain", .body = "the store cannot be read now\n"};
}

http::TrustedProxies trusted_proxies(const config::Config& config) {
  return {.ranges = config::ranges_of(config.trusted_proxies), .header = to_lower(config.forwarded_header)};
}

// As many clients as leave the providers, the store and the log the files that they need: a thousand, or half of what is
// left. The process's limit is raised first as far as the system lets it.
std::size_t connections_max(std::size_t configured, Log& log) {
  constexpr std::size_t kKept = 1000;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return configured;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_NOFILE, &files);
  std::error_code error;
  const std::filesystem::directory_iterator listed("/proc/self/fd", error);
  const std::size_t open = error ? 0 : static_cast<std::size_t>(std::distance(listed, {}));
  const std::size_t left = files.rlim_cur - std::min<std::size_t>(open, files.rlim_cur);
  const std::size_t possible = left - std::min(kKept, left / 2);
  if (possible < configured)
    log.warning("fewer connections than limits.connections: the system allows too few open files (ulimit -n)",
                {{"connections", std::to_string(possible)}, {"files", std::to_string(files.rlim_cur)}});
  return std::min(possible, configured);
}

// The threads of a server, and the order in which they stop.
class Server {
 public:
  Server(Product& product, const config::Config& config, const Serving& serving)
      : product_(product),
        limits_(connections_max(static_cast<std::size_t>(config.connections), product.log),
                static_cast<std::size_t>(config.connections_per_address)),
        body_memory_(static_cast<std::size_t>(config.bodies_mib) * 1024 * 1024),
        metrics_limits_(kMetricsConnectionsMax, kMetricsConnectionsMax + 1) {
    http::Endpoint endpoint = serving.endpoint;
    for (auto& worker : product.workers) {
      auto handler = api::make_handler(worker->parts, product.catalog, product.log, product.metrics);
      listeners_.push_back(std::make_unique<http::Listener>(worker->context, endpoint, std::move(handler),
                                                            http::Listener::Options{.tls = serving.tls,
                                                                                    .limits = &limits_,
                                                                                    .body_memory = &body_memory_,
                                                                                    .proxies = trusted_proxies(config),
                                                                                    .too_many = api::too_many_connections}));
      endpoint = listeners_.front()->endpoint();  // port 0: the others take the one that was found
    }
    Worker& first = *product.workers.front();
    if (serving.metrics_endpoint)
      metrics_ = std::make_unique<http::Listener>(
          first.context, *serving.metrics_endpoint,
          [&product](http::Request& request, http::BodyReader&) { return answer_metrics_or_say_why(product, request); },
          http::Listener::Options{.limits = &metrics_limits_, .too_many = api::too_many_connections});
    socket_ = std::make_unique<cli::CommandSocket>(first.context, product.folder.path(), [&first](Json request) {
      return cli::run_command(first.parts, std::move(request));
    });
  }

  // However serving ends, no thread and no coroutine outlives what it uses: what is under way is cut off and comes to its end.
  ~Server() {
    if (threads_.empty() || !threads_.front().joinable()) return;
    if (threads_.size() == product_.workers.size() + 1) {
      stop([] {});
      cut_off();
    } else {  // not all threads could be started
      product_.passwords.stop();
      product_.checks_context.stop();
      for (auto& worker : product_.workers) worker->context.stop();
    }
    join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  http::Endpoint endpoint() const { return listeners_.front()->endpoint(); }

  void start() {
    for (auto& listener : listeners_) listener->start();
    if (metrics_) metrics_->start();
    threads_.emplace_back([this] { run(product_.checks_context, product_.scheduler.run()); });
    for (auto& worker : product_.workers) threads_.emplace_back([this, &worker] { run_context(worker->context); });
  }

  // Tells every thread to end; `all_ended` is called from the last one. Once.
  void stop(std::function<void()> all_ended) {
    {
      const std::lock_guard lock(mutex_);
      if (all_ended_) return;
      all_ended_ = std::move(all_ended);
    }
    for (std::size_t i = 0; i < listeners_.size(); ++i)
      asio::post(product_.workers[i]->context, [this, i] {
        listeners_[i]->stop();
        if (i == 0 && metrics_) metrics_->stop();
        if (i == 0) socket_->stop();
      });
    asio::post(product_.checks_context, [this] { product_.scheduler.stop(); });
    product_.passwords.stop();
    count_down();
  }

  // Ends the exchanges that still run; whoever asked for them is told so.
  void end_exchanges() {
    asio::post(product_.checks_context, [this] { product_.transport.stop(); });
  }

  // Ends the connections that are still open.
  void cut_off() {
    product_.read_pool->stop();
    for (std::size_t i = 0; i < listeners_.size(); ++i)
      asio::post(product_.workers[i]->context, [this, i] { listeners_[i]->cut_off(); });
  }

  void join() {
    for (auto& thread : threads_) thread.join();
  }

 private:
  void run(asio::io_context& context, Task<> task) {
    // The API asks for checks until its last request has ended.
    checks_guard_.emplace(asio::make_work_guard(context));
    asio::co_spawn(context, std::move(task), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
    run_context(context);
  }

  void run_context(asio::io_context& context) {
    context.run();
    count_down();
  }

  void count_down() {
    const std::lock_guard lock(mutex_);
    // The workers end first; the checks' context is held until they have.
    if (++ended_ == static_cast<int>(product_.workers.size()) + 1 && all_ended_)
      asio::post(product_.checks_context, [this] {
        product_.transport.close_idle();
        checks_guard_.reset();
      });
    if (ended_ == static_cast<int>(product_.workers.size()) + 2 && all_ended_) all_ended_();
  }

  Product& product_;
  http::ConnectionLimits limits_;
  http::BodyMemory body_memory_;
  http::ConnectionLimits metrics_limits_;
  std::vector<std::unique_ptr<http::Listener>> listeners_;
  std::unique_ptr<http::Listener> metrics_;
  std::unique_ptr<cli::CommandSocket> socket_;
  std::optional<asio::executor_work_guard<Executor>> checks_guard_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  int ended_ = 0;  // threads, and the call of stop itself
  std::function<void()> all_ended_;
};

// Connections that are open keep the certificate that they began with.
Task<> reload_on_hangup(Signals& hangups, http::TlsCertificate* certificate, Log& log) {
  while (true) {
    co_await hangups.async_wait(use_task);
    if (!certificate) {
      log.info("SIGHUP: there is no certificate to read anew");
      continue;
    }
    try {
      certificate->reload();
      log.info("the certificate was read anew");
    } catch (const std::exception& failure) {
      log.error("the certificate could not be read anew; the one from before is kept", {{"why", failure.what()}});
    }
  }
}

Task<> wait_and_stop(asio::io_context& context, Signals& stops, Server& server, Log& log) {
  co_await stops.async_wait(use_task);
  log.info("stopping: what is in flight is finished");
  Timer patience(context.get_executor(), kPatienceWithProviders);
  bool has_ended = false;
  server.stop([&] {
    asio::post(context, [&] {
      has_ended = true;
      patience.cancel();
    });
  });
  co_await patience.async_wait(asio::as_tuple(use_task));
  if (!has_ended) {
    server.end_exchanges();
    patience.expires_after(kPatience - kPatienceWithProviders);
    co_await patience.async_wait(asio::as_tuple(use_task));
  }
  if (!has_ended) server.cut_off();
  server.join();
  context.stop();  // whatever else ran here (the demo) ends with the server
}

}  // namespace

void serve(Product& product, const config::Config& config, const Serving& serving, asio::io_context& main,
           const std::function<void(const http::Endpoint&)>& when_ready) {
  run_to_end(product.checks_context, product.bring_up(config));
  run_to_end(product.checks_context, note_where_served(product));
  product.tell_what_was_closed();
  if (!product.context.settings.is_asking)
    product.log.warning("checks are off: what is stored is served, and no provider is asked anything");
  Signals stops(main.get_executor(), SIGTERM, SIGINT), hangups(main.get_executor());
  if (serving.on_hangup == Hangup::reads_certificate) hangups.add(SIGHUP);
  else if (!is_hangup_ignored()) stops.add(SIGHUP);
  release_hangup();
  Server server(product, config, serving);
  const std::string where = http::format_endpoint(server.endpoint());
  server.start();
  product.log.info("serving", {{"listen", where}, {"tls", serving.tls ? "yes" : "no"}, {"version", GRANARY_VERSION}});
  // What can be read is served all the same to those who ask: a damaged page says nothing against the others. But nobody
  // is sent here by readiness while "not found" may be wrong.
  const sqlite::IntegrityCheck integrity(
      product.folder.store_file(), [&product](sqlite::IntegrityCheck::End end, const std::string& what) {
        if (end == sqlite::IntegrityCheck::End::sound) return;
        if (end == sqlite::IntegrityCheck::End::unknown) {
          product.log.warning("the store's file was not read through; it is at the next start", {{"why", what}});
          return;
        }
        product.store_is_damaged = true;
        product.log.error("the store's file is damaged: restore it from a backup", {{"found", what}});
      });
  const auto or_throw = [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  };
  asio::co_spawn(main, reload_on_hangup(hangups, serving.tls, product.log), or_throw);
  asio::co_spawn(main, wait_and_stop(main, stops, server, product.log), or_throw);
  if (when_ready) when_ready(server.endpoint());
  main.run();
  product.log.info("stopped");
}

}  // namespace granary
