// A disk that can lose its power. SQLite's own files behind a VFS that notes every write, truncation, deletion and sync, so
// that a test can build what the disk may hold when the power goes at any moment: all that was synced, and of the rest
// any part, sector by sector.
#pragma once

#include <sqlite3.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/chance.hpp"

namespace granary::simulation {

// What becomes of the syncs that SQLite asks for: off, none happens, as with PRAGMA synchronous=OFF.
enum class Syncing { as_asked, off };

// Every connection of the process that is opened while it lives goes through it. One at a time; outlives them.
class RecordingDisk {
 public:
  using Files = std::map<std::string, std::string>;  // by name, without the folder

  explicit RecordingDisk(Syncing syncing) : syncing_(syncing) {
    vfs_ = *real_;
    vfs_.zName = "recording";
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = [](sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
      return static_cast<RecordingDisk*>(vfs->pAppData)->open(name, reinterpret_cast<File*>(file), flags, out);
    };
    vfs_.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync_folder) {
      auto& disk = *static_cast<RecordingDisk*>(vfs->pAppData);
      disk.note({.kind = Kind::remove, .file = file_name(name), .is_folder_synced = sync_folder != 0});
      return disk.real_->xDelete(disk.real_, name, sync_folder);
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~RecordingDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }
  RecordingDisk(const RecordingDisk&) = delete;
  RecordingDisk& operator=(const RecordingDisk&) = delete;

  // Nothing is noted from here on; nor does anything wait for the disk beneath.
  void stop_recording() {
    const std::lock_guard lock(mutex_);
    is_recording_ = false;
  }

  // How much was done so far; usable from every thread.
  std::size_t moment() {
    const std::lock_guard lock(mutex_);
    return done_.size();
  }

  // What may be on the disk when the power goes at `moment`. Of what was not synced, `kept` of 100 sectors made it.
  Files after_power_loss(std::size_t moment, Chance& chance, std::uint64_t kept) const {
    std::map<std::string, std::size_t> synced;  // up to which of its operations
    std::size_t names_synced = 0;
    std::set<std::string> fresh;
    for (std::size_t i = 0; i < moment; ++i) {
      const Done& done = done_[i];
      if (done.kind == Kind::make) fresh.insert(done.file);
      if (done.kind == Kind::sync) synced[done.file] = i;
      // SQLite syncs the folder with the first sync of a new journal or log.
      const bool is_first = done.kind == Kind::sync && fresh.erase(done.file) > 0 && done.file.contains('-');
      if (done.is_folder_synced || is_first) names_synced = i;
    }
    Files files;
    std::set<std::string> missing;  // their making was lost, and so is what was written there
    for (std::size_t i = 0; i < moment; ++i) {
      const Done& done = done_[i];
      const bool is_name = done.kind == Kind::make || done.kind == Kind::remove;
      const auto sync = synced.find(done.file);
      const bool is_safe = is_name ? i <= names_synced : sync != synced.end() && i < sync->second;
      const auto happened = [&] { return is_safe || chance.percent(kept); };
      switch (done.kind) {
        case Kind::make:
          missing.erase(done.file);
          if (happened()) files[done.file].clear();
          else missing.insert(done.file);
          break;
        case Kind::write:
          if (!missing.contains(done.file)) write_sectors(files[done.file], done, happened);
          break;
        case Kind::truncate:
          if (!missing.contains(done.file) && happened()) files[done.file].resize(done.offset);
          break;
        case Kind::remove:
          if (happened()) files.erase(done.file);
          break;
        case Kind::sync: break;
      }
    }
    return files;
  }

 private:
  enum class Kind { make, write, truncate, sync, remove };
  struct Done {
    Kind kind;
    std::string file;
    std::size_t offset = 0;
    std::string data;
    bool is_folder_synced = false;
  };
  // SQLite allocates it, with the file of the real VFS behind it.
  struct File {
    sqlite3_file base;
    RecordingDisk* disk;
    const char* name;  // SQLite keeps it as long as the file is open
    bool is_recorded;

    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
    void note(Kind kind, std::size_t offset = 0, std::string data = {}) {
      if (is_recorded) disk->note({.kind = kind, .file = file_name(name), .offset = offset, .data = std::move(data)});
    }
  };

  static std::string file_name(const char* path) { return std::filesystem::path(path).filename().string(); }

  void note(Done done) {
    const std::lock_guard lock(mutex_);
    if (is_recording_) done_.push_back(std::move(done));
  }

