// The data folder: made only where asked, held by one at a time, and every refusal a sentence that leaves nothing behind.
#include "base/data_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/temporary_folder_fixture.hpp"

namespace granary {

namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

class DataFolderTest : public testing::Test {
 protected:
  std::string refusal(const fs::path& path, MissingFolder missing) {
    try {
      DataFolder folder(path, missing, milliseconds(0));
      return "";
    } catch (const StartRefused& refused) {
      return refused.what();
    }
  }

  TemporaryFolder root_;
};

TEST_F(DataFolderTest, IsMadeForThisUserAlone) {
  const fs::path path = root_ / "data";
  const DataFolder folder(path, MissingFolder::make, milliseconds(0));
  EXPECT_EQ(folder.path(), path);
  EXPECT_EQ(folder.store_file(), path / "granary.db");
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  for (const auto& entry : fs::directory_iterator(path)) {
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077U, 0U) << entry.path();
  }
}

TEST_F(DataFolderTest, RefusesAndLeavesNothing) {
  std::ofstream(root_ / "file") << "x";
  const struct {
    const char* path;
    MissingFolder missing;
    const char* sentence;
  } rows[] = {
      {"missing", MissingFolder::refuse, "there is no data folder"},
      {"missing/below", MissingFolder::make, "cannot make the data folder"},
      {"missing/below", MissingFolder::refuse, "there is no data folder"},
      {"file", MissingFolder::make, "is not a folder"},
      {"file", MissingFolder::refuse, "is not a folder"},
      {"file/below", MissingFolder::make, "cannot use the data folder"},
  };
  for (const auto& row : rows) {
    const std::string why = refusal(root_ / row.path, row.missing);
    EXPECT_TRUE(why.contains(row.sentence)) << row.path << ": " << why;
    EXPECT_TRUE(why.contains((root_ / row.path).string())) << why;
    EXPECT_FALSE(fs::exists(root_ / "missing")) << row.path;
  }
  EXPECT_EQ(fs::file_size(root_ / "file"), 1U);
}

TEST_F(DataFolderTest, IsHeldByOneAtATime) {
  const fs::path path = root_ / "data";
  std::optional<DataFolder> first(std::in_place, path, MissingFolder::make, milliseconds(0));
  EXPECT_TRUE(refusal(path, MissingFolder::make).contains("in use")) << "held";
  EXPECT_TRUE(refusal(path, MissingFolder::refuse).contains("in use")) << "a refused try frees nothing";
  const DataFolder moved(std::move(*first));
  first.reset();
  EXPECT_TRUE(refusal(path, MissingFolder::make).contains("in use")) << "moved, not freed";
}

TEST_F(DataFolderTest, IsClosedToOthersOnceItIsHeld) {
  const fs::path path = root_ / "data";
  fs::create_directory(path);
  chmod(path.c_str(), 0755);
  {
    const DataFolder folder(path, MissingFolder::refuse, milliseconds(0));
    EXPECT_EQ(folder.closed_to_others(), std::vector<std::string>{"."});
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(0700));
    chmod(path.c_str(), 0755);
    EXPECT_TRUE(refusal(path, MissingFolder::make).contains("in use"));
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(0755)) << "who does not hold it changes nothing";
  }
  chmod(path.c_str(), 0770);
  EXPECT_TRUE(refusal(path, MissingFolder::make).contains("chmod 700"));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0770));
}

TEST_F(DataFolderTest, MayBeALinkButHoldNone) {
  const fs::path path = root_ / "data", link = root_ / "link", elsewhere = root_ / "elsewhere";
  fs::create_directory(path);
  fs::permissions(path, fs::perms(0700));
  fs::create_directory_symlink(path, link);
  EXPECT_EQ(refusal(link, MissingFolder::refuse), "");
  fs::remove(path / "lock");
  fs::create_symlink(elsewhere, path / "lock");
  EXPECT_TRUE(refusal(path, MissingFolder::make).contains("is a link"));
  EXPECT_TRUE(refusal(link, MissingFolder::make).contains("is a link"));
  EXPECT_FALSE(fs::exists(elsewhere)) << "nothing was made where it leads";
  EXPECT_THROW(refuse_unsafe_folder(link, ForeignFolder::refuse), StartRefused);
  EXPECT_NO_THROW(refuse_unsafe_folder(root_ / "missing", ForeignFolder::refuse));
}

TEST_F(DataFolderTest, IsFreeAgainAtItsEnd) {
  const fs::path path = root_ / "data";
  std::ofstream(root_ / "kept") << "x";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(refusal(path, MissingFolder::make), "") << i;
  EXPECT_EQ(refusal(path, MissingFolder::refuse), "");
}

TEST_F(DataFolderTest, WaitsForWhoeverHoldsItForAMoment) {
  const fs::path path = root_ / "data";
  std::optional<DataFolder> first(std::in_place, path, MissingFolder::make, milliseconds(0));
  std::thread holder([&] {
    std::this_thread::sleep_for(milliseconds(20));
    first.reset();
  });
  EXPECT_NO_THROW(DataFolder(path, MissingFolder::refuse, milliseconds(5000)));
  holder.join();
}

}  // namespace

}  // namespace granary
