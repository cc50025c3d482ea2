// Sealed values open only where they were sealed: not in another row, for another owner, provider, version or purpose,
// not under another key, and not after their key is gone.
#include "sealing/sealer.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace granary {

namespace {

class SealerTest : public testing::Test {
 protected:
  Sealer open_ring(const Plaintext& root, const std::vector<RingKey>& ring) { return Sealer::open(root, ring).value(); }
  Plaintext key() { return Plaintext(random_.bytes(32)); }

  SystemRandom random_;
  Plaintext root_ = key();
  std::vector<RingKey> ring_ = {Sealer::first_ring_key(root_, random_)};
  Sealer sealer_ = open_ring(root_, ring_);
  const OwnerId owner_ = OwnerId::random(random_);
  const CredentialId credential_ = CredentialId::random(random_);
  const SealScope scope_{.owner = owner_, .provider = "valley", .credential = credential_};
  // Every scope that differs from scope_ in one thing.
  const std::vector<SealScope> other_scopes_ = {
      {.owner = OwnerId::random(random_), .provider = "valley", .credential = credential_},
      {.owner = owner_, .provider = "sentera", .credential = credential_},
      {.owner = owner_, .provider = "valley2", .credential = credential_},
      {.owner = owner_, .provider = "", .credential = credential_},
      {.owner = owner_, .provider = "valley", .credential = CredentialId::random(random_)},
      {.owner = OwnerId::from_raw(credential_.raw()), .provider = "valley", .credential = CredentialId::from_raw(owner_.raw())},
  };
  const Plaintext secret_{std::string("{\"password\":\"correct horse\"}")};
};

TEST_F(SealerTest, RingOpensUnderItsRootKeyOnly) {
  EXPECT_FALSE(Sealer::open(key(), ring_)) << "another root key";
  EXPECT_FALSE(Sealer::open(root_, {})) << "no ring";
  const auto with = [&](const std::function<void(RingKey&)>& change) {
    std::vector<RingKey> ring = ring_;
    change(ring[0]);
    return Sealer::open(root_, ring).has_value();
  };
  EXPECT_TRUE(with([](RingKey&) {}));
  EXPECT_FALSE(with([](RingKey& entry) { entry.version = 2; })) << "renumbered";
  EXPECT_FALSE(with([](RingKey& entry) { entry.wrapped.bytes.clear(); }));
  EXPECT_FALSE(with([](RingKey& entry) { entry.wrapped.bytes.pop_back(); }));
  EXPECT_FALSE(with([](RingKey& entry) { entry.wrapped.bytes += '\0'; }));
  EXPECT_FALSE(with([](RingKey& entry) { entry.wrapped.bytes[20] = static_cast<char>(entry.wrapped.bytes[20] ^ 1); }));
  // One key of the ring that does not open is enough.
  std::vector<RingKey> mixed = ring_;
  mixed.push_back({.version = 2, .wrapped = Sealer::first_ring_key(root_, random_).wrapped});
  EXPECT_FALSE(Sealer::open(root_, mixed)) << "a first key in the second's place";
}

TEST_F(SealerTest, FieldsComeBack) {
  const Sealed fields_key = sealer_.new_fields_key(scope_, random_);
  EXPECT_TRUE(sealer_.opens_fields_key(scope_, fields_key));
  for (const std::int64_t version : {0L, 1L, 2L, 1L << 40}) {
    const Sealed sealed = sealer_.seal_fields(scope_, fields_key, version, secret_, random_);
    EXPECT_FALSE(sealed.bytes.contains("horse"));
    const auto opened = open_ring(root_, ring_).open_fields(scope_, fields_key, version, sealed);
    ASSERT_TRUE(opened) << version;
    EXPECT_EQ(opened->reveal(), secret_.reveal());
  }
}

TEST_F(SealerTest, FieldsOpenNowhereElse) {
  const Sealed fields_key = sealer_.new_fields_key(scope_, random_), second_key = sealer_.new_fields_key(scope_, random_);
  const Sealed sealed = sealer_.seal_fields(scope_, fields_key, 7, secret_, random_);
  for (const std::int64_t version : {0L, 6L, 8L, -7L, 7L << 32, 7L + (1L << 32)})
    EXPECT_FALSE(sealer_.open_fields(scope_, fields_key, version, sealed)) << version;
  EXPECT_FALSE(sealer_.open_fields(scope_, second_key, 7, sealed)) << "a key of the same row, but another one";
  for (const SealScope& other : other_scopes_) {
    EXPECT_FALSE(sealer_.opens_fields_key(other, fields_key)) << other.provider;
    EXPECT_FALSE(sealer_.open_fields(other, fields_key, 7, sealed)) << "key and fields moved together, " << other.provider;
    const Sealed others_key = sealer_.new_fields_key(other, random_);
    EXPECT_FALSE(sealer_.open_fields(other, others_key, 7, sealed)) << "fields moved alone, " << other.provider;
    EXPECT_FALSE(sealer_.open_fields(scope_, others_key, 7, sealed)) << "key moved alone, " << other.provider;
  }
}

TEST_F(SealerTest, DamagedFieldsOrKeyDoNotOpen) {
  const Sealed fields_key = sealer_.new_fields_key(scope_, random_);
  const Sealed sealed = sealer_.seal_fields(scope_, fields_key, 1, secret_, random_);
  for (std::size_t i = 0; i < fields_key.bytes.size(); ++i) {
    Sealed damaged = fields_key;
    damaged.bytes[i] = static_cast<char>(damaged.bytes[i] ^ 0x40);
    EXPECT_FALSE(sealer_.opens_fields_key(scope_, damaged)) << i;
    EXPECT_FALSE(sealer_.open_fields(scope_, damaged, 1, sealed)) << i;
    damaged.bytes.resize(i);
    EXPECT_FALSE(sealer_.opens_fields_key(scope_, damaged)) << i;
  }
  for (std::size_t i = 0; i < sealed.bytes.size(); ++i) {
    Sealed damaged = sealed;
    damaged.bytes[i] = static_cast<char>(damaged.bytes[i] ^ 0x40);
    EXPECT_FALSE(sealer_.open_fields(scope_, fields_key, 1, damaged)) << i;
  }
  EXPECT_FALSE(sealer_.open_fields(scope_, fields_key, 1, Sealed()));
}

TEST_F(SealerTest, AnotherRingOpensNothing) {
  const Sealed fields_key = sealer_.new_fields_key(scope_, random_), events_key = sealer_.new_events_key(scope_, random_);
  const Sealed day_key = sealer_.new_day_key(100, random_), setting = sealer_.seal_setting("name", secret_, random_);
  const Sealed sealed = sealer_.seal_fields(scope_, fields_key, 1, secret_, random_);
  const Sealer other = open_ring(root_, {Sealer::first_ring_key(root_, random_)});
  EXPECT_FALSE(other.opens_fields_key(scope_, fields_key));
  EXPECT_FALSE(other.open_fields(scope_, fields_key, 1, sealed));
  EXPECT_FALSE(other.open_fields(scope_, other.new_fields_key(scope_, random_), 1, sealed));
  EXPECT_FALSE(other.open_events_key(scope_, events_key));
  EXPECT_FALSE(other.open_day_key(100, day_key));
  EXPECT_FALSE(other.open_setting("name", setting));
}

TEST_F(SealerTest, CandidateAndFieldsDoNotStandInForEachOther) {
  const Sealed fields_key = sealer_.new_fields_key(scope_, random_);
  const Sealed candidate = sealer_.seal_candidate(scope_, fields_key, secret_, random_);
  const auto opened = sealer_.open_candidate(scope_, fields_key, candidate);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->reveal(), secret_.reveal());
  for (const std::int64_t version : {0L, 1L}) {
    EXPECT_FALSE(sealer_.open_fields(scope_, fields_key, version, candidate)) << version;
    const Sealed fields = sealer_.seal_fields(scope_, fields_key, version, secret_, random_);
    EXPECT_FALSE(sealer_.open_candidate(scope_, fields_key, fields)) << version;
  }
  for (const SealScope& other : other_scopes_) {
    EXPECT_FALSE(sealer_.open_candidate(other, fields_key, candidate)) << other.provider;
    EXPECT_FALSE(sealer_.open_candidate(other, sealer_.new_fields_key(other, random_), candidate)) << other.provider;
  }
}

