#include "domain/fields.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace granary {

namespace {

void put_size(std::string& out, std::size_t size) {
  const auto value = static_cast<std::uint32_t>(size);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

bool take(std::string_view& in, std::string_view& out) {
  std::uint32_t size = 0;
  if (in.size() < sizeof size) return false;
  std::memcpy(&size, in.data(), sizeof size);
  in.remove_prefix(sizeof size);
  if (in.size() < size) return false;
  out = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

}  // namespace

const Plaintext* Fields::find(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (key == name) return &value;
  return nullptr;
}

std::string_view Fields::value(std::string_view name) const {
  const Plaintext* found = find(name);
  return found ? found->reveal() : std::string_view();
}

void Fields::set(std::string_view name, Plaintext value) {
  for (auto& [key, old] : fields_) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  fields_.emplace_back(std::string(name), std::move(value));
}

void Fields::remove(std::string_view name) {
  std::erase_if(fields_, [&](const auto& field) { return field.first == name; });
}

Fields Fields::clone() const {
  Fields copy;
  for (const auto& [name, value] : fields_) copy.fields_.emplace_back(name, value.clone());
  return copy;
}

Plaintext Fields::pack() const {
  std::size_t size = 0;
  for (const auto& [name, value] : fields_) size += 8 + name.size() + value.reveal().size();
  std::string out;
  out.reserve(size);  // no reallocation: it would leave a copy behind
  for (const auto& [name, value] : fields_) {
    put_size(out, name.size());
    out += name;
    put_size(out, value.reveal().size());
    out += value.reveal();
  }
  return Plaintext(std::move(out));
}

std::optional<std::vector<std::pair<std::string_view, std::string_view>>> Fields::parts_of(std::string_view packed) {
  constexpr std::size_t kUsualCount = 8;
  std::vector<std::pair<std::string_view, std::string_view>> parts;
  parts.reserve(kUsualCount);
  while (!packed.empty()) {
    std::string_view name, value;
    if (!take(packed, name) || !take(packed, value)) return std::nullopt;
    parts.emplace_back(name, value);
  }
  return parts;
}

std::optional<Fields> Fields::unpack(std::string_view packed) {
  const auto parts = parts_of(packed);
  if (!parts) return std::nullopt;
  Fields fields;
  fields.fields_.reserve(parts->size());
  for (const auto& [name, value] : *parts) fields.fields_.emplace_back(std::string(name), Plaintext(std::string(value)));
  return fields;
}

}  // namespace granary
