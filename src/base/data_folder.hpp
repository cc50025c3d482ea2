// The folder of the embedded store: made when missing, this user's alone, and held by one process at a time.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/folder_inspection.hpp"

namespace granary {

enum class MissingFolder { make, refuse };

class DataFolder {
 public:
  // Waits up to `patience` for whoever holds it (a command holds it for a moment). Throws StartRefused.
  DataFolder(std::string path, MissingFolder missing, std::chrono::milliseconds patience,
             ForeignFolder foreign = ForeignFolder::refuse);
  ~DataFolder();
  DataFolder(DataFolder&& other) noexcept;
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  DataFolder& operator=(DataFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string store_file() const { return path_ + "/granary.db"; }
  // What others could get at until now, by name; "." is the folder itself.
  const std::vector<std::string>& closed_to_others() const { return closed_; }

 private:
  int open_folder(MissingFolder missing, bool& is_new) const;
  void take_lock(std::chrono::milliseconds patience);
  bool try_lock() const;

  std::string path_;
  int lock_ = -1;
  std::vector<std::string> closed_;
};

// Throws as the constructor would for a folder that is there; changes nothing. Before anything in it is opened.
void refuse_unsafe_folder(const std::string& path, ForeignFolder foreign);

}  // namespace granary
