// Reads the command line and the configuration, and runs the command. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
#include <malloc.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <thread>

#include "api/openapi.hpp"
#include "base/process.hpp"
#include "cli/arguments.hpp"
#include "cli/command_socket.hpp"
#include "cli/commands.hpp"
#include "cli/providers.hpp"
#include "cli/watch.hpp"
#include "demo.hpp"
#include "operation/owners.hpp"
#include "providers_check.hpp"
#include "sealing/root_key.hpp"
#include "serve.hpp"

namespace granary {

namespace {

constexpr std::chrono::seconds kFolderPatience{5};

http::Endpoint endpoint_of(const std::string& text, const char* flag) {
  const auto endpoint = http::parse_endpoint(text);
  if (!endpoint) throw StartRefused(std::string(flag) + " " + text + " must be an address and a port, such as 127.0.0.1:8080");
  return *endpoint;
}

// A core dump, or another process of this user, would show every key.
void keep_memory_private() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

int run_serve(const config::Config& config) {
  if (!config.database.empty())
    throw StartRefused("--database is not in this version; --data names the folder of the embedded store");
  Catalog catalog = cli::load_catalog(config);
  Serving serving{.endpoint = endpoint_of(config.listen, "--listen")};
  if (!config.metrics_listen.empty()) serving.metrics_endpoint = endpoint_of(config.metrics_listen, "--metrics-listen");
  if (config.tls_cert.empty() != config.tls_key.empty()) throw StartRefused("--tls-cert and --tls-key go together");
  std::optional<http::TlsCertificate> tls;
  if (!config.tls_cert.empty()) serving.tls = &tls.emplace(config.tls_cert, config.tls_key);
  const Plaintext root_key = load_root_key(config.root_key, config.data);
  http::prove_port_is_free(serving.endpoint);
  if (serving.metrics_endpoint) http::prove_port_is_free(*serving.metrics_endpoint);
  DataFolder folder(config.data, MissingFolder::make, kFolderPatience);
  const int threads = config.threads > 0 ? config.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  Product product(config, std::move(catalog), root_key, std::move(folder), threads);
  asio::io_context main{1};
  serve(product, config, serving, main, nullptr);
  return 0;
}

// Runs a context on a thread of its own for as long as it lives.
class RunningContext {
 public:
  explicit RunningContext(asio::io_context& context)
      : context_(context), guard_(asio::make_work_guard(context)), thread_([&context] { context.run(); }) {}
  ~RunningContext() {
    context_.stop();
    thread_.join();
    context_.restart();
  }
  RunningContext(const RunningContext&) = delete;
  RunningContext& operator=(const RunningContext&) = delete;

 private:
  asio::io_context& context_;
  asio::executor_work_guard<Executor> guard_;
  std::thread thread_;
};

// One line of standard input.
void read_password(Json& request) {
  std::string line;
  std::getline(std::cin, line);
  if (line.ends_with('\r')) line.pop_back();
  if (line.size() > 4 * kPasswordCodePointsMax) throw StartRefused("a password has 15 to 128 characters");
  request.set("password", line);
  wipe(line);
}

int run_on_data(const config::Config& config, cli::Arguments arguments) {
  if (!config.database.empty())
    throw StartRefused("--database is not in this version; --data names the folder of the embedded store");
  Json& request = arguments.request;
  if (arguments.asks_password) read_password(request);
  const Catalog catalog = cli::load_catalog(config);
  const Plaintext root_key = load_root_key(config.root_key, config.data);
  refuse_unsafe_folder(config.data, ForeignFolder::allow_to_root);
  prove_root_key(config.data + "/granary.db", root_key);
  if (arguments.follows) return cli::watch_changes(config.data, request);
  // Lists come page by page, from a server or from the data alike.
  std::unique_ptr<Product> product;
  Json whole;
  for (std::int64_t page = 0;; ++page) {
    request.set("page", page);
    std::optional<Json> answer;
    if (!product) answer = cli::ask_server(config.data, request);
    if (!answer) {
      if (!product) {
        DataFolder folder(config.data, arguments.makes_folder ? MissingFolder::make : MissingFolder::refuse, kFolderPatience,
                          ForeignFolder::allow_to_root);
        product = std::make_unique<Product>(config, catalog, root_key, std::move(folder), 1);
        product->tell_what_was_closed();
      }
      // One thread is enough for one command: the checks' context and the worker's are the same to it.
      Worker& worker = *product->workers.front();
      const RunningContext checks(product->checks_context);
      answer = run_to_end(worker.context, cli::run_command(worker.parts, request));
    }
    const Json* rows = answer->find("rows");
    const Json* total = answer->find("total");
    if (whole.is_null() || !rows) whole = *answer;
    else
      for (const Json& row : *rows->array())
        for (auto& member : *whole.object())
          if (member.first == "rows") member.second.array()->push_back(row);
    if (!rows || !total || rows->array()->empty() || (page + 1) * 100 >= total->integer().value_or(0)) break;
  }
  return cli::print_answer(request, whole);
}

// What a password's hash needed for a moment goes back to the system: large blocks are mapped, and freed when freed.
void keep_memory_small() {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

int run(cli::Arguments arguments) {
  if (arguments.command != cli::Command::serve) release_hangup();  // serve does so once it can act on it
  keep_memory_private();
  keep_memory_small();
  sqlite::configure_library();
  const config::Config config = config::load(arguments.flags, arguments.config_file);
  switch (arguments.command) {
    case cli::Command::serve: return run_serve(config);
    case cli::Command::on_data: return run_on_data(config, std::move(arguments));
    case cli::Command::demo: return run_demo(config, arguments.flags);
    case cli::Command::sandbox: return run_sandbox(config, arguments.flags);
    case cli::Command::key_init: {
      SystemRandom random;
      if (config.root_key.empty()) throw StartRefused("name the new key with --root-key file:PATH");
      create_root_key(config.root_key, random);
      return 0;
    }
    case cli::Command::providers_check: return check_descriptor(arguments.descriptor);
    case cli::Command::openapi: std::fputs(api::openapi_document(cli::load_catalog(config)).c_str(), stdout); return 0;
    case cli::Command::config:
      cli::load_catalog(config);  // refuses what a start would refuse
      std::fputs(config::show(config).c_str(), stdout);
      return 0;
    case cli::Command::config_reference: std::fputs(config::reference().c_str(), stdout); return 0;
  }
  return 1;
}

}  // namespace

// What was printed and did not arrive was not done. Whoever closed the pipe (`| head`) wants to hear nothing of it.
int end_output(int exit_code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  const bool is_reader_gone = poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
  if (!is_reader_gone) std::fputs("granary: standard output did not take all of it: it is full or closed\n", stderr);
  return exit_code == 0 ? 1 : exit_code;
}

}  // namespace granary

int main(int argc, char** argv) {
  granary::settle_process();
  auto parsed = granary::cli::parse_arguments(argc, argv);
  int exit_code = parsed.arguments ? 1 : parsed.exit_code;
  try {
    if (parsed.arguments) exit_code = granary::run(std::move(*parsed.arguments));
  } catch (const granary::StartRefused& refused) {
    std::fprintf(stderr, "granary: %s\n", refused.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "granary: %s\n", error.what());
  }
  return granary::end_output(exit_code);
}
