#include "sealing/root_key.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/encoding.hpp"
#include "base/error.hpp"
#include "base/small_file.hpp"
#include "crypto/primitives.hpp"

namespace granary {

namespace {

constexpr std::string_view kFile = "file:", kEnvironment = "env:", kCredential = "credential:";
constexpr const char* kCredentialsFolder = "CREDENTIALS_DIRECTORY";
constexpr std::size_t kKeyFileBytesMax = 4096;
constexpr std::chrono::seconds kKeyPatience{5};  // for a pipe: whoever is to write it may have to ask somebody

bool is_inside(const std::string& file, const std::string& folder) {
  std::error_code error;
  const auto inner = std::filesystem::weakly_canonical(file, error);
  const auto outer = std::filesystem::weakly_canonical(folder, error);
  if (error) return false;
  const auto relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != "..";
}

[[noreturn]] void refuse_wrong_size(const std::string& source) {
  throw StartRefused("the root key in " + source + " is not 32 bytes in base64 or hex; `granary key init` makes one");
}

Plaintext decode(std::string text, const std::string& source) {
  const std::string_view trimmed = trim(text);
  std::optional<std::string> key;
  if (trimmed.size() == 2 * crypto::kKeyBytes) key = from_hex(trimmed);
  else key = from_base64(trimmed);
  wipe(text);
  if (!key || key->size() != crypto::kKeyBytes) refuse_wrong_size(source);
  return Plaintext(std::move(*key));
}

// Others' rights to a key file. systemd puts credentials where the service alone can enter, and may let their group read.
mode_t refused_bits(const std::string& path) {
  const char* credentials = std::getenv(kCredentialsFolder);
  return credentials && *credentials && is_inside(path, credentials) ? 027 : 077;
}

Plaintext read_key_file(const std::string& path, const std::string& data_folder) {
  if (!data_folder.empty() && is_inside(path, data_folder))
    throw StartRefused("the root key " + path + " lies inside the data folder " + data_folder +
                       ", so that whoever copies the data has the key: move it elsewhere");
  auto file = read_small_file(path, kKeyFileBytesMax, kKeyPatience);
  if (!file && file.error() == ETIMEDOUT)
    throw StartRefused("the root key " + path + " is a pipe to whose end nobody wrote for 5 s");
  if (!file && file.error() == EFBIG) refuse_wrong_size("file " + path);
  if (!file)
    throw StartRefused("cannot read the root key " + path + " (" + std::strerror(file.error()) +
                       "): make one with `granary key init --root-key " + shell_word("file:" + path) +
                       "`, or give this user the right to read it");
  if ((file->mode & refused_bits(path)) != 0) {
    wipe(file->text);
    throw StartRefused("the root key " + path + " can be read or written by others: run `chmod 600 " + shell_word(path) + "`");
  }
  return decode(std::move(file->text), "file " + path);
}

}  // namespace

Plaintext load_root_key(const std::string& source, const std::string& data_folder) {
  if (source.empty())
    throw StartRefused("no root key: give --root-key file:PATH (make one with `granary key init --root-key file:PATH`)");
  if (source.starts_with(kFile)) return read_key_file(source.substr(kFile.size()), data_folder);
  if (source.starts_with(kEnvironment)) {
    const std::string name = source.substr(kEnvironment.size());
    const char* value = std::getenv(name.c_str());
    if (!value || !*value) throw StartRefused("no root key: the environment variable " + name + " is not set");
    return decode(value, "the environment variable " + name);
  }
  if (source.starts_with(kCredential)) {
    const char* folder = std::getenv(kCredentialsFolder);
    if (!folder)
      throw StartRefused(
          "no root key: --root-key credential:NAME needs systemd's CREDENTIALS_DIRECTORY (LoadCredential= in the unit)");
    return read_key_file(std::string(folder) + "/" + source.substr(kCredential.size()), data_folder);
  }
  throw StartRefused("--root-key must be file:PATH, env:NAME or credential:NAME");
}

namespace {

std::string folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

// The key's folder, when only it is missing: for this user alone. True when it was made.
bool make_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  if (mkdir(folder.c_str(), 0700) == 0) return true;
  if (errno == EEXIST) return false;
  throw StartRefused("cannot make the folder of the root key (" + std::string(std::strerror(errno)) + "): run `mkdir -p -m 700 " +
                     shell_word(folder) + "`");
}

// What a folder holds, by name: a power loss that takes the key's name away takes all that is sealed under it.
bool sync_folder(const std::string& path) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_synced = folder >= 0 && fsync(folder) == 0;
  const int why = errno;
  if (folder >= 0) close(folder);
  errno = why;
  return is_synced;
}

void write_new_key(const std::string& path, Random& random) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST) throw StartRefused(path + " exists already: a root key is never overwritten");
  if (file < 0) throw StartRefused("cannot make " + path + " (" + std::strerror(errno) + ")");
  std::string key = random.bytes(crypto::kKeyBytes);
  std::string text = to_base64(key) + "\n";
  const bool is_written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0 &&
                          sync_folder(folder_of(path));
  const int why = errno;
  wipe(key);
  wipe(text);
  close(file);
  if (is_written) return;
  unlink(path.c_str());
  throw StartRefused("cannot write " + path + " (" + std::strerror(why) + ")");
}

}  // namespace

void create_root_key(const std::string& source, Random& random) {
  if (!source.starts_with(kFile)) throw StartRefused("`key init` makes a key file: give --root-key file:PATH");
  const std::string path = source.substr(kFile.size());
  if (path.empty()) throw StartRefused("cannot make a root key without a name: give --root-key file:PATH");
  const bool is_new_folder = make_folder_of(path);
  try {
    write_new_key(path, random);
    if (is_new_folder) sync_folder(folder_of(folder_of(path)));
  } catch (...) {
    if (is_new_folder) rmdir(folder_of(path).c_str());
    throw;
  }
}

}  // namespace granary
