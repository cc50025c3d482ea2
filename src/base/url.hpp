// An absolute http or https URL, as configured for a provider: taken apart once, compared by origin.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace granary {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address without its brackets
  std::uint16_t port = 0;
  std::string path;  // without a slash at the end; empty for the root

  // nullopt for user info, query, fragment, other schemes, or anything malformed.
  static std::optional<Url> parse(std::string_view text);
  // scheme://host:port, the default port left out.
  std::string origin() const;
  std::string text() const { return origin() + path; }
};

}  // namespace granary
