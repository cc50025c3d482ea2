// Preloaded into the server by tests/test_disk_faults.py: fails calls on the store's files as a bad disk would.
//
// GRANARY_DISK_FAULTS names a folder. A file `fault` in it says what fails: "SERIAL CALL SKIP COUNT ERRNO", CALL being
// write, fsync, open (to write) or all; the first SKIP calls since the SERIAL was new pass, then COUNT fail (-1: all that
// follow). A sixth word names the one file that fails. What was opened, synced and failed is appended to `log`, a line each.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

namespace {

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

const std::string& folder() {
  static const std::string path = getenv("GRANARY_DISK_FAULTS") ? getenv("GRANARY_DISK_FAULTS") : "";
  return path;
}

// The store's database or its log; empty for every other file. Not the shared memory beside them, which is no disk.
std::string store_name(const std::string& name) {
  return name.ends_with("/granary.db") || name.ends_with("/granary.db-wal") ? name.substr(name.rfind('/') + 1) : "";
}

std::string store_file(int file) {
  char path[4096];
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), path, sizeof path);
  return store_name(std::string(path, size > 0 ? static_cast<std::size_t>(size) : 0));
}

void log(const std::string& line) {
  const int file = open((folder() + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;  // no descriptor is left
  if (write(file, (line + "\n").c_str(), line.size() + 1) < 0) abort();
  close(file);
}

// The errno that this call must fail with; 0: it passes.
int fault(const char* call, const std::string& file) {
  static std::mutex mutex;
  static long serial_seen;
  static long calls;
  const std::lock_guard lock(mutex);
  FILE* in = fopen((folder() + "/fault").c_str(), "re");
  if (!in) return 0;
  char which[16], only[32] = "";
  long serial = 0, skip = 0, count = 0, error = 0;
  const int read = fscanf(in, "%ld %15s %ld %ld %ld %31s", &serial, which, &skip, &count, &error, only);
  fclose(in);
  if (read < 5 || (strcmp(which, call) != 0 && strcmp(which, "all") != 0) || (only[0] && file != only)) return 0;
  if (serial != serial_seen) {
    serial_seen = serial;
    calls = 0;
  }
  const long number = calls++;
  if (number < skip || (count >= 0 && number >= skip + count)) return 0;
  log(std::string("failed ") + call + " " + file);
  return static_cast<int>(error);
}

template <class Call>
auto guarded(const char* name, int file, Call call) -> decltype(call()) {
  const std::string store = folder().empty() ? "" : store_file(file);
  if (store.empty()) return call();
  if (const int error = fault(name, store)) {
    errno = error;
    return -1;
  }
  const auto result = call();
  if (strcmp(name, "fsync") == 0) log("synced " + store);
  return result;
}

}  // namespace

extern "C" {

ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
  static auto* real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return guarded("write", file, [&] { return real(file, data, size, at); });
}

int ftruncate64(int file, off64_t size) noexcept {
  static auto* real = next<int(int, off64_t)>("ftruncate64");
  return guarded("write", file, [&] { return real(file, size); });
}

int fsync(int file) {
  static auto* real = next<int(int)>("fsync");
  return guarded("fsync", file, [&] { return real(file); });
}

int fdatasync(int file) {
  static auto* real = next<int(int)>("fdatasync");
  return guarded("fsync", file, [&] { return real(file); });
}

int open64(const char* path, int flags, ...) {
  static auto* real = next<int(const char*, int, ...)>("open64");
  mode_t mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  // A file system that turned read-only gives out no file to write to.
  const std::string name = store_name(path);
  if (!folder().empty() && (flags & O_RDWR) != 0 && !name.empty()) {
    if (const int error = fault("open", name)) {
      errno = error;
      return -1;
    }
  }
  const int file = real(path, flags, mode);
  if (!folder().empty() && file >= 0 && (flags & O_RDWR) != 0) {
    const std::string store = store_file(file);
    if (!store.empty()) log("opened " + store);
  }
  return file;
}
}
