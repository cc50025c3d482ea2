// For the tests of the client: a server that plays its part byte by byte, and exchanges with it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "http/curl_transport.hpp"
#include "http/raw_socket_fixture.hpp"

namespace granary::http {

// What one connection does, on a thread of its own.
using Script = std::function<void(RawSocket&)>;

class RawServer {
 public:
  // The last script is played again for every further connection.
  explicit RawServer(std::vector<Script> scripts)
      : listener_(RawSocket::listen_anywhere()),
        port_(listener_.port()),
        scripts_(std::move(scripts)),
        thread_([this] { serve(); }) {}
  ~RawServer() {
    listener_.interrupt();
    thread_.join();
    for (auto& player : players_) player.join();
  }
  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void serve() {
    while (true) {
      RawSocket connection = listener_.accept();
      if (!connection.is_open()) return;
      const Script& script = scripts_[std::min<std::size_t>(static_cast<std::size_t>(connections_++), scripts_.size() - 1)];
      players_.emplace_back([&script, connection = std::move(connection)]() mutable { script(connection); });
    }
  }

  RawSocket listener_;
  const std::uint16_t port_;
  const std::vector<Script> scripts_;
  std::atomic<int> connections_ = 0;
  std::vector<std::thread> players_;
  std::thread thread_;
};

// Reads one head and the body that its Content-Length announces.
inline std::string read_request(RawSocket& connection) {
  std::string request = connection.read_until("\r\n\r\n");
  const auto length = request.find("\r\nContent-Length: ");
  if (length != std::string::npos) request += connection.read_bytes(std::stoul(request.substr(length + 18)));
  return request;
}

// Reads a request, sends these bytes, ends the connection.
inline Script answer(std::string bytes) {
  return [bytes](RawSocket& connection) {
    read_request(connection);
    connection.send(bytes);
  };
}
// As above, but ends it with a reset once the client has the bytes.
inline Script answer_and_reset(std::string bytes) {
  return [bytes](RawSocket& connection) {
    read_request(connection);
    connection.send(bytes);
    if (!bytes.empty()) std::this_thread::sleep_for(milliseconds(20));
    connection.reset();
  };
}
// As above, but holds the connection until the client ends it.
inline Script answer_and_hold(std::string bytes) {
  return [bytes](RawSocket& connection) {
    read_request(connection);
    connection.send(bytes);
    connection.read_all();
  };
}

inline const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class CurlTransportTest : public testing::Test {
 protected:
  static EgressGuard loopback_allowed() { return EgressGuard({parse_range("127.0.0.0/8").value()}); }

  OutboundRequest to(const std::string& url, milliseconds patience = milliseconds(5000)) {
    return {.method = "GET",
            .url = url,
            .headers = {},
            .body = {},
            .deadline = std::chrono::time_point_cast<microseconds>(std::chrono::steady_clock::now()) + patience};
  }
  OutboundRequest to(const RawServer& server, milliseconds patience = milliseconds(5000)) {
    return to("http://127.0.0.1:" + std::to_string(server.port()) + "/x", patience);
  }
  // One exchange after another over one transport.
  std::vector<Exchange> run(const EgressGuard& guard, std::vector<OutboundRequest> requests, TransportOptions options = {}) {
    asio::io_context context;
    CurlTransport transport(context, guard, std::move(options));
    std::vector<Exchange> results;
    const auto work = [&]() -> Task<> {
      for (auto& request : requests) results.push_back(co_await transport.exchange(std::move(request)));
      transport.stop();
    };
    asio::co_spawn(context, work, [](std::exception_ptr error) { EXPECT_FALSE(error) << "an exchange throws nothing"; });
    context.run();
    return results;
  }
  // One exchange; the process runs as `begin` says, then not at all until long after the deadline.
  static Exchange run_and_stand_still(OutboundRequest request, const std::function<void(asio::io_context&)>& begin) {
    const EgressGuard guard = loopback_allowed();
    asio::io_context context;
    CurlTransport transport(context, guard, {});
    Exchange exchange;
    const auto work = [&]() -> Task<> {
      exchange = co_await transport.exchange(std::move(request));
      transport.stop();
    };
    asio::co_spawn(context, work, [](std::exception_ptr error) { EXPECT_FALSE(error); });
    begin(context);
    std::this_thread::sleep_for(milliseconds(800));
    context.restart();
    context.run();
    return exchange;
  }
  Exchange run(OutboundRequest request) {
    std::vector<OutboundRequest> requests;
    requests.push_back(std::move(request));
    auto results = run(loopback_allowed(), std::move(requests));
    EXPECT_EQ(results.size(), 1U);
    return results.empty() ? Exchange() : std::move(results[0]);
  }
};

inline std::string name_of(std::optional<ExchangeFailure> failure) {
  if (!failure) return "none";
  constexpr const char* kNames[] = {"unresolved", "unreachable", "tls", "blocked", "timeout", "cut", "too_large", "abandoned"};
  return kNames[static_cast<int>(*failure)];
}

// Keeps what it was asked; answers each request of a connection, the n-th as the n-th answer says.
class Recorder {
 public:
  Script playing(std::vector<std::string> answers) {
    return [this, answers](RawSocket& connection) {
      for (const std::string& bytes : answers) {
        const std::string request = read_request(connection);
        if (request.empty()) return;
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        if (bytes.empty()) return;
        connection.send(bytes);
      }
    };
  }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
};

inline OutboundRequest posting(OutboundRequest request, bool is_fresh) {
  request.method = "POST";
  request.body = "grant_type=refresh_token";
  request.fresh_connection = is_fresh;
  return request;
}

}  // namespace granary::http
