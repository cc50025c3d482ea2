// Where a token stands after what, cell by cell; what is packed comes back, and nothing else opens; and what versions before
// 2026-12 have packed.
#include "domain/grant.hpp"

#include <gtest/gtest.h>

#include "base/embedded.hpp"
#include "domain/old_secrets.hpp"

namespace granary {

namespace {

Plaintext plain(std::string text) { return Plaintext(std::move(text)); }

TEST(Grant, EachEventLeadsWhereTheTableSays) {
  using enum GrantState;
  struct Row {
    GrantState from;
    GrantState sent, rotated, accepted, answered, refused, lost;
  };
  const Row rows[] = {
      {held, sending, held, held, held, held, held},
      {sending, sending, held, held, held, held, unknown},
      {unknown, resending, doubtful, held, unknown, unknown, unknown},
      {resending, resending, doubtful, held, unknown, unknown, unknown},
      {doubtful, confirming, held, held, doubtful, doubtful, doubtful},
      {confirming, confirming, held, held, doubtful, doubtful, unknown},
  };
  static_assert(std::size(rows) == kGrantStates);
  for (const Row& row : rows) {
    const GrantState expected[] = {row.sent, row.rotated, row.accepted, row.answered, row.refused, row.lost};
    static_assert(std::size(expected) == kGrantEvents);
    for (std::size_t i = 0; i < kGrantEvents; ++i) {
      const auto event = static_cast<GrantEvent>(i);
      EXPECT_EQ(name_of(after(row.from, event)), name_of(expected[i])) << name_of(row.from) << ", " << name_of(event);
    }
  }
}

// What the table is for: a life of a token at a time.
TEST(Grant, LivesOfAToken) {
  using enum GrantEvent;
  struct Life {
    const char* what;
    std::vector<GrantEvent> events;
    GrantState end;
    bool is_uncertain;  // a refusal now says nothing sure
  };
  const Life lives[] = {
      {"rotated", {sent, rotated}, GrantState::held, false},
      {"refused", {sent, refused}, GrantState::held, false},
      {"an answer that says nothing", {sent, answered}, GrantState::held, false},
      {"lost", {sent, lost}, GrantState::unknown, true},
      {"lost, then refused", {sent, lost, sent, refused}, GrantState::unknown, true},
      {"lost, then an outage, then refused", {sent, lost, sent, answered, sent, refused}, GrantState::unknown, true},
      {"lost, then lost again", {sent, lost, sent, lost}, GrantState::unknown, true},
      {"lost, then rotated", {sent, lost, sent, rotated}, GrantState::doubtful, true},
      {"lost, then accepted: it stays, so it was never spent", {sent, lost, sent, accepted}, GrantState::held, false},
      {"the one after a lost one works", {sent, lost, sent, rotated, sent, rotated}, GrantState::held, false},
      {"the one after a lost one is refused", {sent, lost, sent, rotated, sent, refused}, GrantState::doubtful, true},
      {"the one after a lost one is lost too", {sent, lost, sent, rotated, sent, lost}, GrantState::unknown, true},
      {"what was not sent", {sent, answered, sent, answered}, GrantState::held, false},
  };
  for (const Life& life : lives) {
    GrantState state = GrantState::held;
    for (const GrantEvent event : life.events) state = after(state, event);
    EXPECT_EQ(name_of(state), name_of(life.end)) << life.what;
    EXPECT_EQ(is_uncertain(state), life.is_uncertain) << life.what;
  }
}

TEST(Grant, WhatIsUnderWayMayBeLost) {
  using enum GrantState;
  for (const GrantState state : {sending, resending, confirming}) EXPECT_TRUE(is_under_way(state)) << name_of(state);
  for (const GrantState state : {held, unknown, doubtful}) EXPECT_FALSE(is_under_way(state)) << name_of(state);
  for (const GrantState state : {held, unknown, doubtful})
    EXPECT_TRUE(is_under_way(after(state, GrantEvent::sent))) << name_of(state);
  for (const GrantState state : {sending, resending, confirming})
    EXPECT_EQ(after(state, GrantEvent::lost), unknown) << name_of(state) << ": a crash";
}

// Stored as numbers.
TEST(Grant, TheNumbersStay) {
  EXPECT_EQ(static_cast<int>(GrantState::held), 0);
  EXPECT_EQ(static_cast<int>(GrantState::sending), 1);
  EXPECT_EQ(static_cast<int>(GrantState::unknown), 2);
  EXPECT_EQ(static_cast<int>(GrantState::resending), 3);
  EXPECT_EQ(static_cast<int>(GrantState::doubtful), 4);
  EXPECT_EQ(static_cast<int>(GrantState::confirming), 5);
  EXPECT_EQ(static_cast<int>(CandidateState::unsent), 0);
  EXPECT_EQ(static_cast<int>(CandidateState::sending), 1);
  EXPECT_EQ(static_cast<int>(CandidateState::given), 2);
  EXPECT_EQ(static_cast<int>(CandidateState::resending), 3);
}

TEST(Candidate, IsTriedOnceMoreAfterACrashAndNoMore) {
  using enum CandidateState;
  struct Row {
    CandidateState state, after_sending, after_giving;
    bool is_tried_again;
  };
  const Row rows[] = {
      {unsent, sending, unsent, false},
      {sending, resending, given, true},
      {given, resending, given, true},
      {resending, resending, resending, false},
  };
  static_assert(std::size(rows) == kCandidateStates);
  for (const Row& row : rows) {
    EXPECT_EQ(name_of(after_sending(row.state)), name_of(row.after_sending)) << name_of(row.state);
    EXPECT_EQ(name_of(after_giving(row.state)), name_of(row.after_giving)) << name_of(row.state);
    EXPECT_EQ(is_tried_again(row.state), row.is_tried_again) << name_of(row.state);
  }
}

Secrets whole() {
  Secrets secrets;
  secrets.login.set("refreshToken", plain("the client's"));
  secrets.login.set("empty", plain(""));
  secrets.grant.given.set("accessToken", plain(std::string("a\0b", 3)));
  secrets.grant.previous_token = plain("previous");
  secrets.grant.refresh_at = from_micros(-7);
  secrets.grant.spent_digests = std::string("\0\1\2\3\4\5\6\7", 8);
  secrets.origin = "https://a.example";
  secrets.of_stored_grant = true;
  return secrets;
}

TEST(Secrets, WhatIsPackedComesBack) {
  const Secrets secrets = whole();
  const auto back = Secrets::unpack(secrets.pack().reveal());
  ASSERT_TRUE(back);
  EXPECT_TRUE(is_same(secrets, *back));
  EXPECT_TRUE(is_same(secrets, secrets.clone()));
  EXPECT_EQ(back->login.value("refreshToken"), "the client's");
  EXPECT_TRUE(back->login.find("empty"));
  EXPECT_EQ(back->grant.given.value("accessToken"), std::string_view("a\0b", 3));
  EXPECT_EQ(back->grant.previous_token->reveal(), "previous");
  EXPECT_EQ(back->grant.refresh_at, from_micros(-7));
  EXPECT_EQ(back->grant.spent_digests, std::string("\0\1\2\3\4\5\6\7", 8));
  EXPECT_EQ(back->origin, "https://a.example");
  EXPECT_TRUE(back->of_stored_grant);

  const auto nothing = Secrets::unpack(Secrets().pack().reveal());
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(is_same(*nothing, Secrets()));
  EXPECT_FALSE(nothing->grant.previous_token);
  EXPECT_FALSE(nothing->grant.refresh_at);
  EXPECT_FALSE(nothing->of_stored_grant);
  EXPECT_FALSE(is_same(*nothing, secrets));
}

TEST(Secrets, WhatNobodyHasPackedDoesNotUnpack) {
  const std::string packed(whole().pack().reveal());
  for (std::size_t size = 0; size < packed.size(); ++size) {
    const auto cut = Secrets::unpack(packed.substr(0, size));
    EXPECT_FALSE(cut && is_same(*cut, whole())) << size;
  }
  EXPECT_FALSE(Secrets::unpack(packed + "x"));
  Fields parts;
  EXPECT_FALSE(Secrets::unpack(parts.pack().reveal())) << "without a login";
  parts.set("_login", plain("no fields"));
  parts.set("_given", Fields().pack());
  EXPECT_FALSE(Secrets::unpack(parts.pack().reveal())) << "a login that nobody has packed";
  parts.set("_login", Fields().pack());
  EXPECT_TRUE(Secrets::unpack(parts.pack().reveal()));
  parts.set("_given", plain("no fields"));
  EXPECT_FALSE(Secrets::unpack(parts.pack().reveal())) << "a grant that nobody has packed";
  Fields old;
  old.set("refreshToken", plain("x"));
  EXPECT_FALSE(Secrets::unpack(old.pack().reveal())) << "as versions before 2026-12 packed";
}

TEST(Secrets, TheProvidersValueStandsAboveTheClients) {
  Secrets secrets;
  secrets.login.set("refreshToken", plain("client's"));
  secrets.login.set("publicKey", plain("key"));
  secrets.grant.given.set("refreshToken", plain("provider's"));
  secrets.grant.given.set("accessToken", plain("access"));
  EXPECT_EQ(secrets.value("refreshToken"), "provider's");
  EXPECT_EQ(secrets.value("publicKey"), "key");
  EXPECT_EQ(secrets.value("accessToken"), "access");
  EXPECT_EQ(secrets.value("unknown"), "");
  EXPECT_EQ(secrets.find("unknown"), nullptr);
  const Fields shown = std::move(secrets).take_shown();
  EXPECT_EQ(shown.value("refreshToken"), "provider's");
  EXPECT_EQ(shown.value("publicKey"), "key");
  EXPECT_EQ(shown.value("accessToken"), "access");
  EXPECT_EQ(shown.all().size(), 3U);
}

Provider provider_named(std::string_view slug) {
  for (const auto& file : embedded::kProviders) {
    auto parsed = parse_descriptor(*Json::parse(file.text));
    if (parsed && parsed->slug == slug) return std::move(*parsed);
  }
  ADD_FAILURE() << slug;
  return {};
}

Secrets read(const Fields& old, std::string_view slug = "ag-leader-credentials") {
  auto secrets = unpack_secrets(old.pack().reveal(), provider_named(slug));
  EXPECT_TRUE(secrets);
  return secrets ? std::move(*secrets) : Secrets();
}

TEST(OldSecrets, BeforeTheProviderGaveAnything) {
  Fields old;
  old.set("publicKey", plain("key"));
  old.set("privateKey", plain("private"));
  old.set("refreshToken", plain("client's"));
  old.set("accessToken", plain("posted"));
  const Secrets secrets = read(old);
  EXPECT_EQ(secrets.login.all().size(), 4U);
  EXPECT_EQ(secrets.login.value("refreshToken"), "client's");
  EXPECT_EQ(secrets.login.value("accessToken"), "posted") << "which no provider has given";
  EXPECT_TRUE(secrets.grant.given.all().empty());
  EXPECT_FALSE(secrets.grant.previous_token);
  EXPECT_FALSE(secrets.grant.refresh_at);
}

TEST(OldSecrets, AfterARefresh) {
  Fields old;
  old.set("publicKey", plain("key"));
  old.set("refreshToken", plain("third"));
  old.set("accessToken", plain("access"));
  old.set("_firstRefreshToken", plain("first"));
  old.set("_previousRefreshToken", plain("second"));
  old.set("_spentRefreshTokens", plain("8 bytes!16 bytes"));
  old.set("_accessTokenRefreshAt", plain("1700000000000000"));
  const Secrets secrets = read(old);
  EXPECT_EQ(secrets.login.value("publicKey"), "key");
  EXPECT_EQ(secrets.login.value("refreshToken"), "first");
  EXPECT_FALSE(secrets.login.find("accessToken"));
  EXPECT_EQ(secrets.value("refreshToken"), "third");
  EXPECT_EQ(secrets.value("accessToken"), "access");
  EXPECT_EQ(secrets.grant.previous_token->reveal(), "second");
  EXPECT_EQ(secrets.grant.refresh_at, from_micros(1'700'000'000'000'000));
  EXPECT_EQ(secrets.grant.spent_digests, "8 bytes!16 bytes");
  for (const auto& [name, value] : secrets.clone().take_shown().all()) EXPECT_FALSE(name.starts_with('_')) << name;
  // A PUT has brought the same grant again: that is what its repetition is compared with.
  old.set("_broughtRefreshToken", plain("brought"));
  EXPECT_EQ(read(old).login.value("refreshToken"), "brought");
}

TEST(OldSecrets, AnAccessTokenOfUnknownEndIsTheProvidersAllTheSame) {
  Fields old;
  old.set("refreshToken", plain("stays"));
  old.set("accessToken", plain("access"));
  old.set("_accessTokenRefreshAt", plain(""));
  const Secrets secrets = read(old);
  EXPECT_EQ(secrets.grant.given.value("accessToken"), "access");
  EXPECT_FALSE(secrets.grant.refresh_at);
  EXPECT_EQ(secrets.login.value("refreshToken"), "stays");
  EXPECT_FALSE(secrets.grant.given.find("refreshToken"));
}

TEST(OldSecrets, OfACandidate) {
  Fields old;
  old.set("refreshToken", plain("client's"));
  old.set("_origin", plain("https://a.example"));
  EXPECT_EQ(read(old).origin, "https://a.example");
  EXPECT_FALSE(read(old).of_stored_grant);
  old.set("_ofStoredGrant", plain("1"));
  EXPECT_TRUE(read(old).of_stored_grant);
}

TEST(OldSecrets, WhatNoClientGivesIsTheProviders) {
  Fields old;
  old.set("username", plain("grower"));
  old.set("password", plain("secret"));
  old.set("organizationName", plain("Green Acres"));
  old.set("authToken", plain("token"));
  old.set("organizationId", plain("7"));
  const Secrets secrets = read(old, "sentera-credentials");
  EXPECT_EQ(secrets.login.all().size(), 3U);
  EXPECT_EQ(secrets.grant.given.value("authToken"), "token");
  EXPECT_EQ(secrets.grant.given.value("organizationId"), "7");
}

TEST(OldSecrets, EitherFormIsReadAndNothingElse) {
  const Provider provider = provider_named("ag-leader-credentials");
  const Secrets secrets = whole();
  const std::string packed(secrets.pack().reveal());
  const auto back = unpack_secrets(packed, provider);
  ASSERT_TRUE(back);
  EXPECT_TRUE(is_same(*back, secrets));
  EXPECT_FALSE(unpack_secrets(packed.substr(0, packed.size() - 1), provider));
  EXPECT_FALSE(unpack_secrets("no fields at all", provider));
  Fields damaged;
  damaged.set("_login", plain("no fields"));
  EXPECT_FALSE(unpack_secrets(damaged.pack().reveal(), provider)) << "today's form, damaged, is none of old";
}

TEST(OldSecrets, DigestsOfSpentTokens) {
  const std::string digests = "aaaaaaaabbbbbbbbcccccccc";
  for (const char* sha256 : {"aaaaaaaaXXXXXXXXXXXXXXXXXXXXXXXX", "bbbbbbbb", "cccccccc...."})
    EXPECT_TRUE(is_in_old_digests(digests, sha256)) << sha256;
  for (const char* sha256 : {"", "aaaa", "aaaabbbb", "dddddddd", "abbbbbbb"})
    EXPECT_FALSE(is_in_old_digests(digests, sha256)) << sha256;
  EXPECT_FALSE(is_in_old_digests("", "aaaaaaaa"));
  EXPECT_FALSE(is_in_old_digests("aaaaaaa", "aaaaaaa")) << "a cut one";
}

}  // namespace

}  // namespace granary
