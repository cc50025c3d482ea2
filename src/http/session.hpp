// One connection: reads requests one after another, hands each to the handler, writes the response in one piece.
#pragma once

#include "http/connections.hpp"
#include "http/server.hpp"

namespace granary::http {

struct SessionContext {
  const Handler& handler;
  const Listener::Options& options;
  const bool& stopping;
  Connections& connections;
  Connections::Place connection;

  void enter(Connection::Phase phase) { connections.enter(connection, phase); }
  void set_deadline(std::chrono::seconds wait) { connection->deadline = std::chrono::steady_clock::now() + wait; }
};

inline constexpr std::chrono::seconds kIdleTimeout{60};
inline constexpr std::chrono::seconds kHeadTimeout{10};
inline constexpr std::chrono::seconds kBodyTimeout{60};
inline constexpr std::chrono::seconds kWriteTimeout{30};
inline constexpr std::chrono::seconds kLingerTimeout{2};
// What is read of a body that nobody wants, so that its sender sees the answer.
inline constexpr std::size_t kDroppedBytesMax = 64 * 1024;

using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

// Ends when the client closes, a deadline passes, or the listener stops. Throws nothing but bad_alloc.
Task<> serve_connection(Socket& socket, std::string peer, SessionContext context);
// Answers one for which there is no place, whatever it asks.
Task<> refuse_connection(Socket& socket, SessionContext context);

}  // namespace granary::http
