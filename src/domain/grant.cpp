#include "domain/grant.hpp"

#include <algorithm>
#include <charconv>

namespace granary {

namespace {

using enum GrantState;

// The names of the parts in what is packed. No field of a client begins with an underscore.
constexpr std::string_view kLogin = "_login", kGiven = "_given", kPrevious = "_previous_token", kRefreshAt = "_refresh_at",
                           kSpent = "_spent", kOrigin = "_origin", kOfStoredGrant = "_of_stored_grant", kDoubtful = "_doubtful",
                           kOtherAccount = "_other_account";

constexpr std::array<std::string_view, kGrantStates> kStateNames = {"held",      "sending",  "unknown",
                                                                    "resending", "doubtful", "confirming"};
constexpr std::array<std::string_view, kGrantEvents> kEventNames = {"sent", "rotated", "accepted", "answered", "refused", "lost"};

struct CandidateRow {
  std::string_view name;
  CandidateState after_sending, after_giving;
};
constexpr std::array<CandidateRow, kCandidateStates> kCandidateTable = {{
    {"unsent", CandidateState::sending, CandidateState::unsent},
    {"sending", CandidateState::resending, CandidateState::given},
    {"given", CandidateState::resending, CandidateState::given},
    {"resending", CandidateState::resending, CandidateState::resending},
}};

}  // namespace

constexpr GrantTable kGrantTable = {{
    //               sent        rotated   accepted  answered  refused   lost
    /* held       */ {sending, held, held, held, held, held},
    /* sending    */ {sending, held, held, held, held, unknown},
    /* unknown    */ {resending, doubtful, held, unknown, unknown, unknown},
    /* resending  */ {resending, doubtful, held, unknown, unknown, unknown},
    /* doubtful   */ {confirming, held, held, doubtful, doubtful, doubtful},
    /* confirming */ {confirming, held, held, doubtful, doubtful, unknown},
}};

GrantState after(GrantState state, GrantEvent event) {
  return kGrantTable[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

std::string_view name_of(GrantState state) { return kStateNames[static_cast<std::size_t>(state)]; }
std::string_view name_of(GrantEvent event) { return kEventNames[static_cast<std::size_t>(event)]; }

CandidateState after_sending(CandidateState state) { return kCandidateTable[static_cast<std::size_t>(state)].after_sending; }
CandidateState after_giving(CandidateState state) { return kCandidateTable[static_cast<std::size_t>(state)].after_giving; }
std::string_view name_of(CandidateState state) { return kCandidateTable[static_cast<std::size_t>(state)].name; }

Grant Grant::clone() const {
  Grant copy{.given = given.clone(),
             .previous_token = {},
             .refresh_at = refresh_at,
             .is_doubtful = is_doubtful,
             .spent_digests = spent_digests};
  if (previous_token) copy.previous_token = previous_token->clone();
  return copy;
}

const Plaintext* Secrets::find(std::string_view name) const {
  const Plaintext* found = grant.given.find(name);
  return found ? found : login.find(name);
}

std::string_view Secrets::value(std::string_view name) const {
  const Plaintext* found = find(name);
  return found ? found->reveal() : std::string_view();
}

Fields Secrets::take_shown() && {
  for (const auto& [name, value] : grant.given.all()) login.set(name, value.clone());
  return std::move(login);
}

Secrets Secrets::clone() const {
  return {.login = login.clone(),
          .grant = grant.clone(),
          .origin = origin,
          .of_stored_grant = of_stored_grant,
          .is_other_account = is_other_account};
}

Plaintext Secrets::pack() const {
  Fields parts;
  parts.set(kLogin, login.pack());
  parts.set(kGiven, grant.given.pack());
  if (grant.previous_token) parts.set(kPrevious, grant.previous_token->clone());
  if (grant.refresh_at) parts.set(kRefreshAt, Plaintext(std::to_string(to_micros(*grant.refresh_at))));
  if (grant.is_doubtful) parts.set(kDoubtful, Plaintext("1"));
  if (!grant.spent_digests.empty()) parts.set(kSpent, Plaintext(grant.spent_digests));
  if (!origin.empty()) parts.set(kOrigin, Plaintext(origin));
  if (of_stored_grant) parts.set(kOfStoredGrant, Plaintext("1"));
  if (is_other_account) parts.set(kOtherAccount, Plaintext("1"));
  return parts.pack();
}

std::optional<Secrets> Secrets::unpack(std::string_view packed) {
  const auto parts = Fields::parts_of(packed);
  if (!parts) return std::nullopt;
  const auto part = [&](std::string_view name) -> std::optional<std::string_view> {
    const auto found = std::ranges::find(*parts, name, &std::pair<std::string_view, std::string_view>::first);
    return found == parts->end() ? std::nullopt : std::optional(found->second);
  };
  auto login = part(kLogin) ? Fields::unpack(*part(kLogin)) : std::nullopt;
  auto given = part(kGiven) ? Fields::unpack(*part(kGiven)) : std::optional<Fields>(Fields());
  if (!login || !given) return std::nullopt;
  Secrets secrets;
  secrets.login = std::move(*login);
  secrets.grant.given = std::move(*given);
  if (const auto previous = part(kPrevious)) secrets.grant.previous_token = Plaintext(std::string(*previous));
  secrets.grant.is_doubtful = part(kDoubtful).has_value();
  secrets.grant.spent_digests = part(kSpent).value_or("");
  secrets.origin = part(kOrigin).value_or("");
  secrets.of_stored_grant = part(kOfStoredGrant).has_value();
  secrets.is_other_account = part(kOtherAccount).has_value();
  const std::string_view refresh_at = part(kRefreshAt).value_or("");
  std::int64_t micros = 0;
  if (std::from_chars(refresh_at.data(), refresh_at.data() + refresh_at.size(), micros).ec == std::errc())
    secrets.grant.refresh_at = from_micros(micros);
  return secrets;
}

bool is_same(const Secrets& a, const Secrets& b) { return a.pack().reveal() == b.pack().reveal(); }

}  // namespace granary
