// Delivers a response badly on purpose, as Response::delivery asks: so the sandbox can play a provider whose network is
// broken. Nothing else uses it. Each way ends the connection, after at most kMisbehaveMax or when the listener stops.
#pragma once

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/write.hpp>
#include <string_view>

#include "http/session.hpp"

namespace granary::http {

inline constexpr std::chrono::seconds kMisbehaveMax{60};
inline constexpr std::chrono::milliseconds kDripPause{200};

// Until the client closes.
template <class Stream>
Task<> hold(Stream& stream) {
  char dropped[512];
  while (true) {
    const auto [error, size] = co_await stream.async_read_some(asio::buffer(dropped), asio::as_tuple(use_task));
    if (error || size == 0) co_return;
  }
}

template <class Stream>
Task<> drip(Stream& stream, std::string_view head, std::string_view body) {
  using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
  Timer pause(co_await asio::this_coro::executor);
  auto [error, size] = co_await asio::async_write(stream, asio::buffer(head), asio::as_tuple(use_task));
  for (; !error && !body.empty(); body.remove_prefix(1)) {
    pause.expires_after(kDripPause);
    co_await pause.async_wait(asio::as_tuple(use_task));
    std::tie(error, size) = co_await asio::async_write(stream, asio::buffer(body.substr(0, 1)), asio::as_tuple(use_task));
  }
}

// `message` is head and body as they would be sent whole; it must live until the end.
template <class Stream>
Task<> misbehave(Stream& stream, Delivery delivery, std::string_view message, SessionContext& context) {
  const std::string_view head = message.substr(0, message.find("\r\n\r\n") + 4);
  const std::string_view body = message.substr(head.size());
  context.set_deadline(kMisbehaveMax);
  context.enter(Connection::Phase::waiting);  // a stopping listener need not wait for it
  boost::system::error_code ignored;
  switch (delivery) {
    case Delivery::whole: break;
    case Delivery::hang: co_await hold(stream); break;
    case Delivery::drip: co_await drip(stream, head, body); break;
    case Delivery::reset:
      stream.lowest_layer().set_option(asio::socket_base::linger(true, 0), ignored);
      stream.lowest_layer().close(ignored);
      break;
    case Delivery::cut:
      co_await asio::async_write(stream, std::array{asio::buffer(head), asio::buffer(body.substr(0, body.size() / 2))},
                                 asio::as_tuple(use_task));
      break;
  }
}

}  // namespace granary::http
