// The folder of the embedded store: made when missing, and held by one process at a time.
#pragma once

#include <chrono>
#include <string>

namespace granary {

enum class MissingFolder { make, refuse };

class DataFolder {
 public:
  // Waits up to `patience` for whoever holds it (a command holds it for a moment). Throws StartRefused.
  DataFolder(std::string path, MissingFolder missing, std::chrono::milliseconds patience);
  ~DataFolder();
  DataFolder(DataFolder&& other) noexcept;
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  DataFolder& operator=(DataFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string store_file() const { return path_ + "/granary.db"; }

 private:
  bool try_lock() const;

  std::string path_;
  int lock_ = -1;
};

}  // namespace granary
