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
#include "crypto/primitives.hpp"

namespace granary {

namespace {

constexpr std::string_view kFile = "file:", kEnvironment = "env:", kCredential = "credential:";
constexpr std::size_t kKeyFileBytesMax = 4096;

bool is_inside(const std::string& file, const std::string& folder) {
  std::error_code error;
  const auto inner = std::filesystem::weakly_canonical(file, error);
  const auto outer = std::filesystem::weakly_canonical(folder, error);
  if (error) return false;
  const auto relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != "..";
}

Plaintext decode(std::string text, const std::string& source) {
  const std::string_view trimmed = trim(text);
  std::optional<std::string> key;
  if (trimmed.size() == 2 * crypto::kKeyBytes) key = from_hex(trimmed);
  else key = from_base64(trimmed);
  wipe(text);
  if (!key || key->size() != crypto::kKeyBytes)
    throw StartRefused("the root key in " + source + " is not 32 bytes in base64 or hex; `granary key init` makes one");
  return Plaintext(std::move(*key));
}

Plaintext read_key_file(const std::string& path, const std::string& data_folder) {
  if (!data_folder.empty() && is_inside(path, data_folder))
    throw StartRefused("the root key " + path + " lies inside the data folder " + data_folder +
                       ", so that whoever copies the data has the key: move it elsewhere");
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    throw StartRefused("cannot read the root key " + path + " (" + std::strerror(errno) +
                       "): make one with `granary key init --root-key file:" + path +
                       "`, or give this user the right to read it");
  struct stat info{};
  std::string text(kKeyFileBytesMax, '\0');
  const bool known = fstat(file, &info) == 0;
  const ssize_t size = read(file, text.data(), text.size());
  close(file);
  if (!known || size < 0) throw StartRefused("cannot read the root key " + path + " (" + std::strerror(errno) + ")");
  if ((info.st_mode & 077) != 0) {
    wipe(text);
    throw StartRefused("the root key " + path + " can be read or written by others: run `chmod 600 " + path + "`");
  }
  text.resize(static_cast<std::size_t>(size));
  return decode(std::move(text), "file " + path);
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
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    if (!folder)
      throw StartRefused(
          "no root key: --root-key credential:NAME needs systemd's CREDENTIALS_DIRECTORY (LoadCredential= in the unit)");
    return read_key_file(std::string(folder) + "/" + source.substr(kCredential.size()), data_folder);
  }
  throw StartRefused("--root-key must be file:PATH, env:NAME or credential:NAME");
}

void create_root_key(const std::string& source, Random& random) {
  if (!source.starts_with(kFile)) throw StartRefused("`key init` makes a key file: give --root-key file:PATH");
  const std::string path = source.substr(kFile.size());
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST) throw StartRefused(path + " exists already: a root key is never overwritten");
  if (file < 0) throw StartRefused("cannot make " + path + " (" + std::strerror(errno) + ")");
  std::string key = random.bytes(crypto::kKeyBytes);
  std::string text = to_base64(key) + "\n";
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
  const int why = errno;
  wipe(key);
  wipe(text);
  close(file);
  if (written) return;
  unlink(path.c_str());
  throw StartRefused("cannot write " + path + " (" + std::strerror(why) + ")");
}

}  // namespace granary
