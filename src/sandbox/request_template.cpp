#include "sandbox/request_template.hpp"

#include <algorithm>
#include <optional>

#include "base/encoding.hpp"

namespace granary::sandbox {

namespace {

// A template's text, cut where a placeholder begins or ends.
struct Piece {
  std::string_view literal;  // before the placeholder
  std::string_view name;     // empty in the last piece
};

bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// Braces around anything but a name are text like any other.
std::vector<Piece> pieces_of(std::string_view form) {
  std::vector<Piece> pieces;
  std::size_t begin = 0;
  for (std::size_t open = form.find('{'); open != std::string_view::npos; open = form.find('{', open + 1)) {
    std::size_t close = open + 1;
    while (close < form.size() && is_name_character(form[close])) ++close;
    if (close == open + 1 || close == form.size() || form[close] != '}') continue;
    pieces.push_back({.literal = form.substr(begin, open - begin), .name = form.substr(open + 1, close - open - 1)});
    begin = close + 1;
  }
  pieces.push_back({.literal = form.substr(begin), .name = {}});
  return pieces;
}

// A name that comes twice must have one value.
bool put(Values& values, std::string_view name, std::string_view value) {
  return values.try_emplace(std::string(name), value).first->second == value;
}

// Where the request does not fit, as a JSON pointer or a name; nullopt where all of it does.
using Place = std::optional<std::string>;

Place read_json(const Json& form, const Json* sent, const std::string& place, Values& values) {
  if (const auto* text = form.string()) {
    if (!sent && !placeholders(form).empty()) return {};  // whether it may be missing is decided at the end
    return sent && sent->string() && read_text(*text, *sent->string(), values) ? Place() : place;
  }
  if (const auto* members = form.object()) {
    if (!sent || !sent->object()) return place;
    for (const auto& [key, item] : *members)
      if (auto wrong = read_json(item, sent->find(key), place + "/" + key, values)) return wrong;
    return {};
  }
  if (const auto* items = form.array()) {
    if (!sent || !sent->array() || sent->array()->size() != items->size()) return place;
    for (std::size_t i = 0; i < items->size(); ++i)
      if (auto wrong = read_json((*items)[i], &(*sent->array())[i], place + "/" + std::to_string(i), values)) return wrong;
    return {};
  }
  return sent && *sent == form ? Place() : place;
}

Place read_parameters(const Json& form, std::string_view text, std::string_view what, Values& values) {
  const auto sent = http::parse_query(text);
  if (!sent) return std::string(what);
  Json::Object members;
  for (const auto& [name, value] : *sent) members.emplace_back(name, value);
  const Json json(std::move(members));
  return read_json(form, &json, std::string(what), values);
}

Place read_headers(const Json& form, const http::Request& request, Values& values) {
  Json sent{Json::Object()};
  if (form.object()) {
    for (const auto& [name, item] : *form.object())
      if (const auto value = header_of(request, name); !value.empty()) sent.set(name, value);
  }
  return read_json(form, &sent, "headers", values);
}

std::string_view path_of(const Json& form) {
  const Json* path = form.find("path");
  return path && path->string() ? std::string_view(*path->string()) : std::string_view();
}

bool read_path(std::string_view form, std::string_view path, Values& values) {
  Values raw;
  if (!read_text(form, path, raw)) return false;
  for (const auto& [name, value] : raw) {
    const auto decoded = percent_decode(value);
    if (!decoded || decoded->empty() || value.contains('/') || !put(values, name, *decoded)) return false;
  }
  return true;
}

std::expected<void, Misfit> read_body(const Json& form, const http::Request& request, Values& values) {
  if (const Json* json = form.find("json")) {
    if (!has_media_type(request, "application/json"))
      return std::unexpected(Misfit{415, "the body must be declared as application/json"});
    const auto sent = Json::parse(request.body);
    if (!sent) return std::unexpected(Misfit{400, "the body is not JSON"});
    if (auto wrong = read_json(*json, &*sent, "", values))
      return std::unexpected(Misfit{400, "the body is not as expected at " + *wrong});
  }
  if (const Json* parameters = form.find("form"); parameters && parameters->object() && !parameters->object()->empty()) {
    if (!has_media_type(request, "application/x-www-form-urlencoded"))
      return std::unexpected(Misfit{415, "the body must be declared as application/x-www-form-urlencoded"});
    if (auto wrong = read_parameters(*parameters, request.body, "form", values))
      return std::unexpected(Misfit{400, "the body is not as expected at " + *wrong});
  }
  return {};
}

void collect(const Json& form, std::vector<std::string>& names) {
  if (const auto* text = form.string()) {
    for (const Piece& piece : pieces_of(*text))
      if (!piece.name.empty() && std::ranges::find(names, piece.name) == names.end()) names.emplace_back(piece.name);
  }
  if (const auto* members = form.object())
    for (const auto& [key, item] : *members) collect(item, names);
  if (const auto* items = form.array())
    for (const Json& item : *items) collect(item, names);
}

}  // namespace

std::string_view value_of(const Values& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? std::string_view() : std::string_view(found->second);
}

std::string_view header_of(const http::Request& request, std::string_view name) {
  if (equal_ignoring_case(name, "authorization")) return request.authorization;
  if (equal_ignoring_case(name, "content-type")) return request.content_type;
  for (const auto& [key, value] : request.other_headers)
    if (equal_ignoring_case(key, name)) return value;
  return {};
}

bool has_media_type(const http::Request& request, std::string_view type) {
  const std::string_view sent = request.content_type;
  return equal_ignoring_case(trim(sent.substr(0, sent.find(';'))), type);
}

std::vector<std::string> placeholders(const Json& form) {
  std::vector<std::string> names;
  collect(form, names);
  return names;
}

std::string expand(std::string_view form, const Values& values) {
  std::string out;
  for (const Piece& piece : pieces_of(form)) {
    out += piece.literal;
    out += value_of(values, piece.name);
  }
  return out;
}

bool read_text(std::string_view form, std::string_view text, Values& values) {
  const auto pieces = pieces_of(form);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!text.starts_with(pieces[i].literal)) return false;
    text.remove_prefix(pieces[i].literal.size());
    if (pieces[i].name.empty()) break;
    // A value reaches as far as the literal after it allows: to the end, or to where that literal comes next.
    const std::string_view next = pieces[i + 1].literal;
    const bool is_last = pieces[i + 1].name.empty();
    const auto end = next.empty() ? text.size() : is_last ? text.rfind(next) : text.find(next);
    if (end == std::string_view::npos || !put(values, pieces[i].name, text.substr(0, end))) return false;
    text.remove_prefix(end);
  }
  return text.empty();
}

