// The fields of a credential in clear, in memory only, and their form inside the sealed blob.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/plaintext.hpp"

namespace granary {

// Few enough that searching from the front is fastest. A name that starts with `_` is ours and never leaves.
class Fields {
 public:
  const Plaintext* find(std::string_view name) const;
  // Empty when absent.
  std::string_view value(std::string_view name) const;
  void set(std::string_view name, Plaintext value);
  void remove(std::string_view name);
  const std::vector<std::pair<std::string, Plaintext>>& all() const { return fields_; }
  bool empty() const { return fields_.empty(); }
  Fields clone() const;

  // Length-prefixed names and values: what is sealed.
  Plaintext pack() const;
  static std::optional<Fields> unpack(std::string_view packed);
  // The same without a copy: what is returned refers to `packed`.
  static std::optional<std::vector<std::pair<std::string_view, std::string_view>>> parts_of(std::string_view packed);

 private:
  std::vector<std::pair<std::string, Plaintext>> fields_;
};

}  // namespace granary
