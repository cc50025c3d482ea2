// JSON in and out: a small tree for what comes from outside, and a writer that appends straight to a buffer.
// Reading is strict (docs/api.md, "Limits"): depth 32, no key twice, no NUL, no lone surrogate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace granary {

inline constexpr std::size_t kJsonDepthMax = 32;
// Members and items, all together. A mebibyte of `[]` would take thirty milliseconds to read, and hundreds of bytes for each of
// them.
inline constexpr std::size_t kJsonValuesMax = 20'000;

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // in the order written

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  // nullopt for anything that is not strict JSON as above, or has more than kJsonValuesMax values. The text need not be padded.
  static std::optional<Json> parse(std::string_view text);
  // The first object of a damaged text (base/json_repair.hpp): of a key that comes twice the last one counts, and a string may
  // hold a NUL. nullopt where there is none, or it is beyond the limits of parse.
  static std::optional<Json> parse_damaged(std::string_view text);
  std::string dump() const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_number() const;

  // Each is null when the value is of another type.
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  std::optional<bool> boolean() const;
  // A whole number that fits.
  std::optional<std::int64_t> integer() const;
  std::optional<std::uint64_t> unsigned_integer() const;
  std::optional<double> number() const;

  // The member of an object; null when this is no object or has none.
  const Json* find(std::string_view key) const;
  // RFC 6901, without escapes in the tokens; null when nothing is there.
  const Json* at_pointer(std::string_view pointer) const;
  // The string member, or nullopt.
  std::optional<std::string> find_string(std::string_view key) const;
  // Sets or replaces a member of an object.
  void set(std::string_view key, Json value);

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

// Appends one JSON string, quotes included.
void append_json_string(std::string& out, std::string_view text);
void append_json(std::string& out, const Json& value);

// Writes one object or array after another into a string: field order is the order of calls.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view value);
  JsonWriter& number(std::int64_t value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  // Text that is JSON already.
  JsonWriter& raw(std::string_view json);

  JsonWriter& field(std::string_view name, std::string_view value) { return key(name).string(value); }
  JsonWriter& field(std::string_view name, const std::string& value) { return key(name).string(value); }
  JsonWriter& field(std::string_view name, const char* value) { return key(name).string(value); }
  JsonWriter& field(std::string_view name, const std::optional<std::string>& value) {
    return value ? key(name).string(*value) : key(name).null();
  }

 private:
  JsonWriter& open(char c);
  JsonWriter& close(char c);
  void separate();

  std::string& out_;
  bool first_ = true;
};

}  // namespace granary
