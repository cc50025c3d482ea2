#include "http/egress_guard.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/encoding.hpp"

namespace granary::http {

namespace {

// Everything that is not the public internet: IANA's special-purpose registries (RFC 6890 and later), and the IPv6
// forms that carry an IPv4 address inside.
constexpr std::array<std::string_view, 29> kNotPublic = {
    "0.0.0.0/8",      "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",  "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",   "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4",  "240.0.0.0/4",    "::/96",          "64:ff9b::/96",    "64:ff9b:1::/48",
    "100::/64",       "2001::/23",    "2001:db8::/32",  "2002::/16",      "3fff::/20",       "5f00::/16",
    "fc00::/7",       "fe80::/10",    "fec0::/10",      "ff00::/8",       "::ffff:0:0:0/96",
};

const std::vector<AddressRange>& not_public() {
  static const std::vector<AddressRange> ranges = [] {
    std::vector<AddressRange> out;
    out.reserve(std::size(kNotPublic));
    for (const auto text : kNotPublic) out.push_back(*parse_range(text));
    return out;
  }();
  return ranges;
}

// nullopt for what is neither IPv4 nor IPv6.
std::optional<Address> address_of(const sockaddr* socket) {
  namespace ip = boost::asio::ip;
  if (socket->sa_family == AF_INET) {
    const ip::address_v4 address(ntohl(reinterpret_cast<const sockaddr_in*>(socket)->sin_addr.s_addr));
    return ip::make_address_v6(ip::v4_mapped, address);
  }
  if (socket->sa_family != AF_INET6) return std::nullopt;
  Address::bytes_type bytes{};
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(socket)->sin6_addr, bytes.size());
  return Address(bytes);
}

// As libcurl reads it; without brackets and a dot at the end. nullopt for what is no URL.
std::optional<std::string> host_of(const std::string& url) {
  CURLU* parsed = curl_url();
  char* text = nullptr;
  std::optional<std::string> host;
  if (parsed && curl_url_set(parsed, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parsed, CURLUPART_HOST, &text, 0) == CURLUE_OK)
    host = to_lower(text);
  curl_free(text);
  curl_url_cleanup(parsed);
  if (host && host->starts_with('[') && host->ends_with(']')) host = host->substr(1, host->size() - 2);
  if (host && host->ends_with('.')) host->pop_back();
  return host;
}

}  // namespace

bool EgressGuard::permits(const sockaddr* address, bool is_encrypted) const {
  const std::optional<Address> target = address_of(address);
  if (!target) return false;
  const auto holds = [&](const AddressRange& range) { return contains(range, *target); };
  if (std::ranges::any_of(allowed_, holds)) return true;
  return is_encrypted && std::ranges::none_of(not_public(), holds);
}

bool EgressGuard::permits_through_proxy(const std::string& url) const {
  const std::optional<std::string> host = host_of(url);
  if (!host) return false;
  const bool is_encrypted = url.starts_with("https:");
  const bool is_localhost = *host == "localhost" || host->ends_with(".localhost");
  const addrinfo wanted{.ai_flags = AI_NUMERICHOST, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (getaddrinfo(is_localhost ? "127.0.0.1" : host->c_str(), nullptr, &wanted, &found) != 0) return is_encrypted;
  const bool is_permitted = permits(found->ai_addr, is_encrypted);
  freeaddrinfo(found);
  return is_permitted;
}

bool EgressGuard::allows_host(std::string_view host) const {
  const auto address = parse_address(host == "localhost" ? "127.0.0.1" : host);
  return address && std::ranges::any_of(allowed_, [&](const AddressRange& range) { return contains(range, *address); });
}

}  // namespace granary::http
