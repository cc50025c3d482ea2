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

namespace {

// A descriptor for as long as a scope.
class Opened {
 public:
  explicit Opened(int descriptor) : descriptor_(descriptor) {}
  ~Opened() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

int open_existing(const std::string& path) { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

// Root's command, in the folder of a service that has a user of its own.
bool is_foreign(int folder) {
  struct stat info{};
  return geteuid() == 0 && fstat(folder, &info) == 0 && info.st_uid != 0;
}

// What root makes in another user's folder is that user's: the service must be able to open it.
int open_in(int folder, const char* name, int flags) {
  const int file = openat(folder, name, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  struct stat info{};
  if (file >= 0 && is_foreign(folder) && (fstat(folder, &info) != 0 || fchown(file, info.st_uid, info.st_gid) != 0)) {
    const int why = errno;
    close(file);
    errno = why;
    return -1;
  }
  return file;
}

}  // namespace

DataFolder::DataFolder(std::string path, MissingFolder missing, std::chrono::milliseconds patience, ForeignFolder foreign)
    : path_(std::move(path)) {
  bool is_new = false;
  const Opened folder(open_folder(missing, is_new));
  FolderFindings found = inspect_folder(folder.get(), path_, foreign);
  if (!found.holds_ours && !found.to_others.empty() && !is_foreign(folder.get())) {
    close_to_others(folder.get(), path_, found.to_others);
    inspect_folder(folder.get(), path_, foreign);  // nobody puts anything there any more
  }
  closed_ = std::move(found.to_others);
  lock_ = open_in(folder.get(), "lock", O_RDWR);
  if (lock_ < 0) {
    const int why = errno;
    if (is_new) rmdir(path_.c_str());
    throw StartRefused("cannot use the data folder " + path_ + " (" + std::strerror(why) +
                       "): it must be readable and writable for this user");
  }
  try {
    take_lock(patience);
    if (is_foreign(folder.get())) {
      closed_.clear();  // its owner's server does that: whose folder it is could lead root elsewhere
      close(open_in(folder.get(), "granary.db", O_RDWR));
    } else {
      close_to_others(folder.get(), path_, closed_);
    }
  } catch (...) {
    close(lock_);
    throw;
  }
}

int DataFolder::open_folder(MissingFolder missing, bool& is_new) const {
  int folder = open_existing(path_);
  if (folder >= 0) return folder;
  if (errno == ENOTDIR) {
    struct stat info{};
    if (stat(path_.c_str(), &info) == 0) throw StartRefused(path_ + " is not a folder: name another with --data");
    errno = ENOTDIR;
  }
  if (errno != ENOENT)
    throw StartRefused("cannot use the data folder " + path_ + " (" + std::strerror(errno) +
                       "): give this user the right to use it");
  if (missing == MissingFolder::refuse)
    throw StartRefused("there is no data folder " + path_ + ": name the server's with --data");
  if (mkdir(path_.c_str(), 0700) == 0) folder = open_existing(path_);
  if (folder < 0)
    throw StartRefused("cannot make the data folder " + path_ + " (" + std::strerror(errno) +
                       "): make the folder above it, or name another with --data");
  is_new = true;
  return folder;
}

void DataFolder::take_lock(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kStep{50};
  for (auto waited = std::chrono::milliseconds(0); !try_lock(); waited += kStep) {
    if (waited >= patience)
      throw StartRefused("the data folder " + path_ + " is in use by another Granary: stop it, or name another with --data");
    const timespec pause{.tv_sec = 0, .tv_nsec = kStep.count() * 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

bool DataFolder::try_lock() const { return flock(lock_, LOCK_EX | LOCK_NB) == 0; }

DataFolder::~DataFolder() {
  if (lock_ >= 0) close(lock_);
}

DataFolder::DataFolder(DataFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)), closed_(std::move(other.closed_)) {}

void refuse_unsafe_folder(const std::string& path, ForeignFolder foreign) {
  const Opened folder(open_existing(path));
  if (folder.get() >= 0) inspect_folder(folder.get(), path, foreign);
}

}  // namespace granary
