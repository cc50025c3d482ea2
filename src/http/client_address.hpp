// Whose request it is, where proxies stand between: which addresses are believed to name their clients, and in which header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/address_range.hpp"

namespace granary::http {

struct TrustedProxies {
  std::vector<AddressRange> ranges;
  std::string header;  // in lower case; all others are ignored

  bool contains(std::string_view address) const;
};

// The client of a request that came from `peer`: from the right of what the header says, the first address that is no trusted
// proxy's. `peer` itself where it is no trusted proxy, where the header says nothing, and where what stands there is no address.
// For example, with 10.0.0.0/8 trusted and peer 10.0.0.1: `1.2.3.4, 5.6.7.8, 10.0.0.2` is 5.6.7.8 (what stands before it, that
// client may have made up), and `1.2.3.4, unknown` is 10.0.0.1. The header `forwarded` is read as RFC 7239 says, any other as a
// list of addresses.
std::string client_address(const TrustedProxies& proxies, std::string_view peer, std::string_view header);

// What counts as one client: an IPv4 address, or the /64 that an IPv6 address lies in, since whoever has one has them all.
std::string network_of(std::string_view address);

}  // namespace granary::http
