// Which addresses the client may connect to: public ones, and those an operator allowed. Checked on the address that
// is really connected to, so no spelling of a name, no redirect and no rebinding gets around it.
#pragma once

#include <netinet/in.h>

#include <string_view>
#include <vector>

#include "base/address_range.hpp"

namespace granary::http {

class EgressGuard {
 public:
  explicit EgressGuard(std::vector<AddressRange> allowed) : allowed_(std::move(allowed)) {}

  // Plain http goes only where the operator said so.
  bool permits(const sockaddr* address, bool is_encrypted) const;
  // True when `host` is an address, or localhost, within the allowed ranges.
  bool allows_host(std::string_view host) const;

 private:
  std::vector<AddressRange> allowed_;
};

}  // namespace granary::http
