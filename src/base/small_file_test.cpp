// Small files and pipes, whole or not at all, and nobody waited for too long.
#include "base/small_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "base/temporary_folder_fixture.hpp"

namespace granary {

namespace {

using std::chrono::milliseconds;

TEST(SmallFileTest, ReadsWholeFilesUpToTheirBound) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  for (const std::size_t size : {0U, 1U, 99U, 100U, 101U, 10'000U}) {
    std::ofstream(path, std::ios::trunc) << std::string(size, 'x');
    chmod(path.c_str(), 0640);
    const auto read = read_small_file(path, 100, milliseconds(1000));
    ASSERT_EQ(read.has_value(), size <= 100) << size;
    if (!read) {
      EXPECT_EQ(read.error(), EFBIG);
      continue;
    }
    EXPECT_EQ(read->text, std::string(size, 'x'));
    EXPECT_EQ(read->mode & 0777U, 0640U);
  }
}

TEST(SmallFileTest, SaysWhyNot) {
  const TemporaryFolder folder;
  const struct {
    std::string path;
    int error;
  } rows[] = {{folder / "missing", ENOENT}, {folder.path(), EISDIR}, {"", ENOENT}};
  for (const auto& row : rows) {
    const auto read = read_small_file(row.path, 100, milliseconds(1000));
    ASSERT_FALSE(read) << row.path;
    EXPECT_EQ(read.error(), row.error) << row.path;
  }
}

TEST(SmallFileTest, WaitsForAPipeButNotForLong) {
  const TemporaryFolder folder;
  const std::string path = folder / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const auto nobody = read_small_file(path, 100, milliseconds(50));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error(), ETIMEDOUT);

  std::thread writer([&] {
    std::this_thread::sleep_for(milliseconds(20));
    const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    for (const char* part : {"one ", "two"}) {
      EXPECT_GT(write(file, part, 3), 0);
      std::this_thread::sleep_for(milliseconds(20));
    }
    close(file);
  });
  const auto read = read_small_file(path, 100, milliseconds(5000));
  writer.join();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "onetwo");
}

TEST(SmallFileTest, AWriterThatNeverEndsIsNotWaitedFor) {
  const TemporaryFolder folder;
  const std::string path = folder / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int both = open(path.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(write(both, "half", 4), 4);
  const auto read = read_small_file(path, 100, milliseconds(50));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), ETIMEDOUT);
  close(both);
}

}  // namespace

}  // namespace granary
