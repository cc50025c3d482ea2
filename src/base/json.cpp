#include "base/json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <set>

#include "base/encoding.hpp"
#include "base/json_repair.hpp"
#include "base/plaintext.hpp"

namespace granary {

namespace {

using simdjson::dom::element_type;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Strings hold no NUL; simdjson lets some lone surrogates through as three-byte forms, so UTF-8 is checked again.
bool is_clean(std::string_view text) { return text.find('\0') == std::string_view::npos && is_utf8(text); }

// Keys compare after decoding, so "a" and "a" are one key.
bool has_duplicate_keys(const Json::Object& members) {
  if (members.size() < 2) return false;
  std::vector<std::string_view> keys;
  keys.reserve(members.size());
  for (const auto& member : members) keys.push_back(member.first);
  std::ranges::sort(keys);
  return std::ranges::adjacent_find(keys) != keys.end();
}

enum class Reading { strict, lenient };

// Of a key that comes twice the last one stays.
void drop_earlier_duplicates(Json::Object& members) {
  if (!has_duplicate_keys(members)) return;
  std::set<std::string, std::less<>> seen;
  Json::Object kept;
  for (auto member = members.rbegin(); member != members.rend(); ++member)
    if (seen.insert(member->first).second) kept.push_back(std::move(*member));
  std::ranges::reverse(kept);
  members = std::move(kept);
}

// False when the value breaks a rule. Depth is bounded by the parser; `left` is how many more values may come.
bool convert(simdjson::dom::element from, Json& to, std::size_t& left, Reading reading) {
  if (left == 0) return false;
  --left;
  switch (from.type()) {
    case element_type::NULL_VALUE: to = Json(); return true;
    case element_type::BOOL: to = Json(bool(from)); return true;
    case element_type::INT64: to = Json(std::int64_t(from)); return true;
    case element_type::UINT64: to = Json(std::uint64_t(from)); return true;
    case element_type::DOUBLE: to = Json(double(from)); return true;
    case element_type::STRING: {
      const std::string_view text = from;
      to = Json(text);
      return reading == Reading::lenient || is_clean(text);
    }
    case element_type::ARRAY: {
      Json::Array items;
      for (const auto item : simdjson::dom::array(from))
        if (!convert(item, items.emplace_back(), left, reading)) return false;
      to = Json(std::move(items));
      return true;
    }
    case element_type::OBJECT: {
      Json::Object members;
      for (const auto& [key, value] : simdjson::dom::object(from)) {
        auto& member = members.emplace_back(std::string(key), Json());
        const bool may_be_key = reading == Reading::lenient || is_clean(key);
        if (!may_be_key || !convert(value, member.second, left, reading)) return false;
      }
      if (reading == Reading::lenient) drop_earlier_duplicates(members);
      const bool unique = reading == Reading::lenient || !has_duplicate_keys(members);
      to = Json(std::move(members));
      return unique;
    }
  }
  return false;
}

// simdjson refuses integers beyond 64 bits that a double holds well enough: written with an exponent they are doubles.
std::string with_long_integers_as_doubles(std::string_view text) {
  constexpr std::size_t kDigitsAlwaysFit = 18;
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && i + 1 < text.size()) out += text[i++];
    const bool is_number = !in_string && (is_digit(c) || c == '-');
    std::size_t end = i + 1;
    if (is_number)
      while (end < text.size() &&
             (is_digit(text[end]) || text[end] == '.' || to_lower(text[end]) == 'e' || text[end] == '+' || text[end] == '-'))
        ++end;
    const std::string_view token = text.substr(i, end - i);
    out += token;
    if (is_number && token.size() > kDigitsAlwaysFit && token.find_first_of(".eE") == std::string_view::npos) out += "e0";
    i = end;
  }
  return out;
}

std::optional<Json> parse_as(std::string_view text, Reading reading) {
  simdjson::dom::parser parser;
  if (parser.allocate(text.size(), kJsonDepthMax) != simdjson::SUCCESS) return std::nullopt;
  simdjson::padded_string padded(text);
  simdjson::dom::element root;
  auto failed = parser.parse(padded).get(root);
  if (const std::string longer = failed ? with_long_integers_as_doubles(text) : std::string(); longer.size() > text.size()) {
    padded = simdjson::padded_string(longer);
    if (parser.allocate(padded.size(), kJsonDepthMax) == simdjson::SUCCESS) failed = parser.parse(padded).get(root);
  }
  std::optional<Json> out;
  Json tree;
  std::size_t left = kJsonValuesMax;
  if (!failed && convert(root, tree, left, reading)) out = std::move(tree);
  std::fill_n(padded.data(), padded.size(), '\0');
  return out;
}

}  // namespace

