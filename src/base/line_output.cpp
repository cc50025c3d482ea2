#include "base/line_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace granary {

LineOutput::LineOutput(int descriptor) : descriptor_(descriptor), piece_bytes_(SSIZE_MAX) {
  struct stat info{};
  if (descriptor < 0 || fstat(descriptor, &info) != 0) return;
  is_socket_ = S_ISSOCK(info.st_mode);
  const bool is_terminal = isatty(descriptor) != 0;
  if (!S_ISFIFO(info.st_mode) && !is_terminal) return;
  // O_NONBLOCK on the descriptor itself would be the other processes' as well: it belongs to what was opened, not to who has it.
  own_ = open(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  // Another user's may not be opened. A pipe that takes something takes PIPE_BUF bytes; a terminal perhaps only one.
  if (own_ < 0) piece_bytes_ = is_terminal ? 1 : PIPE_BUF;
}

LineOutput::~LineOutput() {
  if (own_ >= 0) close(own_);
}

bool LineOutput::write(std::string_view line) {
  if (!write_rest()) return false;
  rest_ = line;
  rest_ += '\n';
  is_begun_ = false;
  if (write_rest() || is_begun_) return true;
  rest_.clear();
  return false;
}

bool LineOutput::write_rest() {
  while (!rest_.empty()) {
    const ssize_t written = write_now(rest_);
    const int why = errno;
    if (written > 0) {
      rest_.erase(0, static_cast<std::size_t>(written));
      is_begun_ = true;
    } else if (written == 0 || why != EINTR) {
      // Who reads next may have the beginning of the line or not: what follows stands on a line of its own.
      if (why == EPIPE && is_begun_) rest_ = "\n";
      return false;
    }
  }
  return true;
}

ssize_t LineOutput::write_now(std::string_view bytes) {
  if (is_socket_) return send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (own_ >= 0) return ::write(own_, bytes.data(), bytes.size());
  pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  if (poll(&ready, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(descriptor_, bytes.data(), std::min(bytes.size(), piece_bytes_));
}

}  // namespace granary
