// The HTTP/1.1 server: one listener for each thread's io_context, all on one port through SO_REUSEPORT, plain or TLS.
// Knows no product noun: it reads requests, hands them to one handler, and writes what comes back.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/task.hpp"
#include "base/time.hpp"
#include "http/message.hpp"

namespace granary::http {

using Endpoint = asio::ip::tcp::endpoint;
using Handler = std::function<Task<Response>(Request&)>;

// `127.0.0.1:8080` or `[::1]:8080`; nullopt for anything else, names included.
std::optional<Endpoint> parse_endpoint(std::string_view text);
std::string format_endpoint(const Endpoint& endpoint);

// Throws StartRefused when another program, or another Granary, has the port.
void prove_port_is_free(const Endpoint& endpoint);

// Throws StartRefused with the file at fault.
std::unique_ptr<asio::ssl::context> load_tls(const std::string& certificate_file, const std::string& key_file);

// Counts connections over all listeners; usable from every thread.
class ConnectionLimits {
 public:
  ConnectionLimits(std::size_t total, std::size_t per_address) : total_max_(total), per_address_max_(per_address) {}
  bool enter(const std::string& address);
  void leave(const std::string& address);

 private:
  std::mutex mutex_;
  std::size_t total_max_, per_address_max_, total_ = 0;
  std::map<std::string, std::size_t> by_address_;
};

// Accepts on one thread. Everything but the constructor runs on that thread's context.
class Listener {
 public:
  // `too_many` is the response to a connection over the limits. TLS when `tls` is given; it must outlive the listener.
  struct Options {
    asio::ssl::context* tls = nullptr;
    ConnectionLimits* limits = nullptr;
    std::function<Response()> too_many;
  };

  // Throws StartRefused when the port cannot be had. Port 0 takes a free one.
  Listener(asio::io_context& context, const Endpoint& endpoint, Handler handler, Options options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Endpoint endpoint() const;
  void start();
  // Takes no new connection, closes those without a whole request, lets the others end. The context then runs out of work.
  void stop();
  // Closes every connection, whatever it is at.
  void cut_off();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace granary::http