bool is_path_of(const Json* form, std::string_view path) {
  Values ignored;
  return form && !path_of(*form).empty() && read_path(path_of(*form), path, ignored);
}

std::expected<Values, Misfit> read_request(const Json& form, const Provider& provider, const http::Request& request,
                                           std::string_view path) {
  const std::string method = form.find_string("method").value_or("POST");
  if (request.method != method)
    return std::unexpected(Misfit{405, request.method + " is not the method of this route, " + method + " is"});
  Values values;
  if (!read_path(path_of(form), path, values)) return std::unexpected(Misfit{404, "no such route"});
  if (const Json* query = form.find("query"))
    if (auto wrong = read_parameters(*query, request.query, "query", values))
      return std::unexpected(Misfit{400, "the request is not as expected at " + *wrong});
  if (const Json* headers = form.find("headers"))
    if (auto wrong = read_headers(*headers, request, values))
      return std::unexpected(Misfit{400, "the request is not as expected at " + *wrong});
  if (auto done = read_body(form, request, values); !done) return std::unexpected(done.error());
  for (const std::string& name : placeholders(form)) {
    const RequestField* field = provider.find_request(name);
    const bool may_be_missing = field && !field->required;
    if (!values.contains(name) && !may_be_missing) return std::unexpected(Misfit{400, "the request lacks " + name});
    values.try_emplace(name);
  }
  return values;
}

}  // namespace granary::sandbox
