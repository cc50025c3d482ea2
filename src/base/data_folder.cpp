#include "base/data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace granary {

DataFolder::DataFolder(std::string path, MissingFolder missing, std::chrono::milliseconds patience) : path_(std::move(path)) {
  struct stat info{};
  bool is_new = false;
  if (stat(path_.c_str(), &info) != 0) {
    if (errno != ENOENT)
      throw StartRefused("cannot use the data folder " + path_ + " (" + std::strerror(errno) +
                         "): give this user the right to use it");
    if (missing == MissingFolder::refuse)
      throw StartRefused("there is no data folder " + path_ + ": name the server's with --data");
    if (mkdir(path_.c_str(), 0700) != 0)
      throw StartRefused("cannot make the data folder " + path_ + " (" + std::strerror(errno) +
                         "): make the folder above it, or name another with --data");
    is_new = true;
  } else if (!S_ISDIR(info.st_mode)) {
    throw StartRefused(path_ + " is not a folder: name another with --data");
  }
  lock_ = open((path_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    const int why = errno;
    if (is_new) rmdir(path_.c_str());
    throw StartRefused("cannot use the data folder " + path_ + " (" + std::strerror(why) +
                       "): it must be readable and writable for this user");
  }
  constexpr std::chrono::milliseconds kStep{50};
  for (auto waited = std::chrono::milliseconds(0); !try_lock(); waited += kStep) {
    if (waited >= patience) {
      close(lock_);
      throw StartRefused("the data folder " + path_ + " is in use by another Granary: stop it, or name another with --data");
    }
    const timespec pause{.tv_sec = 0, .tv_nsec = kStep.count() * 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

bool DataFolder::try_lock() const { return flock(lock_, LOCK_EX | LOCK_NB) == 0; }

DataFolder::~DataFolder() {
  if (lock_ >= 0) close(lock_);
}

DataFolder::DataFolder(DataFolder&& other) noexcept : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

}  // namespace granary
