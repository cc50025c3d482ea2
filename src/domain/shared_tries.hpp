// Wrong passwords are counted by login: credentials of one owner that show a provider the same user name and password share their
// tries. What is learnt of a login with one of them, or with a PUT's candidate, is news for the others. Pure functions; the store
// applies them in the commit in which it is learnt (Store::commit), and to what is too many for that (Store::share_news).
#pragma once

#include <string>

#include "base/ids.hpp"
#include "domain/credential_health.hpp"

namespace granary {

// Keyed digests of what a provider is shown (check/secrets.hpp); both empty where that is no password.
struct LoginDigests {
  std::string login;  // user name and password, of one owner on one lane
  std::string sent;   // every field that is sent

  bool operator==(const LoginDigests&) const = default;
};

// What a commit says of a login.
struct LoginShare {
  LoginDigests login;
  std::optional<Answer> answer;  // nullopt: it is about to be shown, and counts before that
  bool may_turn = true;          // false while nothing of this provider is confirmed: the breaker is open, or in doubt
  WallTime now;
};

struct LoginNews {
  enum class Kind : std::uint8_t {
    counted,     // shown once more, or about to be
    taken_back,  // it was, and the provider did not refuse it
    refused,
    turned,  // the refusal is confirmed, or once more
    ok,
  };
  Kind kind = Kind::counted;
  LoginDigests login;
  std::optional<CredentialId> from;      // the one that has it already; nullopt: of a candidate, so news for its own row too
  std::int32_t refusals = 0;             // in all, where it was refused
  std::optional<WallTime> next_check;    // of the one that was asked; nullopt: the clock does not show it any more
  std::optional<WallTime> confirmed_at;  // then the first refusal is to be confirmed
  Reason reason = Reason::refused;
  std::optional<Instant> pending_since;  // when the refusals began, as a breaker counts them
  WallTime now;
};

// `after` is the health of the row that was asked, null where nothing was applied to it. nullopt: no news for others.
std::optional<LoginNews> news_of(const LoginShare& share, CredentialId asked, const CredentialHealth* after);

// Whether the other fields that are sent are equal too: then the provider's answer would be the same.
enum class SentFields : std::uint8_t { equal, other };

// What news does to another credential with the same login; nullopt leaves it as it is.
std::optional<CredentialHealth> after_news(const CredentialHealth& health, const LoginNews& news, SentFields fields,
                                           Random& random);

// Whether the clock does not show the password any more: its tries are used up, by whichever credential. One that has been
// refused once is confirmed all the same; where the permission is missing the provider has taken the password; and while it is
// unavailable, tries whose answer was lost are counted too, and must not leave it without a status.
bool is_used_up(const CredentialHealth& health);

// How long the clock leaves a password alone; nullopt: it may be shown. One that is used up for good. One that was refused once
// until a second refusal would confirm that: a wall clock that jumps makes it due before, and each try is one of three. Not while
// a breaker holds back what may have been refused for nothing: that is settled when it closes.
struct LeftAlone {
  std::optional<WallTime> until;  // nullopt: for good
};
std::optional<LeftAlone> left_alone(const CredentialHealth& health, const CheckPolicy& policy, const Instant& now);

}  // namespace granary
