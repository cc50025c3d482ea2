#include "base/address_range.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace granary {

namespace {

std::optional<AddressBytes> parse(std::string_view text, bool& is_ipv4) {
  const std::string name(text);
  in_addr v4{};
  in6_addr v6{};
  AddressBytes out{};
  is_ipv4 = inet_pton(AF_INET, name.c_str(), &v4) == 1;
  if (is_ipv4) {
    out[10] = out[11] = 0xff;
    std::memcpy(out.data() + 12, &v4, 4);
    return out;
  }
  if (inet_pton(AF_INET6, name.c_str(), &v6) != 1) return std::nullopt;
  std::memcpy(out.data(), &v6, 16);
  return out;
}

}  // namespace

std::optional<AddressBytes> parse_address(std::string_view text) {
  bool is_ipv4 = false;
  return parse(text, is_ipv4);
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const auto slash = text.find('/');
  bool is_ipv4 = false;
  const auto address = granary::parse(text.substr(0, slash), is_ipv4);
  if (!address) return std::nullopt;
  const int width = is_ipv4 ? 32 : 128;
  int prefix = width;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc() || end != digits.data() + digits.size() || prefix < 0 || prefix > width) return std::nullopt;
  }
  return AddressRange{.address = *address, .prefix = prefix + (128 - width)};
}

bool AddressRange::contains(const AddressBytes& other) const {
  for (int bit = 0; bit < prefix; bit += 8) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const int used = std::min(8, prefix - bit);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - used));
    if ((address[at] & mask) != (other[at] & mask)) return false;
  }
  return true;
}

}  // namespace granary
