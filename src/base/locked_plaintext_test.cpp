#include "base/locked_plaintext.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <fstream>
#include <string>

namespace granary {
namespace {

// Locked memory of this process in KiB, as the system counts it.
long locked_now() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmLck:")) return std::stol(line.substr(6));
  return -1;
}

TEST(LockedPlaintext, IsLockedWhileItLives) {
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
  GTEST_SKIP() << "the sanitizer's runtime locks nothing";
#endif
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_cur < 64 * 1024) GTEST_SKIP() << "this system locks less";
  const long before = locked_now();
  {
    const LockedPlaintext secret(std::string(20'000, 's'));
    EXPECT_EQ(secret.reveal(), std::string(20'000, 's'));
    EXPECT_GE(locked_now() - before, 16);
  }
  EXPECT_EQ(locked_now(), before);
}

TEST(LockedPlaintext, OfNothing) { EXPECT_EQ(LockedPlaintext("").reveal(), ""); }

}  // namespace
}  // namespace granary
