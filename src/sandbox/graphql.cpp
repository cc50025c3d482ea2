#include "sandbox/graphql.hpp"

#include <charconv>
#include <optional>

namespace granary::sandbox {

namespace {

constexpr int kDepthMax = 16;
constexpr std::size_t kQueryBytesMax = 65'536;

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads from the front of the text; the first thing that is wrong ends it.
class Reader {
 public:
  Reader(std::string_view text, const Json& variables) : text_(text), variables_(variables) {}

  std::expected<std::vector<GraphqlField>, std::string> read() {
    skip_blanks();
    if (const auto word = take_name()) {
      if (*word != "query") return std::unexpected("only queries are simulated, not " + std::string(*word));
      take_name();
      if (take('(')) read_definitions();
    }
    auto fields = read_selection(0);
    if (wrong_.empty() && !text_.empty()) wrong_ = "one query is expected, and nothing after it";
    if (!wrong_.empty()) return std::unexpected(wrong_);
    return fields;
  }

 private:
  // Commas count as blanks; a comment ends with its line.
  void skip_blanks() {
    while (!text_.empty()) {
      if (text_.front() == '#') text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
      else if (std::string_view(" \t\r\n,").contains(text_.front())) text_.remove_prefix(1);
      else return;
    }
  }

  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    skip_blanks();
    return true;
  }

  bool expect(char c) {
    if (take(c)) return true;
    if (wrong_.empty()) wrong_ = std::string("expected ") + c;
    return false;
  }

  std::optional<std::string_view> take_name() {
    if (text_.empty() || !is_name_start(text_.front())) return std::nullopt;
    std::size_t size = 1;
    while (size < text_.size() && (is_name_start(text_[size]) || is_digit(text_[size]))) ++size;
    const auto name = text_.substr(0, size);
    text_.remove_prefix(size);
    skip_blanks();
    return name;
  }

  std::string expect_name() {
    if (const auto name = take_name()) return std::string(*name);
    if (wrong_.empty()) wrong_ = "expected a name";
    return {};
  }

  // ($page: Int! = 1, $ids: [ID!]): types are not checked, defaults are kept.
  void read_definitions() {
    while (wrong_.empty() && !take(')')) {
      expect('$');
      const std::string name = expect_name();
      expect(':');
      while (take('[')) {
      }
      expect_name();
      while (take('!') || take(']')) {
      }
      if (take('=')) defaults_.set(name, read_value(0));
    }
  }

  Json read_variable() {
    const std::string name = expect_name();
    if (const Json* value = variables_.find(name)) return *value;
    if (const Json* value = defaults_.find(name)) return *value;
    return {};
  }

  Json read_number() {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    if (error != std::errc()) wrong_ = "a number is too large, or no number";
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    skip_blanks();
    return number;
  }

  Json read_string() {
    const auto end = text_.find('"', 1);
    if (end == std::string_view::npos || text_.substr(0, end).contains('\\')) {
      wrong_ = "a string does not end, or has an escape, which is not simulated";
      return {};
    }
    Json value(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    skip_blanks();
    return value;
  }

  Json read_value(int depth) {
    if (depth > kDepthMax) wrong_ = "values are nested too deep";
    if (!wrong_.empty() || text_.empty()) return {};
    if (take('$')) return read_variable();
    if (text_.front() == '"') return read_string();
    if (text_.front() == '-' || is_digit(text_.front())) return read_number();
    if (take('{')) return read_members('}', depth);
    if (take('[')) {
      Json::Array items;
      while (wrong_.empty() && !take(']')) items.push_back(read_item(depth));
      return items;
    }
    const std::string word = expect_name();
    if (word == "true" || word == "false") return word == "true";
    return word == "null" ? Json() : Json(word);  // an enum's value
  }

  Json read_item(int depth) {
    if (text_.empty()) wrong_ = "the query ends too early";
    return read_value(depth + 1);
  }

  Json read_members(char end, int depth) {
    Json::Object members;
    while (wrong_.empty() && !take(end)) {
      const std::string name = expect_name();
      expect(':');
      members.emplace_back(name, read_item(depth));
    }
    return members;
  }

  std::vector<GraphqlField> read_selection(int depth) {
    std::vector<GraphqlField> fields;
    if (depth > kDepthMax) wrong_ = "fields are nested too deep";
    if (!expect('{')) return fields;
    while (wrong_.empty() && !take('}')) {
      if (text_.starts_with('.')) wrong_ = "fragments are not simulated";
      GraphqlField field;
      field.alias = field.name = expect_name();
      if (take(':')) field.name = expect_name();
      field.arguments = take('(') ? read_members(')', depth) : Json(Json::Object());
      if (text_.starts_with('@')) wrong_ = "directives are not simulated";
      if (text_.starts_with('{')) field.selection = read_selection(depth + 1);
      fields.push_back(std::move(field));
    }
    return fields;
  }

  std::string_view text_;
  const Json& variables_;
  Json defaults_;
  std::string wrong_;
};

}  // namespace

std::expected<std::vector<GraphqlField>, std::string> read_graphql(std::string_view query, const Json& variables) {
  if (query.size() > kQueryBytesMax) return std::unexpected("the query is too long");
  return Reader(query, variables).read();
}

}  // namespace granary::sandbox
