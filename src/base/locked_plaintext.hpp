// A secret that is kept for longer than a request, in pages of its own: locked, so that they are never swapped out, where the
// system's limit on locked memory allows it, and left out of core dumps. Wiped at its end.
#pragma once

#include <cstddef>
#include <string_view>

namespace granary {

class LockedPlaintext {
 public:
  explicit LockedPlaintext(std::string_view value);
  ~LockedPlaintext();
  LockedPlaintext(const LockedPlaintext&) = delete;
  LockedPlaintext& operator=(const LockedPlaintext&) = delete;

  std::string_view reveal() const { return {pages_, size_}; }

 private:
  std::size_t size_, mapped_;
  char* pages_;
};

}  // namespace granary
