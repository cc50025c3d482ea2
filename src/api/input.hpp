// Reads what a caller sent: the body, its fields, the page of a list. Every bad field is found at once.
#pragma once

#include <span>

#include "api/call.hpp"
#include "base/json.hpp"
#include "domain/records.hpp"

namespace granary::api {

// A JSON object, sent as JSON, with no type, or with curl's default form type. unsupported_media_type, invalid_body.
Result<Json> read_body(const http::Request& request);

// Collects what is wrong with fields; becomes one error that names them all.
class FieldErrors {
 public:
  explicit FieldErrors(std::string object) : object_(std::move(object)) {}
  void add(std::string_view field, std::string_view message) {
    fields_.push_back({object_, std::string(field), std::string(message)});
  }
  bool empty() const { return fields_.empty(); }
  std::unexpected<Error> error() &&;

 private:
  std::string object_;
  std::vector<FieldError> fields_;
};

// The text of a field, nullopt when absent, null or empty. Adds to `errors` when it is of another type or too long.
std::optional<std::string> read_optional(const Json& body, std::string_view field, FieldErrors& errors,
                                         std::size_t code_points_max = kFieldCodePointsMax);

// The same, but absent, null and empty are errors too.
std::optional<std::string> read_required(const Json& body, std::string_view field, FieldErrors& errors);

// One criterion of a list's order.
struct SortBy {
  std::size_t key;  // its place among the sort keys
  Direction direction;
};

// A list's query: page, size, sort, and whatever filters the list has.
class ListQuery {
 public:
  // `sort_keys` are what may be sorted by. What is wrong is added to `errors`, where the caller adds what its filters lack.
  static ListQuery parse(const http::Request& request, std::span<const std::string_view> sort_keys, FieldErrors& errors);

  PageRequest page() const { return page_; }
  const std::vector<SortBy>& sort() const { return sort_; }
  std::optional<std::string> filter(std::string_view name) const;
  // Of a filter that may come several times, or with commas; without those that are empty.
  std::vector<std::string> filters(std::string_view name) const;
  // What is neither page nor size nor one of these is wrong.
  void refuse_others(std::span<const std::string_view> known, FieldErrors& errors) const;

  // X-Total-Count and Link, with targets relative to the service (`api/users?page=1&size=20`).
  void add_headers(http::Response& response, std::string_view path, std::int64_t total) const;

 private:
  std::string target(std::string_view path, std::int64_t page) const;

  PageRequest page_;
  std::vector<SortBy> sort_;
  std::vector<http::Parameter> others_;  // kept in the links
};

}  // namespace granary::api
