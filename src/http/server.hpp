// The HTTP/1.1 server: one listener for each thread's io_context, all on one port through SO_REUSEPORT, plain or TLS.
// Knows no product noun: it reads requests, hands them to one handler, and writes what comes back.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/task.hpp"
#include "base/time.hpp"
#include "http/client_address.hpp"
#include "http/message.hpp"
#include "http/tls.hpp"

namespace granary::http {

class BodyMemory;
class ConnectionLimits;

using Endpoint = asio::ip::tcp::endpoint;
// Called when the head of a request is whole. It decides by the head alone whether it wants the body.
using Handler = std::function<Task<Response>(Request& head, BodyReader& body)>;

// `127.0.0.1:8080` or `[::1]:8080`; nullopt for anything else, names included.
std::optional<Endpoint> parse_endpoint(std::string_view text);
std::string format_endpoint(const Endpoint& endpoint);

// Throws StartRefused when another program, or another Granary, has the port.
void prove_port_is_free(const Endpoint& endpoint);

// Accepts on one thread. Everything but the constructor runs on that thread's context.
class Listener {
 public:
  // What is pointed to outlives the listener; without it there is no TLS, and no limit.
  struct Options {
    const TlsCertificate* tls = nullptr;
    ConnectionLimits* limits = nullptr;
    BodyMemory* body_memory = nullptr;
    TrustedProxies proxies;
    UnknownHeaders unknown_headers = UnknownHeaders::dropped;
    std::function<Response()> too_many;  // the response to a connection over the limits
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
