// Which addresses the client may connect to: public ones, and those an operator allowed. Checked on the address that
// is really connected to, so no spelling of a name, no redirect and no rebinding gets around it.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace granary::http {

// An IPv4 address counts as its IPv4-mapped IPv6 form.
using AddressBytes = std::array<std::uint8_t, 16>;

struct AddressRange {
  AddressBytes address{};
  int prefix = 128;  // bits

  // `127.0.0.1/32`, `::1`, `10.0.0.0/8`.
  static std::optional<AddressRange> parse(std::string_view text);
  bool contains(const AddressBytes& other) const;
};

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
