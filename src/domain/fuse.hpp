// Tells a provider whose token answers cannot be read any more before it has cost every refresh token (docs/reliability.md,
// "Fuse"): each such answer may have spent one for nothing. For each lane there is one for each owner, and one for all owners
// together, which is blown where two owners' are. No I/O; owned by the checks' thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "domain/status.hpp"

namespace granary {

// How a request that spends a one-use token ended.
enum class TokenOutcome : std::uint8_t {
  succeeded,  // the provider gave a token
  failed,     // it answered with an error, or the request certainly did not leave: the token is as good as before
  unknown,    // no answer came after it was sent, or one of success in which no token could be read
};

// A credential's latest token request, as far as a fuse goes by it.
struct LatestRequest {
  CredentialId id;
  bool is_unknown = false;
  bool operator==(const LatestRequest&) const = default;
};

// What survives a restart.
struct FuseState {
  std::optional<WallTime> blown_at;  // nullopt: intact
  Reason reason = Reason::timeout;   // of the unknown outcome that blew it
  std::int32_t trials = 0;           // since then
  std::optional<WallTime> last_trial;
  std::vector<LatestRequest> latest;  // of kFuseRequests credentials at most, oldest first

  bool operator==(const FuseState&) const = default;
  // What holds no unknown outcome says no more than no state at all.
  bool is_worth_keeping() const;
};

inline constexpr std::size_t kFuseRequests = 3;
inline constexpr int kFuseOwners = 2;  // so many blown ones blow the fuse of all owners
inline constexpr seconds kFuseFirstTrial{60};
inline constexpr seconds kFuseTrialMax{3600};

class Fuse {
 public:
  enum class Change { none, blown, mended };

  Fuse() = default;
  explicit Fuse(FuseState state) : state_(std::move(state)) {}

  const FuseState& state() const { return state_; }
  bool is_blown() const { return state_.blown_at.has_value(); }

  // One request that spends a token has ended. The caller leaves out the first refresh of a credential and the second try of a
  // lost token: they count neither way. `reason` is an unknown outcome's.
  Change record(CredentialId id, TokenOutcome outcome, Reason reason, WallTime now);
  // The fuse of all owners hears of no request: it blows where kFuseOwners of the owners' are blown, and mends with any token
  // that is given. False: it was so already.
  bool blow(Reason reason, WallTime now);
  bool mend();

  // While blown: whether one more token may be spent to find out. 1 min after it blew, then 2, 4 ... 60 min after the last.
  bool is_trial_due(WallTime now) const;
  // The caller spends one when true.
  bool take_trial(WallTime now);

 private:
  FuseState state_;
};

// As stored. Unpacking never trusts what is there: it gives what can be read.
std::string pack_latest(const std::vector<LatestRequest>& latest);
std::vector<LatestRequest> unpack_latest(std::string_view packed);

}  // namespace granary
