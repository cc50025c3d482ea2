// A listener on a thread of its own whose handler says what it got, and requests as a client could send them.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "http/limits.hpp"
#include "http/raw_socket_fixture.hpp"
#include "http/server.hpp"

namespace granary::http {

inline constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

inline std::string joined(const Request& request) {
  return request.method + " " + request.path + "?" + request.query + "|" + request.content_type + "|" + request.authorization +
         "|";
}

class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override {
    stop();
    if (thread_.joinable()) thread_.join();
  }

  void start(Listener::Options options = {}) {
    const Handler handler = [this](Request& request, BodyReader& body) { return answer(request, body); };
    listener_.emplace(context_, Endpoint(asio::ip::address_v4::loopback(), 0), handler, std::move(options));
    listener_->start();
    port_ = listener_->endpoint().port();
    thread_ = std::thread([this] { context_.run(); });
  }
  void stop() {
    if (listener_) asio::post(context_, [this] { listener_->stop(); });
  }

  Task<Response> answer(Request& request, BodyReader& body) {
    ++heads_;
    Response response;
    if (request.path == "/unread") co_return Response{.status = 401, .body = "unread"};
    const BodyEnd end =
        request.defect == Defect::none && body.has_body() ? co_await body.read(body_max_, payer_) : BodyEnd::whole;
    if (end == BodyEnd::abandoned) co_return response;
    if (request.path == "/peer") co_return Response{.body = request.peer};
    if (request.path == "/wait") {
      ++waiting_;
      co_await signal_.wait();
    }
    if (request.path == "/empty") response.status = 204;
    if (request.path == "/long") response.body = std::string(3'000'000, 'l');
    else response.body = joined(request) + (request.body.size() > 100 ? std::to_string(request.body.size()) : request.body);
    if (request.defect == Defect::malformed || end == BodyEnd::malformed) response.status = 400;
    if (request.defect == Defect::head_too_large) response.status = 431;
    if (end == BodyEnd::too_large) response.status = 413;
    if (end == BodyEnd::no_room) response.status = 503;
    ++handled_;
    co_return response;
  }

  RawSocket connect() { return RawSocket::connect_to(port_); }
  // Sends everything, then reads until the server ends the connection by itself.
  std::string talk(std::string_view bytes) {
    RawSocket socket = connect();
    socket.send(bytes);
    std::string received = socket.read_all();
    EXPECT_FALSE(socket.timed_out()) << "the connection stays open";
    return received;
  }
  static std::string body_of(const std::string& response) {
    const auto head = response.find("\r\n\r\n");
    return head == std::string::npos ? "no head in: " + response : response.substr(head + 4);
  }
  // One response, as long as its Content-Length says; empty at the end of the connection.
  static std::string read_response(RawSocket& socket) {
    const std::string head = socket.read_until("\r\n\r\n");
    const auto length = head.find("\r\nContent-Length: ");
    if (length == std::string::npos) return head;
    return head + socket.read_bytes(std::stoul(head.substr(length + 18)));
  }

  std::optional<ConnectionLimits> limits_;  // used where a test says so
  std::optional<BodyMemory> memory_;
  asio::io_context context_;
  Signal signal_{context_.get_executor()};
  std::optional<Listener> listener_;
  std::thread thread_;
  std::uint16_t port_ = 0;
  std::vector<RawSocket> waiting_sockets_;
  std::size_t body_max_ = kBodyBytesMax;
  std::string payer_ = "somebody";
  std::atomic<int> heads_ = 0, handled_ = 0, waiting_ = 0;
};

struct Row {
  const char* name;
  std::string bytes;
};

inline std::string with_headers(std::string_view headers, std::string_view body = "") {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n\r\n" + std::string(body);
}

inline std::string repeated(std::string_view text, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += text;
  return out;
}

}  // namespace granary::http
