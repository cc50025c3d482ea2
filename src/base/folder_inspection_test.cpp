// What is refused in the data folder, what is only closed to others, and that each refusal names the file and a command. Other
// owners need root: tests/test_folder.py.
#include "base/folder_inspection.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.hpp"
#include "base/temporary_folder_fixture.hpp"

namespace granary {

namespace {

namespace fs = std::filesystem;

const char* const kNames[] = {"lock", "granary.db", "granary.db-wal", "granary.db-shm", "granary.db-journal", "granary.sock"};

void make_socket(const std::string& path) {
  const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(made, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  EXPECT_EQ(bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(made);
}

class FolderInspectionTest : public testing::Test {
 public:
  FolderInspectionTest() : folder_(open(root_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    for (const char* name : kNames) put(name, 0600);
  }
  ~FolderInspectionTest() override { close(folder_); }

 protected:
  void put(const std::string& name, mode_t mode) {
    fs::remove_all(root_ / name);
    if (name == "granary.sock") make_socket(root_ / name);
    else std::ofstream(root_ / name) << "x";
    chmod((root_ / name).c_str(), mode);
  }
  std::string refusal() {
    try {
      found_ = inspect_folder(folder_, root_.path(), ForeignFolder::refuse).to_others;
      return "";
    } catch (const StartRefused& refused) {
      return refused.what();
    }
  }
  mode_t mode_of(const std::string& name) {
    struct stat info{};
    EXPECT_EQ(stat((root_ / name).c_str(), &info), 0);
    return info.st_mode & 0777U;
  }

  TemporaryFolder root_;
  int folder_;
  std::vector<std::string> found_;
};

TEST_F(FolderInspectionTest, WhatIsOursAloneIsFine) {
  for (const mode_t mode : {0700U, 0500U}) {
    chmod(root_.path().c_str(), mode);
    EXPECT_EQ(refusal(), "");
    EXPECT_TRUE(found_.empty());
  }
  chmod(root_.path().c_str(), 0700);
  std::ofstream(root_ / "something of the operator's") << "x";
  fs::permissions(root_ / "something of the operator's", fs::perms::all);
  for (const char* name : kNames) fs::remove(root_ / name);
  EXPECT_EQ(refusal(), "") << "no file of ours, and another's that is none of our business";
}

TEST_F(FolderInspectionTest, WhatOthersCanReadIsClosedToThem) {
  for (const mode_t bits : {0040U, 0004U, 0010U, 0001U, 0055U}) {
    chmod(root_.path().c_str(), 0700 | bits);
    for (const char* name : kNames) put(name, 0600 | bits);
    EXPECT_EQ(refusal(), "");
    EXPECT_EQ(found_.size(), 1 + std::size(kNames));
    close_to_others(folder_, root_.path(), found_);
    EXPECT_EQ(mode_of("."), 0700U);
    for (const char* name : kNames) EXPECT_EQ(mode_of(name), 0600U) << name;
    EXPECT_EQ(refusal(), "");
    EXPECT_TRUE(found_.empty());
  }
}

TEST_F(FolderInspectionTest, WhatOthersCanWriteIsRefused) {
  for (const mode_t bits : {0020U, 0002U, 0077U}) {
    chmod(root_.path().c_str(), 0700 | bits);
    EXPECT_TRUE(refusal().contains("`chmod 700 " + root_.path().string() + "`")) << refusal();
    chmod(root_.path().c_str(), 0700);
    for (const std::string name : kNames) {
      put(name, 0600 | bits);
      EXPECT_TRUE(refusal().contains("`chmod 600 " + (root_ / name).string() + "`")) << refusal();
      put(name, 0600);
    }
    EXPECT_EQ(refusal(), "");
  }
  for (const char* name : kNames) fs::remove(root_ / name);
  chmod(root_.path().c_str(), 0777);
  EXPECT_EQ(refusal(), "") << "nothing of ours was there for others to change";
  EXPECT_EQ(found_, std::vector<std::string>{"."});
}

TEST_F(FolderInspectionTest, WhatIsNoFileOfOursIsRefused) {
  const std::string elsewhere = root_ / "elsewhere";
  std::ofstream(elsewhere) << "x";
  chmod(elsewhere.c_str(), 0600);
  const struct {
    const char* what;
    std::function<void(const std::string&)> make;
  } rows[] = {
      {"a link", [&](const std::string& path) { fs::create_symlink(elsewhere, path); }},
      {"a link", [&](const std::string& path) { fs::create_symlink(root_ / "nowhere", path); }},
      {"a pipe", [](const std::string& path) { mkfifo(path.c_str(), 0600); }},
      {"a folder", [](const std::string& path) { fs::create_directory(path); }},
      {"a hard link", [&](const std::string& path) { fs::create_hard_link(elsewhere, path); }},
      {"a socket", make_socket},
      {"a file", [](const std::string& path) { std::ofstream(path) << "x"; }},
  };
  for (const std::string name : kNames)
    for (const auto& row : rows) {
      const bool is_socket = name == "granary.sock";
      if ((is_socket && row.make.target_type() == rows[5].make.target_type()) ||
          (!is_socket && std::string(row.what) == "a file"))
        continue;
      fs::remove_all(root_ / name);
      row.make(root_ / name);
      const std::string why = refusal();
      EXPECT_TRUE(why.contains((root_ / name).string())) << name << " " << row.what << ": " << why;
      EXPECT_TRUE(why.contains(" is a ") && why.contains("run `")) << why;
      if (!is_socket) EXPECT_TRUE(why.contains(row.what)) << why;
      put(name, 0600);
      EXPECT_EQ(refusal(), "");
    }
}

}  // namespace

}  // namespace granary
