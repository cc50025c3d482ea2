// One connection: reads requests one after another, hands each to the handler, writes the response in one piece.
#pragma once

#include <list>

#include "http/server.hpp"

namespace granary::http {

// A connection as its listener's clock sees it. A deadline passed closes the socket, which ends the session.
struct Connection {
  std::chrono::steady_clock::time_point deadline;
  bool is_reading = true;  // no request is whole yet
  std::function<void()> close;
};

struct SessionContext {
  const Handler& handler;
  const Listener::Options& options;
  const bool& stopping;
  Connection& connection;
};

inline constexpr std::chrono::seconds kIdleTimeout{60};
inline constexpr std::chrono::seconds kHeadTimeout{10};
inline constexpr std::chrono::seconds kBodyTimeout{60};
inline constexpr std::chrono::seconds kWriteTimeout{30};
inline constexpr std::chrono::seconds kLingerTimeout{2};

using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

// Ends when the client closes, a deadline passes, or the listener stops. Throws nothing but bad_alloc.
Task<> serve_connection(Socket& socket, std::string peer, bool over_limit, SessionContext context);

}  // namespace granary::http
