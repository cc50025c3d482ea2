#include "base/small_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/plaintext.hpp"

namespace granary {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// 0, or the errno. Reads one byte more than allowed to know that it is one too many.
int read_all(int file, std::string& text, std::size_t bytes_max, Clock::time_point end) {
  text.resize(bytes_max + 1);  // never grown: no part of a key stays where it was moved from
  std::size_t size = 0;
  while (size < text.size()) {
    pollfd ready{.fd = file, .events = POLLIN, .revents = 0};
    const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
    const int polled = poll(&ready, 1, std::max(0, static_cast<int>(left.count())));
    if (polled == 0) return ETIMEDOUT;
    const ssize_t got = polled < 0 ? -1 : read(file, text.data() + size, text.size() - size);
    if (got == 0) break;
    if (got > 0) size += static_cast<std::size_t>(got);
    else if (errno != EINTR && errno != EAGAIN) return errno;
  }
  if (size > bytes_max) return EFBIG;
  text.resize(size);
  return 0;
}

}  // namespace

std::expected<SmallFile, int> read_small_file(const std::string& path, std::size_t bytes_max, milliseconds patience) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return std::unexpected(errno);
  SmallFile found;
  struct stat info{};
  int error = fstat(file, &info) == 0 ? 0 : errno;
  found.mode = info.st_mode;
  if (error == 0) error = read_all(file, found.text, bytes_max, Clock::now() + patience);
  close(file);
  if (error == 0) return found;
  wipe(found.text);
  return std::unexpected(error);
}

}  // namespace granary
