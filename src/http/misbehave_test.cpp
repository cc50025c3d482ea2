#include "http/misbehave.hpp"

#include <gtest/gtest.h>

namespace granary::http {

namespace {

using Clock = std::chrono::steady_clock;

// What a client got: the bytes, and how the connection ended.
struct Received {
  std::string bytes;
  boost::system::error_code end;
};

// Asks once, reads until the connection ends or `wait` is over.
Task<Received> ask(asio::io_context& context, Endpoint endpoint, std::chrono::milliseconds wait) {
  Socket socket(context.get_executor());
  co_await socket.async_connect(endpoint, use_task);
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Own: y\r\nAccept: */*\r\n\r\n";
  co_await asio::async_write(socket, asio::buffer(kRequest), use_task);
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer(context.get_executor(), wait);
  timer.async_wait([&](boost::system::error_code error) {
    if (!error) socket.close();
  });
  Received received;
  char buffer[4096];
  while (!received.end) {
    const auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(use_task));
    received.bytes.append(buffer, size);
    received.end = error;
  }
  co_return received;
}

Received deliver(Delivery delivery, std::chrono::milliseconds wait = std::chrono::milliseconds(500)) {
  asio::io_context context;
  const Handler handler = [&](Request& request, BodyReader&) -> Task<Response> {
    EXPECT_EQ(request.other_headers, (std::vector<std::pair<std::string, std::string>>{{"X-Own", "y"}}));
    Response response;
    response.body = "0123456789";
    response.delivery = delivery;
    co_return response;
  };
  Listener listener(context, Endpoint(asio::ip::address_v4::loopback(), 0), handler, {.unknown_headers = UnknownHeaders::kept});
  listener.start();
  Received received;
  asio::co_spawn(context, ask(context, listener.endpoint(), wait), [&](std::exception_ptr error, Received result) {
    EXPECT_FALSE(error);
    received = std::move(result);
    listener.stop();
  });
  context.run();
  return received;
}

std::string body_of(const Received& received) {
  const auto head = received.bytes.find("\r\n\r\n");
  return head == std::string::npos ? "no head" : received.bytes.substr(head + 4);
}

TEST(HttpMisbehave, Whole) { EXPECT_EQ(body_of(deliver(Delivery::whole)), "0123456789"); }

TEST(HttpMisbehave, HangNeverAnswers) {
  const auto received = deliver(Delivery::hang, std::chrono::milliseconds(50));
  EXPECT_EQ(received.bytes, "");
  EXPECT_EQ(received.end, asio::error::operation_aborted) << "it was the client that closed";
}

TEST(HttpMisbehave, DripSendsByteByByte) {
  const auto received = deliver(Delivery::drip);
  EXPECT_TRUE(received.bytes.contains("Content-Length: 10\r\n"));
  EXPECT_TRUE(std::string_view("0123456789").starts_with(body_of(received)) && body_of(received).size() < 6) << received.bytes;
}

TEST(HttpMisbehave, ResetSendsNothing) {
  const auto received = deliver(Delivery::reset);
  EXPECT_EQ(received.bytes, "");
  EXPECT_EQ(received.end, asio::error::connection_reset);
}

TEST(HttpMisbehave, CutPromisesMoreThanItSends) {
  const auto received = deliver(Delivery::cut);
  EXPECT_TRUE(received.bytes.contains("Content-Length: 10\r\n"));
  EXPECT_EQ(body_of(received), "01234");
  EXPECT_EQ(received.end, asio::error::eof);
}

}  // namespace

}  // namespace granary::http
