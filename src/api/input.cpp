#include "api/input.hpp"

#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"

namespace granary::api {

namespace {

constexpr std::int64_t kPageSizeMax = 100;
constexpr std::int64_t kPageMax = std::int64_t{1} << 40;

bool is_accepted_type(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  return type.empty() || equal_ignoring_case(type, "application/json") ||
         equal_ignoring_case(type, "application/x-www-form-urlencoded");
}

std::optional<std::int64_t> read_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<SortBy> read_sort(std::string_view text, std::span<const std::string_view> keys) {
  const auto comma = text.find(',');
  const std::string_view direction = comma == std::string_view::npos ? "asc" : text.substr(comma + 1);
  const auto key = std::ranges::find(keys, text.substr(0, comma));
  if (key == keys.end() || (direction != "asc" && direction != "desc")) return std::nullopt;
  return SortBy{.key = static_cast<std::size_t>(key - keys.begin()),
                .direction = direction == "asc" ? Direction::ascending : Direction::descending};
}

}  // namespace

std::unexpected<Error> FieldErrors::error() && {
  return std::unexpected(Error{.code = ErrorCode::invalid_field, .fields = std::move(fields_)});
}

Result<Json> read_body(const http::Request& request) {
  if (!is_accepted_type(request.content_type)) return fail(ErrorCode::unsupported_media_type);
  auto body = Json::parse(request.body);
  if (!body || !body->object()) return fail(ErrorCode::invalid_body);
  return std::move(*body);
}

std::optional<std::string> read_optional(const Json& body, std::string_view field, FieldErrors& errors,
                                         std::size_t code_points_max) {
  const Json* value = body.find(field);
  if (!value || value->is_null()) return std::nullopt;
  if (!value->string()) {
    errors.add(field, "must be a string");
    return std::nullopt;
  }
  if (count_code_points(*value->string()) > code_points_max) {
    errors.add(field, "must have at most " + std::to_string(code_points_max) + " characters");
    return std::nullopt;
  }
  if (value->string()->empty()) return std::nullopt;
  return *value->string();
}

std::optional<std::string> read_required(const Json& body, std::string_view field, FieldErrors& errors) {
  const Json* given = body.find(field);
  auto value = read_optional(body, field, errors);
  if (!value && (!given || given->is_null() || *given == Json(""))) errors.add(field, "is required");
  return value;
}

ListQuery ListQuery::parse(const http::Request& request, std::span<const std::string_view> sort_keys, FieldErrors& errors) {
  ListQuery query;
  const auto parameters = http::parse_query(request.query);
  if (!parameters) {
    errors.add("query", "must be percent-encoded UTF-8");
    return query;
  }
  bool has_page = false, has_size = false, has_bad_sort = false;
  for (const auto& parameter : *parameters) {
    const auto& [name, value] = parameter;
    if (name == "page" && !std::exchange(has_page, true)) {
      const auto page = read_number(value);
      if (!page || *page < 0 || *page > kPageMax) errors.add("page", "must be a number from 0");
      else query.page_.page = *page;
    } else if (name == "size" && !std::exchange(has_size, true)) {
      const auto size = read_number(value);
      if (!size || *size < 1) errors.add("size", "must be a number from 1");
      else query.page_.size = std::min(*size, kPageSizeMax);
    } else if (name == "sort") {
      const auto sort = read_sort(value, sort_keys);
      if (sort && query.sort_.size() < sort_keys.size()) query.sort_.push_back(*sort);
      else if (!std::exchange(has_bad_sort, true)) errors.add("sort", "must be a key of this list, with ,asc or ,desc");
    }
    if (name != "page" && name != "size") query.others_.push_back(parameter);
  }
  return query;
}

std::optional<std::string> ListQuery::filter(std::string_view name) const {
  for (const auto& parameter : others_)
    if (parameter.name == name) return parameter.value;
  return std::nullopt;
}

std::vector<std::string> ListQuery::filters(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& parameter : others_) {
    if (parameter.name != name) continue;
    for (std::string_view rest = parameter.value; !rest.empty();) {
      const std::string_view value = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), value.size() + 1));
      if (!value.empty() && std::ranges::find(values, value) == values.end()) values.emplace_back(value);
    }
  }
  return values;
}

void ListQuery::refuse_others(std::span<const std::string_view> known, FieldErrors& errors) const {
  std::vector<std::string_view> refused;
  for (const auto& parameter : others_) {
    const std::string_view name = parameter.name;
    if (std::ranges::find(known, name) != known.end() || std::ranges::find(refused, name) != refused.end()) continue;
    refused.push_back(name);
    errors.add(name, "is no parameter of this list");
  }
}

std::string ListQuery::target(std::string_view path, std::int64_t page) const {
  std::string out = "<" + std::string(path) + "?page=" + std::to_string(page) + "&size=" + std::to_string(page_.size);
  for (const auto& [name, value] : others_) {
    out += "&" + percent_encode(name) + "=";
    // A comma separates key and direction; it is legal in a query as it stands.
    for (std::size_t begin = 0; begin <= value.size();) {
      const std::size_t comma = std::min(value.find(',', begin), value.size());
      if (begin > 0) out += ',';
      out += percent_encode(std::string_view(value).substr(begin, comma - begin));
      begin = comma + 1;
    }
  }
  return out + ">";
}

void ListQuery::add_headers(http::Response& response, std::string_view path, std::int64_t total) const {
  response.headers.emplace_back("X-Total-Count", std::to_string(total));
  const std::int64_t last = std::max<std::int64_t>((total - 1) / page_.size, 0);
  std::string link;
  if (page_.page < last) link += target(path, page_.page + 1) + ";rel=\"next\",";
  link += target(path, last) + ";rel=\"last\"," + target(path, 0) + ";rel=\"first\"";
  if (page_.page > 0) link += "," + target(path, page_.page - 1) + ";rel=\"prev\"";
  response.headers.emplace_back("Link", std::move(link));
}

}  // namespace granary::api