  template <class Happened>
  static void write_sectors(std::string& file, const Done& done, const Happened& happened) {
    constexpr std::size_t kSector = 512;
    for (std::size_t at = done.offset; at < done.offset + done.data.size();) {
      const std::size_t end = std::min((at / kSector + 1) * kSector, done.offset + done.data.size());
      if (happened()) {
        if (file.size() < end) file.resize(end);
        std::memcpy(file.data() + at, done.data.data() + (at - done.offset), end - at);
      }
      at = end;
    }
  }

  int open(const char* name, File* file, int flags, int* out) {
    file->base.pMethods = nullptr;
    file->disk = this;
    file->name = name;
    file->is_recorded = name && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    const bool is_new = file->is_recorded && !std::filesystem::exists(name);
    const int code = real_->xOpen(real_, name, file->real(), flags, out);
    if (!file->real()->pMethods) return code;
    if (is_new) file->note(Kind::make);
    file->base.pMethods = &kMethods;
    return code;
  }

  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    File::of(file).note(Kind::write, static_cast<std::size_t>(at),
                        std::string(static_cast<const char*>(data), static_cast<std::size_t>(size)));
    return File::of(file).real()->pMethods->xWrite(File::of(file).real(), data, size, at);
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    File::of(file).note(Kind::truncate, static_cast<std::size_t>(size));
    return File::of(file).real()->pMethods->xTruncate(File::of(file).real(), size);
  }
  // The images are made from the notes: the disk beneath need not wait.
  static int sync(sqlite3_file* file, int) {
    if (File::of(file).disk->syncing_ == Syncing::as_asked) File::of(file).note(Kind::sync);
    return SQLITE_OK;
  }

  static constexpr sqlite3_io_methods kMethods = {
      .iVersion = 3,
      .xClose = [](sqlite3_file* file) { return File::of(file).real()->pMethods->xClose(File::of(file).real()); },
      .xRead = [](sqlite3_file* file, void* data, int size,
                  sqlite3_int64 at) { return File::of(file).real()->pMethods->xRead(File::of(file).real(), data, size, at); },
      .xWrite = write,
      .xTruncate = truncate,
      .xSync = sync,
      .xFileSize = [](sqlite3_file* file,
                      sqlite3_int64* size) { return File::of(file).real()->pMethods->xFileSize(File::of(file).real(), size); },
      .xLock = [](sqlite3_file* file, int lock) { return File::of(file).real()->pMethods->xLock(File::of(file).real(), lock); },
      .xUnlock = [](sqlite3_file* file,
                    int lock) { return File::of(file).real()->pMethods->xUnlock(File::of(file).real(), lock); },
      .xCheckReservedLock =
          [](sqlite3_file* file, int* out) {
            return File::of(file).real()->pMethods->xCheckReservedLock(File::of(file).real(), out);
          },
      .xFileControl =
          [](sqlite3_file* file, int operation, void* argument) {
            return File::of(file).real()->pMethods->xFileControl(File::of(file).real(), operation, argument);
          },
      .xSectorSize = [](sqlite3_file* file) { return File::of(file).real()->pMethods->xSectorSize(File::of(file).real()); },
      .xDeviceCharacteristics =
          [](sqlite3_file* file) { return File::of(file).real()->pMethods->xDeviceCharacteristics(File::of(file).real()); },
      .xShmMap =
          [](sqlite3_file* file, int region, int size, int extend, void volatile** out) {
            return File::of(file).real()->pMethods->xShmMap(File::of(file).real(), region, size, extend, out);
          },
      .xShmLock =
          [](sqlite3_file* file, int offset, int count, int flags) {
            return File::of(file).real()->pMethods->xShmLock(File::of(file).real(), offset, count, flags);
          },
      .xShmBarrier = [](sqlite3_file* file) { File::of(file).real()->pMethods->xShmBarrier(File::of(file).real()); },
      .xShmUnmap = [](sqlite3_file* file,
                      int remove) { return File::of(file).real()->pMethods->xShmUnmap(File::of(file).real(), remove); },
      .xFetch = [](sqlite3_file* file, sqlite3_int64 at, int size,
                   void** out) { return File::of(file).real()->pMethods->xFetch(File::of(file).real(), at, size, out); },
      .xUnfetch = [](sqlite3_file* file, sqlite3_int64 at,
                     void* page) { return File::of(file).real()->pMethods->xUnfetch(File::of(file).real(), at, page); },
  };

  const Syncing syncing_;
  sqlite3_vfs* const real_ = sqlite3_vfs_find(nullptr);
  sqlite3_vfs vfs_{};
  std::mutex mutex_;
  bool is_recording_ = true;
  std::vector<Done> done_;
};

}  // namespace granary::simulation