TEST_F(SealerTest, AKeyServesOnePurpose) {
  const Sealed fields_key = sealer_.new_fields_key(scope_, random_), events_key = sealer_.new_events_key(scope_, random_);
  const Sealed day_key = sealer_.new_day_key(100, random_), setting = sealer_.seal_setting("name", key(), random_);
  for (const Sealed& other : {events_key, day_key, setting, ring_[0].wrapped})
    EXPECT_FALSE(sealer_.opens_fields_key(scope_, other));
  for (const Sealed& other : {fields_key, day_key, setting}) EXPECT_FALSE(sealer_.open_events_key(scope_, other));
  for (const Sealed& other : {fields_key, events_key, setting}) EXPECT_FALSE(sealer_.open_day_key(100, other));
  for (const Sealed& other : {fields_key, events_key, day_key}) EXPECT_FALSE(sealer_.open_setting("name", other));
}

TEST_F(SealerTest, EventsKeysAndDayKeysAndSettingsOpenInTheirPlaceOnly) {
  const Sealed events_key = sealer_.new_events_key(scope_, random_), day_key = sealer_.new_day_key(100, random_);
  ASSERT_TRUE(sealer_.open_events_key(scope_, events_key));
  EXPECT_EQ(sealer_.open_events_key(scope_, events_key)->reveal().size(), 32U);
  for (const SealScope& other : other_scopes_) EXPECT_FALSE(sealer_.open_events_key(other, events_key)) << other.provider;
  ASSERT_TRUE(sealer_.open_day_key(100, day_key));
  EXPECT_NE(sealer_.open_day_key(100, day_key)->reveal(), sealer_.open_day_key(100, sealer_.new_day_key(100, random_))->reveal());
  for (const std::int32_t day : {0, 99, 101, -100}) EXPECT_FALSE(sealer_.open_day_key(day, day_key)) << day;
  const Sealed setting = sealer_.seal_setting("login key", secret_, random_);
  ASSERT_TRUE(sealer_.open_setting("login key", setting));
  EXPECT_EQ(sealer_.open_setting("login key", setting)->reveal(), secret_.reveal());
  for (const char* name : {"", "login", "login key2", "Login key"}) EXPECT_FALSE(sealer_.open_setting(name, setting)) << name;
}

