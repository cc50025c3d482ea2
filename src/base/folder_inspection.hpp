// Who else can get at the data folder: looks at the folder and at each of our files in it before anything there is opened. What
// others could have changed is refused, since it may not be ours any more; what they can only read can be closed to them.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

namespace granary {

// Root's command works beside a service that has a user of its own. A server does not: whose folder it is could lead it to any
// file of root's.
enum class ForeignFolder { refuse, allow_to_root };

struct FolderFindings {
  bool holds_ours = false;             // a file of ours is there
  std::vector<std::string> to_others;  // names of what others can get at and must not; "." is the folder
};

// `folder` is an open descriptor of it, `path` its name for people. Throws StartRefused, with the command that mends it: another
// owner, a file that others can write to or could have replaced, and a link, a pipe or anything but a file of our own in a
// file's place.
FolderFindings inspect_folder(int folder, const std::string& path, ForeignFolder foreign);

// Takes all rights of others from these names. Throws StartRefused where it may not.
void close_to_others(int folder, const std::string& path, const std::vector<std::string>& names);

}  // namespace granary
