#include "base/folder_inspection.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/encoding.hpp"
#include "base/error.hpp"

namespace granary {

namespace {

constexpr std::string_view kSocket = "granary.sock";
constexpr std::array<std::string_view, 6> kOurs = {"lock",           "granary.db",         "granary.db-wal",
                                                   "granary.db-shm", "granary.db-journal", kSocket};
constexpr mode_t kOthersWrite = 022, kOthers = 077;

struct Owners {
  uid_t us, of_folder;
  bool is_foreign_allowed;

  bool may_own(uid_t user) const { return user == us || user == 0 || (is_foreign_allowed && user == of_folder); }
};

std::string name_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a link";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISREG(mode) ? "a file" : "a device";
}

// Makes it ours alone, whoever has it now.
std::string mending(const std::string& path, const struct stat& info, uid_t us) {
  const bool is_folder = S_ISDIR(info.st_mode);
  std::string command = "`";
  if (info.st_uid != us) command += (is_folder ? "chown -R " : "chown ") + std::to_string(us) + " " + shell_word(path) + " && ";
  return command + (is_folder ? "chmod 700 " : "chmod 600 ") + shell_word(path) + "`";
}

void refuse_foreign_owner(const std::string& path, const struct stat& info, const Owners& owners) {
  if (!owners.may_own(info.st_uid))
    throw StartRefused(path + " belongs to another user (" + std::to_string(info.st_uid) +
                       "), who can change what is in it: if it is Granary's, run " + mending(path, info, owners.us) +
                       ", or start Granary as that user");
  if ((info.st_mode & kOthers) != 0 && info.st_uid != owners.us && owners.us != 0)
    throw StartRefused("others can use " + path + ": run " + mending(path, info, owners.us));
}

void refuse_others_who_write(const std::string& path, const struct stat& info, const Owners& owners) {
  if ((info.st_mode & kOthersWrite) != 0)
    throw StartRefused("others can write to " + path + ": if what is in it is Granary's, run " + mending(path, info, owners.us));
}

void refuse_what_is_no_file_of_ours(const std::string& path, const struct stat& info, bool is_socket) {
  const std::string file = shell_word(path), aside = shell_word(path + ".aside");
  if (is_socket ? !S_ISSOCK(info.st_mode) : !S_ISREG(info.st_mode))
    throw StartRefused(path + " is " + name_of(info.st_mode) + ", where Granary has " + (is_socket ? "a socket" : "a file") +
                       " of its own: look where it comes from, then run `mv " + file + " " + aside + "`");
  if (info.st_nlink > 1)
    throw StartRefused(path + " is a hard link, so that the same file has another name elsewhere: run `mv " + file + " " + aside +
                       " && cp -a " + aside + " " + file + "`");
}

}  // namespace

FolderFindings inspect_folder(int folder, const std::string& path, ForeignFolder foreign) {
  struct stat whole{};
  if (fstat(folder, &whole) != 0) throw StartRefused("cannot use the data folder " + path + " (" + std::strerror(errno) + ")");
  const Owners owners{.us = geteuid(),
                      .of_folder = whole.st_uid,
                      .is_foreign_allowed = foreign == ForeignFolder::allow_to_root && geteuid() == 0};
  refuse_foreign_owner(path, whole, owners);
  FolderFindings found;
  if ((whole.st_mode & kOthers) != 0) found.to_others.emplace_back(".");
  for (const std::string_view ours : kOurs) {
    const std::string name(ours), file = path + "/" + name;
    struct stat info{};
    if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      throw StartRefused("cannot use the data folder " + path + " (" + std::strerror(errno) +
                         "): it must be readable and writable for this user");
    }
    refuse_what_is_no_file_of_ours(file, info, ours == kSocket);
    refuse_foreign_owner(file, info, owners);
    refuse_others_who_write(file, info, owners);
    found.holds_ours = true;
    if ((info.st_mode & kOthers) != 0) found.to_others.push_back(name);
  }
  // A folder that was never ours can be made ours; in one that is, others could have put anything.
  if (found.holds_ours) refuse_others_who_write(path, whole, owners);
  return found;
}

void close_to_others(int folder, const std::string& path, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    struct stat info{};
    const std::string whole = name == "." ? path : path + "/" + name;
    if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        fchmodat(folder, name.c_str(), info.st_mode & ~kOthers & 07777U, 0) == 0)
      continue;
    throw StartRefused("others can read " + whole + ", and that could not be ended (" + std::strerror(errno) + "): run " +
                       mending(whole, info, geteuid()));
  }
}

}  // namespace granary
