// The root key: every refusal is one sentence that names the source and never the key, and making one overwrites nothing.
#include "sealing/root_key.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/encoding.hpp"
#include "base/error.hpp"
#include "base/temporary_folder_fixture.hpp"

namespace granary {

namespace {

namespace fs = std::filesystem;
using std::string_literals::operator""s;

class RootKeyTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(folder_ / "data"); }
  void TearDown() override {
    unsetenv("GRANARY_TEST_KEY");
    unsetenv("CREDENTIALS_DIRECTORY");
  }

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return "file:" + path.string();
  }

  // Why `source` is refused; empty when it loads.
  std::string refusal(const std::string& source) {
    try {
      const Plaintext key = load_root_key(source, folder_ / "data");
      EXPECT_EQ(key.reveal(), key_);
      return "";
    } catch (const StartRefused& refused) {
      return refused.what();
    }
  }

  void expect_refused(const std::string& source, std::string_view sentence) {
    const std::string why = refusal(source);
    EXPECT_TRUE(why.contains(sentence)) << "wanted: " << sentence << "\ngot: " << why;
    for (const std::string& form : {hex_, base64_.substr(0, 43)}) EXPECT_FALSE(why.contains(form)) << why;
    EXPECT_FALSE(why.contains('\n')) << why;
  }

  const std::string key_ = "\x00\xff key of 32 bytes \x80 for my test"s;
  const std::string hex_ = to_hex(key_), base64_ = to_base64(key_);
  TemporaryFolder folder_;
};

TEST_F(RootKeyTest, LoadsEverySpelling) {
  ASSERT_EQ(key_.size(), 32U);
  std::string upper = hex_;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::string texts[] = {hex_, upper, base64_, base64_ + "\n", "  " + hex_ + "\r\n", to_base64url(key_)};
  for (const std::string& text : texts) {
    EXPECT_EQ(refusal(write("key", text)), "") << text;
    setenv("GRANARY_TEST_KEY", text.c_str(), 1);
    EXPECT_EQ(refusal("env:GRANARY_TEST_KEY"), "") << text;
  }
}

TEST_F(RootKeyTest, RefusesWhatIsNot32Bytes) {
  const std::string texts[] = {"",
                               "\n",
                               "secret",
                               key_,
                               hex_.substr(2),
                               hex_ + "00",
                               hex_.substr(1),
                               "0x" + hex_.substr(2),
                               hex_ + " " + hex_,
                               base64_.substr(4),
                               base64_ + "AAAA",
                               base64_.substr(0, 42),
                               "key=" + base64_,
                               hex_ + "\n# comment",
                               std::string(5000, 'a'),
                               base64_ + std::string(5000, 'A'),
                               std::string(64, 'g')};
  for (const std::string& text : texts) {
    expect_refused(write("key", text), "is not 32 bytes in base64 or hex");
    expect_refused(write("key", text), (folder_ / "key").string());
    if (text.empty() || text.contains('\0')) continue;
    setenv("GRANARY_TEST_KEY", text.c_str(), 1);
    expect_refused("env:GRANARY_TEST_KEY", "GRANARY_TEST_KEY is not 32 bytes in base64 or hex");
  }
}

TEST_F(RootKeyTest, RefusesSourcesThatAreNone) {
  for (const std::string& source :
       {hex_, "/etc/key"s, "key"s, "File:/x"s, "FILE:/x"s, "env"s, "credential"s, ":x"s, " file:/x"s, "https://x/key"s})
    expect_refused(source, "--root-key must be file:PATH, env:NAME or credential:NAME");
  expect_refused("", "no root key");
  for (const std::string& source :
       {"file:"s, "file:/nowhere/key"s, "file:" + (folder_ / "missing").string(), "file:" + folder_.path().string()})
    expect_refused(source, "cannot read the root key");
  for (const std::string& source : {"env:"s, "env:GRANARY_TEST_KEY"s}) expect_refused(source, "is not set");
  setenv("GRANARY_TEST_KEY", "", 1);
  expect_refused("env:GRANARY_TEST_KEY", "is not set");
}

TEST_F(RootKeyTest, RefusesAFileThatOthersCanReadOrWrite) {
  for (const mode_t mode : {0640U, 0620U, 0604U, 0602U, 0660U, 0644U, 0666U, 0440U, 0404U, 0777U})
    expect_refused(write("key", hex_, mode), "can be read or written by others");
  for (const mode_t mode : {0600U, 0400U}) EXPECT_EQ(refusal(write("key", hex_, mode)), "") << std::oct << mode;
}

