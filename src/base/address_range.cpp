#include "base/address_range.hpp"

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace granary {

namespace ip = boost::asio::ip;

namespace {

std::optional<ip::address> parse(std::string_view text) {
  boost::system::error_code error;
  const auto address = ip::make_address(text, error);
  return error || text.contains('%') ? std::nullopt : std::optional(address);
}

Address to_v6(const ip::address& address) {
  return address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()) : address.to_v6();
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) { return parse(text).transform(to_v6); }

std::optional<AddressRange> parse_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned short width = address->is_v4() ? 32 : 128;
  unsigned short prefix = width;
  // Not by ip::make_network_v6: its atoi takes `/4294967304` for `/8`.
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc() || end != digits.data() + digits.size() || prefix > width) return std::nullopt;
  }
  return AddressRange(to_v6(*address), static_cast<unsigned short>(prefix + (128 - width)));
}

bool contains(const AddressRange& range, const Address& address) {
  return AddressRange(address, range.prefix_length()).network() == range.network();
}

std::string to_text(const Address& address) {
  return address.is_v4_mapped() ? ip::make_address_v4(ip::v4_mapped, address).to_string() : address.to_string();
}

}  // namespace granary
