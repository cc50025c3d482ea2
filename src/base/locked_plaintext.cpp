#include "base/locked_plaintext.hpp"

#include <sys/mman.h>
#include <algorithm>
#include <new>

#include "base/plaintext.hpp"

namespace granary {

LockedPlaintext::LockedPlaintext(std::string_view value) : size_(value.size()), mapped_(std::max<std::size_t>(size_, 1)) {
  void* pages = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();  // as for any other memory
  pages_ = static_cast<char*>(pages);
  // Either may be refused by a limit; the secret is worth keeping all the same.
  mlock(pages_, mapped_);
  madvise(pages_, mapped_, MADV_DONTDUMP);
  std::ranges::copy(value, pages_);
}

LockedPlaintext::~LockedPlaintext() {
  wipe(pages_, mapped_);
  munmap(pages_, mapped_);
}

}  // namespace granary
