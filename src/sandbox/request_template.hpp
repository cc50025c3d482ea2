// Reads the values out of a request whose form a descriptor gives as a template: what stands where `{name}` does. The
// opposite of what a flow does with the same template, and written apart from it on purpose.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "domain/descriptor.hpp"
#include "http/message.hpp"

namespace granary::sandbox {

using Values = std::map<std::string, std::string, std::less<>>;

// Empty when absent.
std::string_view value_of(const Values& values, std::string_view name);

// A header of the request, in any case; empty when absent. Of the standard headers, only Authorization and Content-Type.
std::string_view header_of(const http::Request& request, std::string_view name);

bool has_media_type(const http::Request& request, std::string_view type);

// The names in braces, anywhere in the template, each once.
std::vector<std::string> placeholders(const Json& form);

// Unknown names become nothing.
std::string expand(std::string_view form, const Values& values);

// False when `text` does not have the form.
bool read_text(std::string_view form, std::string_view text, Values& values);

// Whether a request to `path` is meant by the template; its method may still be another. False without a template.
bool is_path_of(const Json* form, std::string_view path);

struct Misfit {
  int status;
  std::string message;
};

// `form` is {method, path, query, headers, json | form}, all but path optional. A field that the descriptor does not
// require may be missing. `path` is the request's path within the provider.
std::expected<Values, Misfit> read_request(const Json& form, const Provider& provider, const http::Request& request,
                                           std::string_view path);

}  // namespace granary::sandbox
