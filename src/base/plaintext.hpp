// A secret in clear: a password, key or token. Cannot be copied, printed or turned into JSON by accident, and wipes
// itself. Whoever calls reveal() answers for where the bytes go.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace granary {

// Overwrites memory in a way the optimizer keeps.
void wipe(void* data, std::size_t size);
// Wipes what the string holds, its unused capacity included, and empties it.
void wipe(std::string& text);

class Plaintext {
 public:
  Plaintext() = default;
  explicit Plaintext(std::string value) : value_(std::move(value)) {}
  Plaintext(Plaintext&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }
  Plaintext& operator=(Plaintext&& other) noexcept;
  Plaintext(const Plaintext&) = delete;
  Plaintext& operator=(const Plaintext&) = delete;
  ~Plaintext() { wipe(value_); }

  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  Plaintext clone() const { return Plaintext(std::string(value_)); }

 private:
  std::string value_;
};

// Bytes that only sealing/ can open. The store sees nothing else of a secret.
struct Sealed {
  std::string bytes;
  bool empty() const { return bytes.empty(); }
};

}  // namespace granary