class EventSealerTest : public SealerTest {
 protected:
  const Plaintext event_key_ = key(), day_key_ = key();
  const EventSealer events_{scope_, event_key_.clone()};
};

TEST_F(EventSealerTest, SegmentsOpenInTheirPlaceOnly) {
  const Sealed sealed = events_.seal_segment(day_key_, 100, 3, "an event", random_);
  const auto opened = EventSealer(scope_, event_key_.clone()).open_segment(day_key_, 100, 3, sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->reveal(), "an event");
  for (const auto& [day, number] : {std::pair(100, 2), {100, 4}, {99, 3}, {101, 3}, {3, 100}, {0, 0}})
    EXPECT_FALSE(events_.open_segment(day_key_, day, number, sealed)) << day << " " << number;
  EXPECT_FALSE(events_.open_segment(key(), 100, 3, sealed)) << "the day's key is gone, a new one does not open";
  EXPECT_FALSE(events_.open_segment(event_key_, 100, 3, sealed));
  EXPECT_FALSE(EventSealer(scope_, key()).open_segment(day_key_, 100, 3, sealed)) << "unlinking replaced the event key";
  for (const SealScope& other : other_scopes_)
    EXPECT_FALSE(EventSealer(other, event_key_.clone()).open_segment(day_key_, 100, 3, sealed)) << other.provider;
  EXPECT_FALSE(events_.open_content(3, sealed));
  EXPECT_FALSE(events_.open_segment(day_key_, 100, 3, {sealed.bytes.substr(1)}));
  EXPECT_FALSE(events_.open_segment(day_key_, 100, 3, Sealed()));
}

TEST_F(EventSealerTest, ContentsOpenInTheirPlaceOnly) {
  const Sealed sealed = events_.seal_content(3, "a body", random_);
  const auto opened = EventSealer(scope_, event_key_.clone()).open_content(3, sealed);
  ASSERT_TRUE(opened) << "without any day's key: a body outlives its day";
  EXPECT_EQ(opened->reveal(), "a body");
  for (const std::int32_t number : {0, 2, 4, -3}) EXPECT_FALSE(events_.open_content(number, sealed)) << number;
  EXPECT_FALSE(EventSealer(scope_, key()).open_content(3, sealed)) << "unlinking replaced the event key";
  for (const SealScope& other : other_scopes_)
    EXPECT_FALSE(EventSealer(other, event_key_.clone()).open_content(3, sealed)) << other.provider;
  EXPECT_FALSE(events_.open_segment(day_key_, 3, 0, sealed));
}

TEST_F(EventSealerTest, ContentDigestsAreKeyed) {
  const std::string digest = events_.content_digest("a body");
  EXPECT_EQ(digest.size(), 16U);
  EXPECT_EQ(events_.content_digest("a body"), digest);
  EXPECT_NE(events_.content_digest("a body "), digest);
  EXPECT_NE(EventSealer(scope_, key()).content_digest("a body"), digest) << "nothing is shared between credentials";
}

TEST_F(EventSealerTest, IdsAreStableAndDifferByDayPositionAndCredential) {
  std::set<std::string> seen;
  for (const std::int32_t day : {0, 1, 2, 100, 20'468})
    for (const std::int64_t position : {0L, 1L, 2L, 100L, 1L << 33}) {
      const std::string id = events_.event_id(day, position);
      EXPECT_TRUE(parse_uuid(id)) << id;
      EXPECT_TRUE(seen.insert(id).second) << day << " " << position;
      EXPECT_EQ(EventSealer(scope_, event_key_.clone()).event_id(day, position), id);
    }
  EXPECT_FALSE(seen.contains(EventSealer(scope_, key()).event_id(1, 1)));
  for (const SealScope& other : other_scopes_) EXPECT_FALSE(seen.contains(EventSealer(other, event_key_.clone()).event_id(1, 1)));
}

}  // namespace

}  // namespace granary
