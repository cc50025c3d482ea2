#include "copied_store.hpp"

#include <sys/stat.h>

#include "base/encoding.hpp"
#include "base/small_file.hpp"
#include "crypto/primitives.hpp"
#include "product.hpp"

namespace granary {

namespace {

constexpr std::string_view kSetting = "served at";

// Each is empty where it is not known.
struct Place {
  std::string machine;  // no one's business in clear (machine-id(5)): its digest
  std::string folder;   // device and inode: a folder that is moved keeps them, a copy has its own

  std::string text() const { return machine + " " + folder; }
  static Place parse(std::string_view text) {
    const auto gap = std::min(text.find(' '), text.size());
    return {.machine = std::string(text.substr(0, gap)), .folder = std::string(text.substr(std::min(gap + 1, text.size())))};
  }
};

Place find_place(const Product& product) {
  Place here;
  const auto file = read_small_file("/etc/machine-id", 1024, std::chrono::seconds(1));
  const std::string_view machine = file ? trim(file->text) : std::string_view();
  if (!machine.empty())
    here.machine = to_hex(crypto::view(crypto::hmac_sha256(product.context.digest_key.reveal(), machine)).substr(0, 16));
  struct stat folder{};
  if (stat(product.folder.path().c_str(), &folder) == 0)
    here.folder = std::to_string(folder.st_dev) + ":" + std::to_string(folder.st_ino);
  return here;
}

bool differs(const std::string& noted, const std::string& here) { return !noted.empty() && !here.empty() && noted != here; }

}  // namespace

Task<> note_where_served(Product& product) {
  const Place here = find_place(product);
  const auto text = co_await product.checks_store.find_setting(kSetting);
  const Place noted = text ? Place::parse(*text) : Place();
  const bool is_elsewhere = differs(noted.machine, here.machine);
  if (is_elsewhere || differs(noted.folder, here.folder))
    product.log.warning(
        "this store was last served by another machine or folder: if it is a copy, refreshes here end the original's tokens; "
        "--checks off sends nothing",
        {{"differs", is_elsewhere ? "machine" : "folder"}});
  if (text == here.text() || (text && !product.context.settings.is_asking)) co_return;
  co_await product.checks_store.save_setting(kSetting, here.text());
}

}  // namespace granary
