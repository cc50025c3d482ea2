#include "base/url.hpp"

#include <charconv>

#include "base/address_range.hpp"
#include "base/encoding.hpp"

namespace granary {

namespace {

bool is_host_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'; }

bool is_path_character(char c) {
  return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '\\' && c != '"' && c != '<' && c != '>';
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  Url url;
  if (text.starts_with("https://")) url.scheme = "https", url.port = 443;
  else if (text.starts_with("http://")) url.scheme = "http", url.port = 80;
  else return std::nullopt;
  text.remove_prefix(url.scheme.size() + 3);
  std::string_view authority = text.substr(0, text.find('/'));
  url.path = text.substr(authority.size());
  while (url.path.ends_with('/')) url.path.pop_back();
  for (const char c : url.path)
    if (!is_path_character(c)) return std::nullopt;

  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    url.host = to_lower(authority.substr(1, close - 1));
    if (!url.host.contains(':') || !parse_address(url.host)) return std::nullopt;
    authority.remove_prefix(close + 1);
  } else {
    const std::string_view host = authority.substr(0, authority.find(':'));
    url.host = to_lower(host);
    for (const char c : url.host)
      if (!is_host_character(c)) return std::nullopt;
    authority.remove_prefix(host.size());
  }
  if (url.host.empty()) return std::nullopt;
  if (authority.empty()) return url;
  if (authority.front() != ':') return std::nullopt;
  authority.remove_prefix(1);
  const auto [end, error] = std::from_chars(authority.data(), authority.data() + authority.size(), url.port);
  if (error != std::errc() || end != authority.data() + authority.size() || url.port == 0) return std::nullopt;
  return url;
}

std::string Url::origin() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  std::string out = scheme + "://" + (is_ipv6 ? "[" + host + "]" : host);
  if (port != (scheme == "https" ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

}  // namespace granary
