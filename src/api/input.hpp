// Reads what a caller sent: the body, its fields, the page of a list. Every bad field is found at once.
#pragma once

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
std::optional<std::string> read_optional(const Json& body, std::string_view field, FieldErrors& errors);

// A list's query: page, size, sort, and the filters that `filters` names.
class ListQuery {
 public:
  static Result<ListQuery> parse(const http::Request& request, std::initializer_list<std::string_view> filters);

  PageRequest page() const { return page_; }
  const std::vector<std::string>& sort() const { return sort_; }
  std::optional<std::string> filter(std::string_view name) const;

  // X-Total-Count and Link, with targets relative to the service (`api/users?page=1&size=20`).
  void add_headers(http::Response& response, std::string_view path, std::int64_t total) const;

 private:
  std::string target(std::string_view path, std::int64_t page) const;

  PageRequest page_;
  std::vector<std::string> sort_;
  std::vector<http::Parameter> others_;  // kept in the links
};

inline std::unexpected<Error> bad_query(std::string_view field, std::string_view message) {
  FieldErrors errors("query");
  errors.add(field, message);
  return std::move(errors).error();
}

}  // namespace granary::api
