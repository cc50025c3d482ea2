// The log when its reader sleeps: lines are dropped and counted, and the first that is written again tells how many were.
#include "base/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>

#include "base/json.hpp"

namespace granary {

namespace {

std::vector<Json> read_lines(int reader) {
  std::vector<Json> lines;
  std::string text;
  std::array<char, 65536> block{};
  for (ssize_t size = 0; (size = read(reader, block.data(), block.size())) > 0;)
    text.append(block.data(), static_cast<std::size_t>(size));
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    auto line = Json::parse(std::string_view(text).substr(begin, end - begin));
    EXPECT_TRUE(line) << text.substr(begin, end - begin);
    if (line) lines.push_back(std::move(*line));
  }
  return lines;
}

TEST(LogTest, ToldIsHowManyLinesWereDropped) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  SystemClock clock;
  Log log(clock, LogLevel::info, ends[1]);
  log.write(LogLevel::debug, "below the least level");
  std::int64_t written = 0;
  for (; log.dropped() == 0; ++written) log.info("a line", {{"number", written}, {"text", "\"quoted\"\n"}});
  for (int i = 0; i < 9; ++i) log.error("another");
  EXPECT_EQ(log.dropped(), 10U);

  const auto before = read_lines(ends[0]);
  EXPECT_EQ(static_cast<std::int64_t>(before.size()), written - 1);
  log.info("and on");
  log.info("and on");
  const auto after = read_lines(ends[0]);
  ASSERT_EQ(after.size(), 3U);
  EXPECT_EQ(after[0].find_string("message"), "log lines were dropped");
  EXPECT_EQ(after[0].find_string("level"), "warning");
  EXPECT_EQ(after[0].find("count")->integer(), 10);
  for (const int i : {1, 2}) EXPECT_EQ(after[static_cast<std::size_t>(i)].find_string("message"), "and on");
  EXPECT_EQ(log.dropped(), 10U);
  for (const int end : ends) close(end);
}

TEST(LogTest, SilentIsNotDropped) {
  SystemClock clock;
  Log log(clock, LogLevel::none);
  log.error("nothing");
  EXPECT_EQ(log.dropped(), 0U);
}

}  // namespace

}  // namespace granary
