#include "api/yaml.hpp"

#include <algorithm>

namespace granary::api {

namespace {

bool is_plain(std::string_view text) {
  const bool is_word = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '_' || c == '-' || c == '{' || c == '}';
  });
  // What YAML 1.1 readers take for something else.
  constexpr std::array<std::string_view, 10> kWords = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "-"};
  return is_word && text.front() != '{' && text.front() != '-' && std::ranges::find(kWords, text) == kWords.end();
}

void write_text(std::string& out, std::string_view text) {
  if (is_plain(text) && text.find('{') == std::string_view::npos) out += text;
  else append_json_string(out, text);
}

bool is_inline(const Json& json) {
  return !(json.object() && !json.object()->empty()) && !(json.array() && !json.array()->empty());
}

void write(std::string& out, const Json& json, std::size_t indent);

void write_value(std::string& out, const Json& value, std::size_t indent) {
  if (is_inline(value)) {
    out += ' ';
    if (value.string()) write_text(out, *value.string());
    else append_json(out, value);
    out += '\n';
  } else {
    out += '\n';
    write(out, value, indent);
  }
}

void write(std::string& out, const Json& json, std::size_t indent) {
  const std::string blank(indent, ' ');
  if (const auto* members = json.object()) {
    for (const auto& [key, value] : *members) {
      out += blank;
      if (is_plain(key)) out += key;
      else append_json_string(out, key);
      out += ':';
      write_value(out, value, indent + 2);
    }
  } else if (const auto* items = json.array()) {
    for (const Json& item : *items) {
      out += blank + "-";
      if (item.object() && !item.object()->empty()) {
        std::string inner;
        write(inner, item, indent + 2);
        out += " " + inner.substr(indent + 2);
      } else {
        write_value(out, item, indent + 2);
      }
    }
  }
}

}  // namespace

std::string to_yaml(const Json& json) {
  std::string out;
  write(out, json, 0);
  return out;
}

}  // namespace granary::api
