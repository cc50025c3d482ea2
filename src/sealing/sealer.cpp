#include "sealing/sealer.hpp"

#include <cstring>

#include "base/check.hpp"
#include "crypto/primitives.hpp"

namespace granary {

namespace {

constexpr std::size_t kVersionBytes = 4;
constexpr std::size_t kDigestBytes = 16;

void put_number(std::string& out, std::int64_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

// Each part carries its length, so that no two lists of parts read alike.
void put_part(std::string& out, std::string_view part) {
  put_number(out, static_cast<std::int64_t>(part.size()));
  out += part;
}

std::string associated_data(std::string_view purpose, const SealScope& scope, std::int64_t version = 0) {
  std::string out;
  out.reserve(128);
  put_part(out, purpose);
  put_part(out, scope.owner.raw());
  put_part(out, scope.provider);
  put_part(out, scope.credential.raw());
  put_number(out, version);
  return out;
}

std::string numbered(std::string_view purpose, std::int64_t number) {
  std::string out;
  put_part(out, purpose);
  put_number(out, number);
  return out;
}

constexpr std::string_view kRing = "granary ring key", kFieldsKey = "granary fields key", kFields = "granary fields",
                           kCandidate = "granary candidate", kEventsKey = "granary events key", kDayKey = "granary day key",
                           kSetting = "granary setting", kSegment = "granary event segment", kContent = "granary event content",
                           kDigest = "granary content digest", kEventId = "granary event id";

}  // namespace

RingKey Sealer::first_ring_key(const Plaintext& root_key, Random& random) {
  const Plaintext key(random.bytes(crypto::kKeyBytes));
  return {.version = 1, .wrapped = {crypto::seal(root_key.reveal(), key.reveal(), numbered(kRing, 1), random)}};
}

std::optional<Sealer> Sealer::open(const Plaintext& root_key, const std::vector<RingKey>& ring) {
  Sealer sealer;
  for (const RingKey& entry : ring) {
    auto key = crypto::open(root_key.reveal(), entry.wrapped.bytes, numbered(kRing, entry.version));
    if (!key || key->reveal().size() != crypto::kKeyBytes) return std::nullopt;
    sealer.ring_.emplace(entry.version, std::move(*key));
  }
  if (sealer.ring_.empty()) return std::nullopt;
  return sealer;
}

Sealed Sealer::wrap(std::string_view associated, const Plaintext& key, Random& random) const {
  const auto& [version, ring_key] = *ring_.rbegin();
  const auto stamp = static_cast<std::uint32_t>(version);
  std::string out(kVersionBytes, '\0');
  std::memcpy(out.data(), &stamp, kVersionBytes);
  out += crypto::seal(ring_key.reveal(), key.reveal(), associated, random);
  return {std::move(out)};
}

std::optional<Plaintext> Sealer::unwrap(std::string_view associated, const Sealed& wrapped) const {
  if (wrapped.bytes.size() < kVersionBytes) return std::nullopt;
  std::uint32_t version = 0;
  std::memcpy(&version, wrapped.bytes.data(), kVersionBytes);
  const auto found = ring_.find(version);
  if (found == ring_.end()) return std::nullopt;
  return crypto::open_with_usual_key(found->second.reveal(), std::string_view(wrapped.bytes).substr(kVersionBytes), associated);
}

Sealed Sealer::new_fields_key(const SealScope& scope, Random& random) const {
  return wrap(associated_data(kFieldsKey, scope), Plaintext(random.bytes(crypto::kKeyBytes)), random);
}

bool Sealer::opens_fields_key(const SealScope& scope, const Sealed& fields_key) const {
  return unwrap(associated_data(kFieldsKey, scope), fields_key).has_value();
}

Sealed Sealer::seal_fields(const SealScope& scope, const Sealed& fields_key, std::int64_t fields_version, const Plaintext& packed,
                           Random& random) const {
  const auto key = unwrap(associated_data(kFieldsKey, scope), fields_key);
  check(key.has_value(), "seal_fields under a key that does not open");
  return {crypto::seal(key->reveal(), packed.reveal(), associated_data(kFields, scope, fields_version), random)};
}

std::optional<Plaintext> Sealer::open_fields(const SealScope& scope, const Sealed& fields_key, std::int64_t fields_version,
                                             const Sealed& sealed) const {
  const auto key = unwrap(associated_data(kFieldsKey, scope), fields_key);
  if (!key) return std::nullopt;
  return crypto::open(key->reveal(), sealed.bytes, associated_data(kFields, scope, fields_version));
}

Sealed Sealer::seal_candidate(const SealScope& scope, const Sealed& fields_key, const Plaintext& packed, Random& random) const {
  const auto key = unwrap(associated_data(kFieldsKey, scope), fields_key);
  check(key.has_value(), "seal_candidate under a key that does not open");
  return {crypto::seal(key->reveal(), packed.reveal(), associated_data(kCandidate, scope), random)};
}

std::optional<Plaintext> Sealer::open_candidate(const SealScope& scope, const Sealed& fields_key, const Sealed& sealed) const {
  const auto key = unwrap(associated_data(kFieldsKey, scope), fields_key);
  if (!key) return std::nullopt;
  return crypto::open(key->reveal(), sealed.bytes, associated_data(kCandidate, scope));
}

Sealed Sealer::new_events_key(const SealScope& scope, Random& random) const {
  return wrap(associated_data(kEventsKey, scope), Plaintext(random.bytes(crypto::kKeyBytes)), random);
}

std::optional<Plaintext> Sealer::open_events_key(const SealScope& scope, const Sealed& events_key) const {
  return unwrap(associated_data(kEventsKey, scope), events_key);
}

Sealed Sealer::new_day_key(std::int32_t day, Random& random) const {
  return wrap(numbered(kDayKey, day), Plaintext(random.bytes(crypto::kKeyBytes)), random);
}

std::optional<Plaintext> Sealer::open_day_key(std::int32_t day, const Sealed& wrapped) const {
  return unwrap(numbered(kDayKey, day), wrapped);
}

Sealed Sealer::seal_setting(std::string_view name, const Plaintext& value, Random& random) const {
  std::string associated;
  put_part(associated, kSetting);
  put_part(associated, name);
  return wrap(associated, value, random);
}

std::optional<Plaintext> Sealer::open_setting(std::string_view name, const Sealed& sealed) const {
  std::string associated;
  put_part(associated, kSetting);
  put_part(associated, name);
  return unwrap(associated, sealed);
}

EventSealer::EventSealer(const SealScope& scope, Plaintext event_key)
    : scope_(associated_data("", scope)),
      event_key_(std::move(event_key)),
      content_key_(crypto::derive_key(event_key_.reveal(), "", kContent)) {}

std::string EventSealer::associated(std::string_view purpose, std::int64_t a, std::int64_t b) const {
  std::string out;
  put_part(out, purpose);
  out += scope_;
  put_number(out, a);
  put_number(out, b);
  return out;
}

Plaintext EventSealer::segment_key(const Plaintext& day_key) const {
  return crypto::derive_key(event_key_.reveal(), day_key.reveal(), kSegment);
}

Sealed EventSealer::seal_segment(const Plaintext& day_key, std::int32_t day, std::int32_t number, std::string_view packed,
                                 Random& random) const {
  return {crypto::seal(segment_key(day_key).reveal(), packed, associated(kSegment, day, number), random)};
}

std::optional<Plaintext> EventSealer::open_segment(const Plaintext& day_key, std::int32_t day, std::int32_t number,
                                                   const Sealed& sealed) const {
  return crypto::open(segment_key(day_key).reveal(), sealed.bytes, associated(kSegment, day, number));
}

Sealed EventSealer::seal_content(std::int32_t number, std::string_view packed, Random& random) const {
  return {crypto::seal(content_key_.reveal(), packed, associated(kContent, number, 0), random)};
}

std::optional<Plaintext> EventSealer::open_content(std::int32_t number, const Sealed& sealed) const {
  return crypto::open(content_key_.reveal(), sealed.bytes, associated(kContent, number, 0));
}

std::string EventSealer::content_digest(std::string_view packed) const {
  const Plaintext key = crypto::derive_key(event_key_.reveal(), "", kDigest);
  return std::string(crypto::view(crypto::hmac_sha256(key.reveal(), packed)).substr(0, kDigestBytes));
}

std::string EventSealer::event_id(std::int32_t day, std::int64_t position) const {
  const auto digest = crypto::hmac_sha256(event_key_.reveal(), associated(kEventId, day, position));
  IdBytes bytes{};
  std::memcpy(bytes.data(), digest.data(), bytes.size());
  return format_uuid(bytes);
}

}  // namespace granary
