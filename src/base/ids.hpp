// Typed 16-byte identifiers, written as UUIDs on the wire.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace granary {

using IdBytes = std::array<std::uint8_t, 16>;

std::string format_uuid(const IdBytes& bytes);
// Accepts the 36-character form in either case; nothing else.
std::optional<IdBytes> parse_uuid(std::string_view text);
// A random (version 4) identifier.
IdBytes random_uuid(Random& random);

template <class Tag>
struct Id {
  IdBytes bytes{};

  static Id random(Random& source) { return {random_uuid(source)}; }
  static std::optional<Id> parse(std::string_view text) {
    const auto bytes = parse_uuid(text);
    if (!bytes) return std::nullopt;
    return Id{*bytes};
  }
  // `raw` holds exactly 16 bytes.
  static Id from_raw(std::string_view raw) {
    Id id;
    std::memcpy(id.bytes.data(), raw.data(), id.bytes.size());
    return id;
  }
  std::string text() const { return format_uuid(bytes); }
  std::string_view raw() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  auto operator<=>(const Id&) const = default;
};

using OwnerId = Id<struct OwnerTag>;
using LeafUserId = Id<struct LeafUserTag>;
using CredentialId = Id<struct CredentialTag>;
using LoginId = Id<struct LoginTag>;  // the digest of a user name and password (check/secrets.hpp)

// Names a credential's row: a store may be divided by owner, so the owner always stands in it.
struct CredentialKey {
  OwnerId owner;
  CredentialId id;
  auto operator<=>(const CredentialKey&) const = default;
};

}  // namespace granary

template <class Tag>
struct std::hash<granary::Id<Tag>> {
  std::size_t operator()(const granary::Id<Tag>& id) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
