// The only code that sees Granary's own keys. The root key wraps a versioned ring; the ring's newest key wraps two
// random keys for each credential, one for its fields and one for its events. Values moved between rows, versions or
// purposes do not open. Immutable after the start; usable from every thread (each call brings its Random).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/plaintext.hpp"
#include "base/random.hpp"

namespace granary {

// What a credential's seals are bound to; nothing of a store and not the Leaf user, so linking and moving open nothing.
struct SealScope {
  OwnerId owner;
  std::string_view provider;
  CredentialId credential;
};

struct RingKey {
  std::int64_t version = 0;
  Sealed wrapped;  // by the root key
};

class Sealer {
 public:
  // nullopt when the root key does not open the ring.
  static std::optional<Sealer> open(const Plaintext& root_key, const std::vector<RingKey>& ring);
  // The first ring key of a new store.
  static RingKey first_ring_key(const Plaintext& root_key, Random& random);

  Sealed new_fields_key(const SealScope& scope, Random& random) const;
  // False for a key of another row, or a damaged one. The sealing functions below need one that opens.
  bool opens_fields_key(const SealScope& scope, const Sealed& fields_key) const;
  Sealed seal_fields(const SealScope& scope, const Sealed& fields_key, std::int64_t fields_version, const Plaintext& packed,
                     Random& random) const;
  std::optional<Plaintext> open_fields(const SealScope& scope, const Sealed& fields_key, std::int64_t fields_version,
                                       const Sealed& sealed) const;
  // PUT's fields before the provider has accepted them: a purpose of their own, so that neither opens in the other's place.
  Sealed seal_candidate(const SealScope& scope, const Sealed& fields_key, const Plaintext& packed, Random& random) const;
  std::optional<Plaintext> open_candidate(const SealScope& scope, const Sealed& fields_key, const Sealed& sealed) const;

  Sealed new_events_key(const SealScope& scope, Random& random) const;
  std::optional<Plaintext> open_events_key(const SealScope& scope, const Sealed& events_key) const;
  // A day's key: deleting it shreds that day's segments of every credential.
  Sealed new_day_key(std::int32_t day, Random& random) const;
  std::optional<Plaintext> open_day_key(std::int32_t day, const Sealed& wrapped) const;

  // Small values of the store as a whole, such as the key that signs login tokens.
  Sealed seal_setting(std::string_view name, const Plaintext& value, Random& random) const;
  std::optional<Plaintext> open_setting(std::string_view name, const Sealed& sealed) const;

 private:
  Sealed wrap(std::string_view associated, const Plaintext& key, Random& random) const;
  std::optional<Plaintext> unwrap(std::string_view associated, const Sealed& wrapped) const;

  std::map<std::int64_t, Plaintext> ring_;
};

// Seals for one credential's events, under keys derived from its event key (and the day's, for segments).
class EventSealer {
 public:
  EventSealer(const SealScope& scope, Plaintext event_key);

  Sealed seal_segment(const Plaintext& day_key, std::int32_t day, std::int32_t number, std::string_view packed,
                      Random& random) const;
  std::optional<Plaintext> open_segment(const Plaintext& day_key, std::int32_t day, std::int32_t number,
                                        const Sealed& sealed) const;
  Sealed seal_content(std::int32_t number, std::string_view packed, Random& random) const;
  std::optional<Plaintext> open_content(std::int32_t number, const Sealed& sealed) const;
  // Finds a content that is kept already; tells nothing without the event key.
  std::string content_digest(std::string_view packed) const;
  // An event's id: computed, not stored. `position` counts within the day.
  std::string event_id(std::int32_t day, std::int64_t position) const;

 private:
  std::string associated(std::string_view purpose, std::int64_t a, std::int64_t b) const;
  Plaintext segment_key(const Plaintext& day_key) const;

  std::string scope_;
  Plaintext event_key_;
  Plaintext content_key_;
};

}  // namespace granary
