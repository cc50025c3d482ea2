// A request as a descriptor or the configuration writes it: method, path, headers, query, JSON or form, with
// {placeholders} for the credential's fields. Each value is encoded for the place it stands in.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/url.hpp"
#include "http/transport.hpp"

namespace granary {

// The value of a placeholder; empty when it has none.
using PlaceholderValue = std::function<std::string_view(std::string_view name)>;

class RequestTemplate {
 public:
  // `known` are the placeholders that may stand in it. The error's detail names the member at fault.
  static Result<RequestTemplate> parse(const Json& json, const std::vector<std::string>& known);

  http::OutboundRequest fill(const Url& base_url, const PlaceholderValue& value) const;

 private:
  std::string method_ = "POST";
  std::string path_;
  std::vector<std::pair<std::string, std::string>> headers_, query_, form_;
  std::optional<Json> json_;
};

// Replaces {name} by value(name), passed through `encode`. Text in braces that is no known name stays.
std::string fill_placeholders(std::string_view text, const PlaceholderValue& value,
                              const std::function<std::string(std::string_view)>& encode);

// Names in braces, for checking a template against what is known.
std::vector<std::string> placeholders_of(std::string_view text);

// Helps the flows to check their parameters: an error for a member that is not in `known`.
Result<void> refuse_unknown_members(const Json& object, std::initializer_list<std::string_view> known);

}  // namespace granary
