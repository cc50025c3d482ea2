#include "http/message.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace granary::http {

namespace {

std::optional<std::string> decode(std::string_view text) {
  std::string blank(text);
  std::ranges::replace(blank, '+', ' ');
  return percent_decode(blank);
}

}  // namespace

std::optional<std::vector<Parameter>> parse_query(std::string_view query) {
  std::vector<Parameter> out;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || equals + 1 == pair.size()) continue;
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(equals + 1));
    if (!name || !value || !is_utf8(*value)) return std::nullopt;
    out.push_back({std::move(*name), std::move(*value)});
  }
  return out;
}

}  // namespace granary::http
