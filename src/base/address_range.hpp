// IP addresses and ranges of them, as the configuration writes them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace granary {

// An IPv4 address counts as its IPv4-mapped IPv6 form.
using AddressBytes = std::array<std::uint8_t, 16>;

struct AddressRange {
  AddressBytes address{};
  int prefix = 128;  // bits

  // `127.0.0.1/32`, `::1`, `10.0.0.0/8`.
  static std::optional<AddressRange> parse(std::string_view text);
  bool contains(const AddressBytes& other) const;
};

// A single address, without a prefix.
std::optional<AddressBytes> parse_address(std::string_view text);

}  // namespace granary
