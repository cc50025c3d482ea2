// Which addresses the client may connect to: public ones, and those an operator allowed. Checked on the address that
// is really connected to, so no spelling of a name, no redirect and no rebinding gets around it.
#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/address_range.hpp"

namespace granary::http {

class EgressGuard {
 public:
  explicit EgressGuard(std::vector<AddressRange> allowed) : allowed_(std::move(allowed)) {}

  // Plain http goes only where the operator said so.
  bool permits(const sockaddr* address, bool is_encrypted) const;
  // Through a proxy nobody here sees the address that is connected to: names are resolved there. So what stands in the URL
  // decides: an address (in any spelling) as above, localhost as 127.0.0.1, and any other name only encrypted.
  bool permits_through_proxy(const std::string& url) const;
  // True when `host` is an address, or localhost, within the allowed ranges.
  bool allows_host(std::string_view host) const;

 private:
  std::vector<AddressRange> allowed_;
};

}  // namespace granary::http