TEST_F(RootKeyTest, RefusesAFileInsideTheDataFolder) {
  fs::create_directory(folder_ / "data/deeper");
  fs::create_directory(folder_ / "outside");
  const std::string inside = write("data/key", hex_);
  write("data/deeper/key", hex_);
  write("data/..key", hex_);
  fs::create_directory_symlink(folder_ / "data", folder_ / "link");
  fs::create_symlink(folder_ / "data/key", folder_ / "linked-key");
  expect_refused(inside, "lies inside the data folder");
  const fs::path rows[] = {"data/deeper/key",     "data/../data/key", "data//key",  "./data/./key",
                           "outside/../data/key", "link/key",         "linked-key", "data/..key"};
  for (const fs::path& path : rows) expect_refused("file:" + (folder_ / path).string(), "lies inside the data folder");
  expect_refused("file:" + (folder_ / "data/missing").string(), "lies inside the data folder");

  EXPECT_EQ(refusal(write("data.key", hex_)), "") << "beside, with a name that begins alike";
  EXPECT_EQ(refusal(write("outside/key", hex_)), "");
  EXPECT_NO_THROW(load_root_key(inside, "")) << "without a data folder there is no such check";
}

TEST_F(RootKeyTest, TakesASystemdCredential) {
  expect_refused("credential:key", "CREDENTIALS_DIRECTORY");
  setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
  expect_refused("credential:key", "cannot read the root key");
  write("key", hex_, 0400);
  EXPECT_EQ(refusal("credential:key"), "");
  write("key", hex_, 0444);
  expect_refused("credential:key", "can be read or written by others");
  write("key", "short", 0400);
  expect_refused("credential:key", "is not 32 bytes");
  for (const mode_t mode : {0400U, 0440U, 0600U, 0640U, 0550U}) {
    EXPECT_EQ(refusal(write("key", hex_, mode)), "") << "named as a file, too: " << std::oct << mode;
    EXPECT_EQ(refusal("credential:key"), "") << std::oct << mode;
  }
  for (const mode_t mode : {0420U, 0620U, 0404U, 0402U, 0401U, 0444U, 0660U}) {
    write("key", hex_, mode);
    expect_refused("credential:key", "can be read or written by others");
  }
  fs::create_directory(folder_ / "credentials");
  setenv("CREDENTIALS_DIRECTORY", (folder_ / "credentials").c_str(), 1);
  for (const std::string& source : {write("key", hex_, 0440), "credential:../key"s})
    expect_refused(source, "can be read or written by others");
  setenv("CREDENTIALS_DIRECTORY", (folder_ / "data").c_str(), 1);
  expect_refused("credential:key", "lies inside the data folder");
}

TEST_F(RootKeyTest, TakesAPipe) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path) << hex_ << "\n"; });
  EXPECT_EQ(refusal("file:" + path), "");
  writer.join();
}

TEST_F(RootKeyTest, CreatesAKeyForThisUserAlone) {
  SystemRandom random;
  const std::string source = "file:" + (folder_ / "new").string();
  create_root_key(source, random);
  struct stat info{};
  ASSERT_EQ(stat((folder_ / "new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  const std::string first(load_root_key(source, folder_ / "data").reveal());
  EXPECT_EQ(first.size(), 32U);
  create_root_key("file:" + (folder_ / "second").string(), random);
  EXPECT_NE(load_root_key("file:" + (folder_ / "second").string(), "").reveal(), first);
}

TEST_F(RootKeyTest, MakesTheKeysFolderForThisUserAlone) {
  SystemRandom random;
  umask(0);
  create_root_key("file:" + (folder_ / "new/key").string(), random);
  umask(022);
  EXPECT_EQ(fs::status(folder_ / "new").permissions(), fs::perms(0700));
  fs::permissions(folder_ / "new", fs::perms(0755));
  create_root_key("file:" + (folder_ / "new/second").string(), random);
  EXPECT_EQ(fs::status(folder_ / "new").permissions(), fs::perms(0755)) << "one that is there is left as it is";
}

TEST_F(RootKeyTest, CreatingOverwritesNothing) {
  SystemRandom random;
  write("key", hex_);
  fs::create_symlink(folder_ / "target", folder_ / "dangling");
  const struct {
    std::string source;
    const char* sentence;
  } rows[] = {
      {"file:" + (folder_ / "key").string(), "never overwritten"},
      {"file:" + (folder_ / "data").string(), "never overwritten"},
      {"file:" + (folder_ / "dangling").string(), "never overwritten"},
      {"file:" + (folder_ / "missing/below/key").string(), "`mkdir -p -m 700 "},
      {"file:" + (folder_ / "missing/").string(), "cannot make"},
      {"file:" + (folder_ / "key/key").string(), "cannot make"},
      {"file:", "cannot make"},
      {"env:GRANARY_TEST_KEY", "file:PATH"},
      {"credential:key", "file:PATH"},
      {(folder_ / "plain").string(), "file:PATH"},
      {"", "file:PATH"},
  };
  for (const auto& row : rows) {
    try {
      create_root_key(row.source, random);
      ADD_FAILURE() << row.source;
    } catch (const StartRefused& refused) {
      EXPECT_TRUE(std::string_view(refused.what()).contains(row.sentence)) << row.source << ": " << refused.what();
    }
  }
  EXPECT_EQ(refusal("file:" + (folder_ / "key").string()), "") << "the key that was there is still the same";
  for (const char* name : {"target", "plain", "missing"}) EXPECT_FALSE(fs::exists(folder_ / name)) << name;
}

}  // namespace

}  // namespace granary
