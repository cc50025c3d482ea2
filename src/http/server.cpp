#include "http/server.hpp"

#include <sys/socket.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <charconv>

#include "base/error.hpp"
#include "http/limits.hpp"
#include "http/session.hpp"

namespace granary::http {

namespace {

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using boost::system::error_code;

constexpr auto kQuiet = asio::as_tuple(use_task);
// Beyond so many at once on a thread, a connection without a place is closed without a word.
constexpr int kRefusalsMax = 100;

std::string port_taken(const Endpoint& endpoint, const std::string& why) {
  return "cannot listen on " + format_endpoint(endpoint) + " (" + why + "): choose another --listen address or stop what uses it";
}

}  // namespace

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  std::uint16_t port = 0;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (bad != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error) return std::nullopt;
  return Endpoint(address, port);
}

std::string format_endpoint(const Endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string host = endpoint.address().is_v6() ? "[" + address + "]" : address;
  return host + ":" + std::to_string(endpoint.port());
}

void prove_port_is_free(const Endpoint& endpoint) {
  if (endpoint.port() == 0) return;
  asio::io_context context;
  error_code error;
  Acceptor probe(context.get_executor());
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);
  if (!error) probe.listen(1, error);
  if (error) throw StartRefused(port_taken(endpoint, error.message()));
}

struct Listener::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, Handler request_handler, Options listener_options)
      : context(io),
        acceptor(io.get_executor()),
        ticker(io.get_executor()),
        handler(std::move(request_handler)),
        options(std::move(listener_options)),
        connections([this](std::function<void()> closing) {
          asio::post(context, [weak = weak_from_this(), closing = std::move(closing)] {
            if (const auto self = weak.lock()) closing();
          });
        }) {
    if (options.limits) options.limits->add(connections);
  }

  asio::io_context& context;
  Acceptor acceptor;
  Timer ticker;
  Handler handler;
  Options options;
  bool stopping = false;
  Connections connections;
  int refusals = 0;  // connections that are being told that there is no place

  void spawn(Task<> task) {
    asio::co_spawn(context, std::move(task), [self = shared_from_this()](std::exception_ptr) {});
  }

  Task<> accept_loop() {
    while (!stopping) {
      Socket socket(context.get_executor());
      const auto [error] = co_await acceptor.async_accept(socket, kQuiet);
      if (stopping) break;
      if (error) {
        // Out of descriptors, most likely: others must close before the next can be taken.
        Timer pause(context.get_executor(), std::chrono::milliseconds(100));
        co_await pause.async_wait(kQuiet);
        continue;
      }
      try {
        spawn(run_session(std::move(socket)));
      } catch (const std::bad_alloc&) {  // this connection is closed; the next one may find memory
      }
    }
  }

  // Takes a place; where there is none left, that of the connection that has waited longest for a request.
  bool take_place(const std::string& network, bool is_proxy) {
    ConnectionLimits& limits = *options.limits;
    const auto enter = [&] { return is_proxy ? limits.enter_proxy() : limits.enter(network); };
    ConnectionLimits::Entry entry = enter();
    if (entry == ConnectionLimits::Entry::full && limits.make_room()) entry = enter();
    return entry == ConnectionLimits::Entry::entered;
  }

  // What gives the connection's place back; nullopt when it has none.
  std::optional<std::function<void()>> find_place(const std::string& address) {
    if (!options.limits) return std::function<void()>();
    const bool is_proxy = options.proxies.contains(address);
    const std::string network = network_of(address);
    if (!take_place(network, is_proxy)) return std::nullopt;
    return [limits = options.limits, network, is_proxy] { is_proxy ? limits->leave_proxy() : limits->leave(network); };
  }

  Task<> run_session(Socket socket) {
    error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error) co_return;
    const std::string address = peer.address().to_string();
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    auto give_place_back = find_place(address);
    const bool is_refused = !give_place_back;
    if (is_refused && refusals == kRefusalsMax) co_return;
    refusals += is_refused;
    const auto close = [&socket] {
      error_code ignored;
      socket.close(ignored);
    };
    const auto place = connections.add(close, std::move(give_place_back).value_or(nullptr));
    const SessionContext session{
        .handler = handler, .options = options, .stopping = stopping, .connections = connections, .connection = place};
    // Out of memory is the one exception that comes through; the connection is given back all the same.
    std::exception_ptr failed;
    try {
      if (is_refused) co_await refuse_connection(socket, session);
      else co_await serve_connection(socket, address, session);
    } catch (...) {
      failed = std::current_exception();
    }
    refusals -= is_refused;
    connections.remove(place);
    if (stopping && connections.empty()) ticker.cancel();
    if (failed) std::rethrow_exception(failed);
  }

  // The one timer of this thread: a connection's deadline is checked once a second.
  Task<> tick_loop() {
    while (!stopping || !connections.empty()) {
      ticker.expires_after(std::chrono::seconds(1));
      co_await ticker.async_wait(kQuiet);
      connections.close_overdue(std::chrono::steady_clock::now());
    }
  }
};

Listener::Listener(asio::io_context& context, const Endpoint& endpoint, Handler handler, Options options)
    : state_(std::make_shared<State>(context, std::move(handler), std::move(options))) {
  error_code error;
  auto& acceptor = state_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.set_option(ReusePort(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(4096, error);
  if (error) throw StartRefused(port_taken(endpoint, error.message()));
}

Listener::~Listener() = default;

Endpoint Listener::endpoint() const { return state_->acceptor.local_endpoint(); }

void Listener::start() {
  state_->spawn(state_->accept_loop());
  state_->spawn(state_->tick_loop());
}

void Listener::cut_off() { state_->connections.close_all(); }

void Listener::stop() {
  state_->stopping = true;
  error_code ignored;
  state_->acceptor.close(ignored);
  state_->connections.close_unanswered();
  if (state_->connections.empty()) state_->ticker.cancel();
}

}  // namespace granary::http
