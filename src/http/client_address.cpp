#include "http/client_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "base/encoding.hpp"

namespace granary::http {

namespace {

bool is_ipv4(const AddressBytes& bytes) {
  return AddressRange{.address = *parse_address("::ffff:0.0.0.0"), .prefix = 96}.contains(bytes);
}

std::string to_text(const AddressBytes& bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_ipv4(bytes)) inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  else inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`.
std::optional<AddressBytes> read_address(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || (end + 1 < text.size() && text[end + 1] != ':')) return std::nullopt;
    return parse_address(text.substr(1, end - 1));
  }
  if (std::ranges::count(text, ':') == 1) text = text.substr(0, text.find(':'));
  return parse_address(text);
}

// The node of one element of RFC 7239: `by=x;For="[::1]:80"` is `[::1]:80`; empty where there is none.
std::string_view forwarded_node(std::string_view element) {
  while (!element.empty()) {
    const std::string_view pair = trim(element.substr(0, element.find(';')));
    element.remove_prefix(
        std::min(element.size(), element.find(';') == std::string_view::npos ? element.size() : element.find(';') + 1));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(trim(pair.substr(0, equals)), "for")) continue;
    std::string_view node = trim(pair.substr(equals + 1));
    if (node.size() >= 2 && node.starts_with('"') && node.ends_with('"')) node = node.substr(1, node.size() - 2);
    return node;
  }
  return {};
}

}  // namespace

bool TrustedProxies::contains(std::string_view address) const {
  if (ranges.empty()) return false;
  const auto bytes = parse_address(address);
  return bytes && std::ranges::any_of(ranges, [&](const AddressRange& range) { return range.contains(*bytes); });
}

std::string client_address(const TrustedProxies& proxies, std::string_view peer, std::string_view header) {
  if (!proxies.contains(peer)) return std::string(peer);
  while (!header.empty()) {
    const auto comma = header.rfind(',');
    const std::string_view element = trim(comma == std::string_view::npos ? header : header.substr(comma + 1));
    header = comma == std::string_view::npos ? std::string_view() : header.substr(0, comma);
    const auto address = read_address(proxies.header == "forwarded" ? forwarded_node(element) : element);
    if (!address) break;
    if (std::string text = to_text(*address); !proxies.contains(text)) return text;
  }
  return std::string(peer);
}

std::string network_of(std::string_view address) {
  auto bytes = parse_address(address);
  if (!bytes || is_ipv4(*bytes)) return bytes ? to_text(*bytes) : std::string(address);
  std::fill(bytes->begin() + 8, bytes->end(), 0);
  return to_text(*bytes) + "/64";
}

}  // namespace granary::http
