// Tells a provider that refuses everybody from growers whose logins ended (docs/reliability.md, "Breaker"). For each lane there
// is one for each owner, so that one owner's dead logins neither hide nor harm another's, and one for all owners together. No
// I/O; owned by the checks' thread.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "domain/credential_health.hpp"
#include "domain/grant.hpp"

namespace granary {

struct BreakerPolicy {
  milliseconds window{std::chrono::minutes(10)};
  int minimum = 10;
  double share = 0.05;
};

// What survives a restart.
struct BreakerState {
  bool open = false;
  WallTime opened_at;
  WallTime window_start;    // what turned since then is taken back
  std::int32_t owners = 1;  // whose refusals were counted when it opened
};

// Of one credential.
struct LastCheck {
  CredentialKey key;
  WallTime checked;
  std::optional<WallTime> first_refused;  // it was OK then
  // The same for credentials that show the provider the same login; empty: known of none.
  std::string login = {};
  AnswerKind found = AnswerKind::ok;
  std::optional<Reason> reason = {};  // where it was not ok
};

// As its health tells it; nullopt where the last answer came from a POST or PUT: the breaker counts only checks. A refusal of
// unknown outcome is none.
std::optional<LastCheck> last_check(CredentialKey key, const CredentialHealth& health, GrantState grant);

inline constexpr int kBreakerWindowCredentials = 40;
inline constexpr int kBreakerSuccessesToClose = 5;
// After a closing, so many credentials refused in a row raise a doubt: has the provider relapsed, or did these really leave? So
// many of those that have worked since are asked, and open it if all are refused.
inline constexpr int kBreakerDoubt = 40;
inline constexpr int kBreakerDoubtAsks = 3;
inline constexpr seconds kBreakerDoubtMax{60};
inline constexpr seconds kBreakerProbeInterval{60};

class Breaker {
 public:
  enum class Change { none, opened, closed };
  // What a check found. first_refusal: the first refusal of a credential that was OK. A credential that an earlier opening
  // counted is not OK until it works again.
  enum class Found { works, unavailable, refused, first_refusal };
  // `all_owners`: at most half of the policy's minimum is counted from one owner.
  enum class Watches { one_owner, all_owners };

  Breaker(Watches watches, BreakerPolicy policy, milliseconds interval, BreakerState state)
      : watches_(watches), policy_(policy), interval_(interval), state_(state) {}

  BreakerState state() const { return state_; }
  bool is_open() const { return state_.open; }
  // Where the window begins now.
  WallTime window_start(WallTime now) const;
  // Where it begins at the earliest.
  WallTime earliest_start(WallTime now) const;

  // At start: the last checks that it may reach, newest first; none lies ahead of now.
  Change restore(const std::vector<LastCheck>& checks, WallTime now);
  // A check has ended; `check.first_refused` is set here.
  Change record_check(LastCheck check, Found found);
  // While open: a credential that was OK before it opened was checked (by the clock or by request). `there_are` is how many such
  // credentials exist: as many successes close it where they are fewer than kBreakerSuccessesToClose.
  Change record_probe(CredentialKey key, bool succeeded, std::int64_t there_are);
  // Whether it has healed by such a check since: it counts again.
  bool has_healed(CredentialId id) const { return healed_.contains(id); }
  void close();
  // Whether one more credential may be probed now; the caller probes when true.
  bool take_probe(WallTime now);
  // Closed, and in doubt: nothing is confirmed meanwhile. For a minute at most.
  bool is_in_doubt(WallTime now) const;
  // One that is to be asked for the doubt's sake, at once; nullopt when enough are.
  std::optional<CredentialKey> take_doubtful(WallTime now);

 private:
  struct Count {
    std::int64_t refused = 0;
    std::int32_t owners = 0;
  };
  WallTime latest_start(WallTime now) const;
  void forget_old(WallTime now);
  Count count_refused(WallTime start) const;
  Change open_if_many_refused(WallTime now);
  // Whether this was the last of those that were asked, and all were refused.
  bool settle_doubt(const LastCheck& check, Found found);
  bool is_row_of_several_owners() const;
  Change open(WallTime now, std::int32_t owners);

  Watches watches_;
  BreakerPolicy policy_;
  milliseconds interval_;
  BreakerState state_;
  std::list<LastCheck> entries_;  // oldest first
  std::unordered_map<CredentialId, std::list<LastCheck>::iterator> by_id_;
  std::map<CredentialId, OwnerId> successes_;  // in a row, since it opened or the start
  std::unordered_set<CredentialId> healed_;    // since it opened, or the start
  std::optional<WallTime> last_probe_;
  // Of the time since the last closing.
  std::vector<CredentialKey> worked_;               // the last of them in the back
  std::map<CredentialId, OwnerId> refused_in_row_;  // since the last that worked
  std::optional<WallTime> doubt_since_;
  std::set<CredentialId> asked_;  // for the doubt's sake, and not answered yet
  int asked_refused_ = 0;
  bool has_closed_ = false;
};

}  // namespace granary
