#include "http/client_address.hpp"

#include <algorithm>
#include <optional>
#include <ranges>

#include "base/encoding.hpp"

namespace granary::http {

namespace {

// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`.
std::optional<Address> read_address(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || (end + 1 < text.size() && text[end + 1] != ':')) return std::nullopt;
    return parse_address(text.substr(1, end - 1));
  }
  if (std::ranges::count(text, ':') == 1) text = text.substr(0, text.find(':'));
  return parse_address(text);
}

// Of a link-local address, without the interface: `fe80::1%eth0`.
std::string_view without_scope(std::string_view address) { return address.substr(0, address.find('%')); }

// Where `mark` stands in the text outside of quotes (RFC 9110, section 5.6.4); the end of the text where it does not. Commas and
// semicolons within quotes separate nothing: `host="a, for=6.6.6.6"`.
std::size_t find_unquoted(std::string_view text, char mark) {
  bool in_quotes = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_quotes && text[i] == '\\') ++i;
    else if (text[i] == '"') in_quotes = !in_quotes;
    else if (!in_quotes && text[i] == mark) return i;
  }
  return text.size();
}

std::size_t find_plain(std::string_view text, char mark) { return std::min(text.find(mark), text.size()); }

// `find` tells the end of the first part.
std::vector<std::string_view> split(std::string_view text, char mark, std::size_t (*find)(std::string_view, char) = find_plain) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = find(text, mark);
    parts.push_back(trim(text.substr(0, end)));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

// The node of one element of RFC 7239: `by=x;For="[::1]:80"` is `[::1]:80`; empty where there is none.
std::string_view forwarded_node(std::string_view element) {
  for (const std::string_view pair : split(element, ';', find_unquoted)) {
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
  const auto parsed = parse_address(without_scope(address));
  return parsed && std::ranges::any_of(ranges, [&](const AddressRange& range) { return granary::contains(range, *parsed); });
}

std::string client_address(const TrustedProxies& proxies, std::string_view peer, std::string_view header) {
  if (!proxies.contains(peer)) return std::string(peer);
  const bool is_rfc_7239 = proxies.header == "forwarded";
  // A list of addresses has no quotes: one that a client makes up hides nothing that stands behind it.
  const auto elements = is_rfc_7239 ? split(header, ',', find_unquoted) : split(header, ',');
  for (const std::string_view element : elements | std::views::reverse) {
    const auto address = read_address(is_rfc_7239 ? forwarded_node(element) : element);
    if (!address) break;
    if (std::string text = to_text(*address); !proxies.contains(text)) return text;
  }
  return std::string(peer);
}

std::string network_of(std::string_view address) {
  const auto parsed = parse_address(without_scope(address));
  if (!parsed) return std::string(address);
  return parsed->is_v4_mapped() ? to_text(*parsed) : AddressRange(*parsed, 64).canonical().to_string();
}

}  // namespace granary::http
