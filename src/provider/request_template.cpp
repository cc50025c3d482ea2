#include "provider/request_template.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace granary {

namespace {

std::unexpected<Error> bad(const std::string& what) { return fail(ErrorCode::invalid_field, what); }

bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// The name between braces at `at`, or empty.
std::string_view placeholder_at(std::string_view text, std::size_t at) {
  if (text[at] != '{') return {};
  std::size_t end = at + 1;
  while (end < text.size() && is_name_character(text[end])) ++end;
  if (end == at + 1 || end == text.size() || text[end] != '}') return {};
  return text.substr(at + 1, end - at - 1);
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Result<Pairs> parse_pairs(const Json* json, const char* what, const std::vector<std::string>& known) {
  Pairs pairs;
  if (!json || json->is_null()) return pairs;
  if (!json->object()) return bad(std::string(what) + " must be an object of strings");
  for (const auto& [name, value] : *json->object()) {
    if (!value.string()) return bad(std::string(what) + "." + name + " must be a string");
    for (const auto& placeholder : placeholders_of(*value.string()))
      if (std::ranges::find(known, placeholder) == known.end())
        return bad(std::string(what) + "." + name + " has an unknown placeholder {" + placeholder + "}");
    pairs.emplace_back(name, *value.string());
  }
  return pairs;
}

Result<void> check_placeholders(const Json& json, const std::vector<std::string>& known) {
  if (const auto* text = json.string()) {
    for (const auto& placeholder : placeholders_of(*text))
      if (std::ranges::find(known, placeholder) == known.end())
        return bad("json has an unknown placeholder {" + placeholder + "}");
  } else if (const auto* members = json.object()) {
    for (const auto& [name, value] : *members)
      if (auto checked = check_placeholders(value, known); !checked) return checked;
  } else if (const auto* items = json.array()) {
    for (const Json& item : *items)
      if (auto checked = check_placeholders(item, known); !checked) return checked;
  }
  return {};
}

std::string as_is(std::string_view value) { return std::string(value); }

// A header value cannot hold a line break, whatever a field holds.
std::string for_header(std::string_view value) {
  std::string out(value);
  std::erase_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return out;
}

Json fill_json(const Json& json, const PlaceholderValue& value) {
  if (const auto* text = json.string()) return Json(fill_placeholders(*text, value, as_is));
  if (const auto* members = json.object()) {
    Json::Object out;
    for (const auto& [name, item] : *members) out.emplace_back(name, fill_json(item, value));
    return Json(std::move(out));
  }
  if (const auto* items = json.array()) {
    Json::Array out;
    for (const Json& item : *items) out.push_back(fill_json(item, value));
    return Json(std::move(out));
  }
  return json;
}

std::string fill_form(const Pairs& pairs, const PlaceholderValue& value) {
  std::string out;
  for (const auto& [name, text] : pairs) {
    if (!out.empty()) out += '&';
    out += percent_encode(name) + "=" + fill_placeholders(text, value, percent_encode);
  }
  return out;
}

}  // namespace

std::vector<std::string> placeholders_of(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (const auto name = placeholder_at(text, i); !name.empty()) names.emplace_back(name);
  return names;
}

std::string fill_placeholders(std::string_view text, const PlaceholderValue& value,
                              const std::function<std::string(std::string_view)>& encode) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view name = placeholder_at(text, i);
    if (name.empty()) {
      out += text[i++];
      continue;
    }
    out += encode(value(name));
    i += name.size() + 2;
  }
  return out;
}

Result<void> refuse_unknown_members(const Json& object, std::initializer_list<std::string_view> known) {
  if (!object.object()) return bad("must be an object");
  for (const auto& [name, value] : *object.object())
    if (std::ranges::find(known, name) == known.end()) return bad(name + " is no parameter here");
  return {};
}

Result<RequestTemplate> RequestTemplate::parse(const Json& json, const std::vector<std::string>& known) {
  if (auto checked = refuse_unknown_members(json, {"method", "path", "headers", "query", "form", "json"}); !checked)
    return std::unexpected(checked.error());
  RequestTemplate out;
  out.method_ = json.find_string("method").value_or("POST");
  if (out.method_.empty() || !std::ranges::all_of(out.method_, [](char c) { return c >= 'A' && c <= 'Z'; }))
    return bad("method must be in capital letters");
  out.path_ = json.find_string("path").value_or("");
  if (!out.path_.empty() && out.path_.front() != '/') return bad("path must begin with a slash");
  if (out.path_.find_first_of(" ?#\r\n") != std::string::npos) return bad("path must be a path; parameters go into query");
  for (const auto& placeholder : placeholders_of(out.path_))
    if (std::ranges::find(known, placeholder) == known.end()) return bad("path has an unknown placeholder {" + placeholder + "}");
  auto headers = parse_pairs(json.find("headers"), "headers", known);
  if (!headers) return std::unexpected(headers.error());
  auto query = parse_pairs(json.find("query"), "query", known);
  if (!query) return std::unexpected(query.error());
  auto form = parse_pairs(json.find("form"), "form", known);
  if (!form) return std::unexpected(form.error());
  out.headers_ = std::move(*headers);
  out.query_ = std::move(*query);
  out.form_ = std::move(*form);
  if (const Json* body = json.find("json"); body && !body->is_null()) {
    if (auto checked = check_placeholders(*body, known); !checked) return std::unexpected(checked.error());
    out.json_ = *body;
  }
  if (out.json_ && !out.form_.empty()) return bad("json and form cannot both be the body");
  return out;
}

http::OutboundRequest RequestTemplate::fill(const Url& base_url, const PlaceholderValue& value) const {
  http::OutboundRequest request;
  request.method = method_;
  request.url = base_url.text() + fill_placeholders(path_, value, percent_encode);
  if (!query_.empty()) request.url += "?" + fill_form(query_, value);
  request.headers.emplace_back("Accept", "application/json");
  for (const auto& [name, text] : headers_) request.headers.emplace_back(name, fill_placeholders(text, value, for_header));
  if (json_) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = fill_json(*json_, value).dump();
  } else if (!form_.empty()) {
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = fill_form(form_, value);
  }
  return request;
}

}  // namespace granary
