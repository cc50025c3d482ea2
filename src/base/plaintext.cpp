#include "base/plaintext.hpp"

#include <strings.h>

namespace granary {

void wipe(void* data, std::size_t size) { explicit_bzero(data, size); }

void wipe(std::string& text) {
  wipe(text.data(), text.capacity());
  text.clear();
}

Plaintext& Plaintext::operator=(Plaintext&& other) noexcept {
  if (this == &other) return *this;
  wipe(value_);
  value_ = std::move(other.value_);
  wipe(other.value_);
  return *this;
}

}  // namespace granary
