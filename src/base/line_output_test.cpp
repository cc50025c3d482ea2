// Lines to pipes, sockets, terminals and files whose reader sleeps, is gone or comes back: no write waits, and what is written
// are whole lines.
#include "base/line_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>

#include "base/temporary_folder_fixture.hpp"

namespace granary {

namespace {

// Two ends of a way from a writer to a reader that reads only when asked.
class Way {
 public:
  static Way pipe() {
    Way way;
    EXPECT_EQ(::pipe2(way.ends_, O_CLOEXEC), 0);
    return way;
  }
  static Way socket() {
    Way way;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, way.ends_), 0);
    return way;
  }
  static Way terminal() {
    Way way;
    EXPECT_EQ(openpty(&way.ends_[0], &way.ends_[1], nullptr, nullptr, nullptr), 0);
    return way;
  }
  Way(Way&& other) noexcept : ends_{std::exchange(other.ends_[0], -1), std::exchange(other.ends_[1], -1)} {}
  Way& operator=(Way&&) = delete;
  ~Way() {
    end_reading();
    if (ends_[1] >= 0) close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  void end_reading() {
    if (ends_[0] >= 0) close(std::exchange(ends_[0], -1));
  }
  // All that stands there now, the line ends of a terminal as those of a pipe.
  std::string read_now() {
    std::string out;
    char block[65536];
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    for (ssize_t size = 0; (size = read(ends_[0], block, sizeof block)) > 0;) out.append(block, static_cast<std::size_t>(size));
    std::erase(out, '\r');
    return out;
  }

 private:
  Way() = default;
  int ends_[2] = {-1, -1};
};

class LineOutputTest : public testing::Test {
 protected:
  void SetUp() override { before_ = std::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override { std::signal(SIGPIPE, before_); }

 private:
  void (*before_)(int) = SIG_DFL;
};

// Writes numbered lines until one is dropped; how many were not.
int fill(LineOutput& output, std::size_t bytes) {
  int count = 0;
  while (output.write(std::to_string(count) + std::string(bytes, '.'))) ++count;
  return count;
}

// Every line is one of those that were written, in order, none twice.
void expect_whole_lines(const std::string& text, int count, std::size_t bytes) {
  std::string expected;
  for (int i = 0; i < count; ++i) expected += std::to_string(i) + std::string(bytes, '.') + '\n';
  EXPECT_EQ(text, expected);
}

TEST_F(LineOutputTest, AReaderThatSleepsIsNotWaitedFor) {
  for (auto make : {Way::pipe, Way::socket, Way::terminal})
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{3000}, std::size_t{10'000}}) {
      Way way = make();
      const int flags = fcntl(way.writer(), F_GETFL);
      LineOutput output(way.writer());
      const auto before = std::chrono::steady_clock::now();
      const int count = fill(output, bytes);
      EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
      EXPECT_GT(count, 0);
      std::string text = way.read_now();
      EXPECT_TRUE(output.write("after")) << "there is room again";
      text += way.read_now();
      ASSERT_TRUE(text.ends_with("after\n")) << text.substr(text.size() - std::min<std::size_t>(text.size(), 100));
      expect_whole_lines(text.substr(0, text.size() - 6), count, bytes);
      EXPECT_EQ(fcntl(way.writer(), F_GETFL), flags) << "whoever shares the descriptor may wait as before";
    }
}

TEST_F(LineOutputTest, AReaderThatIsGoneCostsTheLine) {
  for (auto make : {Way::pipe, Way::socket}) {
    Way way = make();
    LineOutput output(way.writer());
    EXPECT_TRUE(output.write("one"));
    way.end_reading();
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(output.write("two"));
  }
}

TEST_F(LineOutputTest, AReaderThatComesBackBeginsWithAWholeLine) {
  const TemporaryFolder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const int writer = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  LineOutput output(writer);
  EXPECT_GT(fill(output, 5000), 0) << "ends within a line";
  close(reader);
  EXPECT_FALSE(output.write("lost"));
  reader = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  std::string block(1 << 20, '\0');
  EXPECT_GT(read(reader, block.data(), block.size()), 0) << "what the one before left";
  EXPECT_TRUE(output.write("found"));
  const ssize_t size = read(reader, block.data(), block.size());
  EXPECT_EQ(block.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0))), "\nfound\n");
  close(reader);
  close(writer);
}

TEST_F(LineOutputTest, WhatTakesNothing) {
  LineOutput none(-1);
  EXPECT_FALSE(none.write("x"));
  const int closed = open("/dev/null", O_WRONLY | O_CLOEXEC);
  close(closed);
  LineOutput after(closed);
  EXPECT_FALSE(after.write("x"));
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  LineOutput on_full(full);
  EXPECT_FALSE(on_full.write("x"));
  close(full);
}

TEST_F(LineOutputTest, AFileGetsEachLine) {
  const TemporaryFolder folder;
  const std::string path = folder / "log";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  LineOutput output(file);
  for (const char* line : {"one", "", "three"}) EXPECT_TRUE(output.write(line));
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "one\n\nthree\n");
  close(file);
}

}  // namespace

}  // namespace granary