std::optional<Json> Json::parse(std::string_view text) {
  // simdjson reads an empty document and a byte order mark in its own way; neither is JSON here.
  if (text.empty() || text.starts_with("\xEF\xBB\xBF")) return std::nullopt;
  return parse_as(text, Reading::strict);
}

std::optional<Json> Json::parse_damaged(std::string_view text) {
  std::string repaired = repair_json(text);
  auto json = repaired.empty() ? std::nullopt : parse_as(repaired, Reading::lenient);
  wipe(repaired);
  return json;
}

bool Json::is_number() const {
  return std::holds_alternative<std::int64_t>(value_) || std::holds_alternative<std::uint64_t>(value_) ||
         std::holds_alternative<double>(value_);
}

std::optional<bool> Json::boolean() const {
  const auto* value = std::get_if<bool>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::int64_t> Json::integer() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<double>(&value_)) {
    if (std::abs(*value) < 9e15 && std::trunc(*value) == *value) return static_cast<std::int64_t>(*value);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Json::unsigned_integer() const {
  const auto* value = std::get_if<std::uint64_t>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<double> Json::number() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  if (const auto* members = object())
    for (const auto& member : *members)
      if (member.first == key) return &member.second;
  return nullptr;
}

const Json* Json::at_pointer(std::string_view pointer) const {
  const Json* here = this;
  while (!pointer.empty() && here != nullptr) {
    if (pointer.front() != '/') return nullptr;
    pointer.remove_prefix(1);
    const std::string_view token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    if (const auto* items = here->array()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
      if (error != std::errc() || end != token.data() + token.size() || index >= items->size()) return nullptr;
      here = &(*items)[index];
    } else {
      here = here->find(token);
    }
  }
  return here;
}

std::optional<std::string> Json::find_string(std::string_view key) const {
  const Json* value = find(key);
  return value && value->string() ? std::optional(*value->string()) : std::nullopt;
}

void Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object();
  auto& members = std::get<Object>(value_);
  for (auto& member : members) {
    if (member.first != key) continue;
    member.second = std::move(value);
    return;
  }
  members.emplace_back(std::string(key), std::move(value));
}

std::string Json::dump() const {
  std::string out;
  append_json(out, *this);
  return out;
}

namespace {

// Which bytes stand in a JSON string as they are.
constexpr auto kIsPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < plain.size(); ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// The same of eight bytes at once (each line finds the bytes that are not).
bool all_plain(const char* bytes) {
  constexpr std::uint64_t kEach = 0x0101010101010101, kHigh = kEach * 0x80;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  const std::uint64_t quote = word ^ (kEach * '"'), backslash = word ^ (kEach * '\\');
  const std::uint64_t odd = ((word - kEach * 0x20) & ~word) | ((quote - kEach) & ~quote) | ((backslash - kEach) & ~backslash);
  return (odd & kHigh) == 0;
}

// How many bytes at the front stand as they are.
std::size_t plain_prefix(std::string_view text) {
  std::size_t size = 0;
  while (text.size() - size >= 8 && all_plain(text.data() + size)) size += 8;
  while (size < text.size() && kIsPlain[static_cast<unsigned char>(text[size])]) ++size;
  return size;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  out += '"';
  while (true) {
    const std::size_t plain = plain_prefix(text);
    out.append(text, 0, plain);
    if (plain == text.size()) break;
    const char c = text[plain];
    text.remove_prefix(plain + 1);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += kHexDigits[static_cast<unsigned char>(c) >> 4];
        out += kHexDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  out += '"';
}

void append_json(std::string& out, const Json& value) {
  JsonWriter writer(out);
  if (const auto* text = value.string()) {
    writer.string(*text);
  } else if (const auto* members = value.object()) {
    out += '{';
    for (const auto& [key, item] : *members) {
      if (out.back() != '{') out += ',';
      append_json_string(out, key);
      out += ':';
      append_json(out, item);
    }
    out += '}';
  } else if (const auto* items = value.array()) {
    out += '[';
    for (const auto& item : *items) {
      if (&item != items->data()) out += ',';
      append_json(out, item);
    }
    out += ']';
  } else if (const auto flag = value.boolean()) {
    writer.boolean(*flag);
  } else if (const auto whole = value.integer()) {
    writer.number(*whole);
  } else if (const auto large = value.unsigned_integer()) {
    writer.raw(std::to_string(*large));
  } else if (const auto number = value.number()) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *number).ptr;
    out.append(digits.data(), end);
  } else {
    writer.null();
  }
}

void JsonWriter::separate() {
  if (!first_) out_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::open(char c) {
  separate();
  out_ += c;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char c) {
  out_ += c;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_ += ':';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
  separate();
  append_json_string(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

JsonWriter& JsonWriter::boolean(bool value) { return raw(value ? "true" : "false"); }

JsonWriter& JsonWriter::null() { return raw("null"); }

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace granary
