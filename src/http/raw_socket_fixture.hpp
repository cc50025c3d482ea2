// Raw loopback sockets for the tests of this folder: bytes in and out as given, so that malformed and cut messages can be
// sent. Every wait is bounded; a wait that runs out ends the reading.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace granary::http {

class RawSocket {
 public:
  RawSocket() = default;
  explicit RawSocket(int descriptor) : descriptor_(descriptor) {
    const timeval wait{.tv_sec = 5, .tv_usec = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  }
  RawSocket(RawSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  RawSocket& operator=(RawSocket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  ~RawSocket() { close(); }

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static RawSocket connect_to(std::uint16_t port) {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (::connect(socket.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.close();
    return socket;
  }
  // Listens on a free port, which port() then tells.
  static RawSocket listen_anywhere() {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(0);
    if (bind(socket.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.close();
    listen(socket.descriptor_, 16);
    return socket;
  }

  std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  bool is_open() const { return descriptor_ >= 0; }
  RawSocket accept() { return RawSocket(accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC)); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_sending() { shutdown(descriptor_, SHUT_WR); }
  // Wakes whoever waits in accept() or a read.
  void interrupt() { shutdown(descriptor_, SHUT_RDWR); }

  // Until the other side ends the connection; `was_reset()` and `timed_out()` then tell how.
  std::string read_all() {
    while (read_more()) continue;
    return std::exchange(pending_, {});
  }
  // Up to and with `mark`; less when the connection ends before.
  std::string read_until(std::string_view mark) {
    while (!pending_.contains(mark) && read_more()) continue;
    const auto at = pending_.find(mark);
    return take(at == std::string::npos ? pending_.size() : at + mark.size());
  }
  std::string read_bytes(std::size_t count) {
    while (pending_.size() < count && read_more()) continue;
    return take(std::min(count, pending_.size()));
  }
  bool was_reset() const { return error_ == ECONNRESET; }
  bool timed_out() const { return error_ == EAGAIN; }

  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  bool read_more() {
    char buffer[65'536];
    const ssize_t size = recv(descriptor_, buffer, sizeof buffer, 0);
    error_ = size < 0 ? errno : 0;
    if (size > 0) pending_.append(buffer, static_cast<std::size_t>(size));
    return size > 0;
  }
  std::string take(std::size_t count) {
    std::string out = pending_.substr(0, count);
    pending_.erase(0, count);
    return out;
  }

  int descriptor_ = -1;
  int error_ = 0;
  std::string pending_;
};

}  // namespace granary::http
