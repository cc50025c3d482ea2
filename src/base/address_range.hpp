// IP addresses and ranges of them, as the configuration writes them. All are kept as IPv6: an IPv4 address is its IPv4-mapped
// form
// (`10.0.0.1` is `::ffff:10.0.0.1`), and `10.0.0.0/8` is `::ffff:10.0.0.0/104`. So there is one comparison for both.
#pragma once

#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace granary {

using Address = boost::asio::ip::address_v6;
using AddressRange = boost::asio::ip::network_v6;

// A single address without a prefix and without an interface (`fe80::1%eth0` is none).
std::optional<Address> parse_address(std::string_view text);
// `127.0.0.1/32`, `::1`, `10.0.0.0/8`. Bits behind the prefix do not count: `10.1.2.3/8` is `10.0.0.0/8`.
std::optional<AddressRange> parse_range(std::string_view text);
bool contains(const AddressRange& range, const Address& address);
// As people write it: `10.0.0.1`, not `::ffff:10.0.0.1`.
std::string to_text(const Address& address);

}  // namespace granary
