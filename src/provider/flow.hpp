// A flow speaks one provider's protocol: a state machine without I/O. It is given the credential's fields and each
// answer, and says what to send next or what it all came to. operation/ does the sending.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/url.hpp"
#include "domain/check_state.hpp"
#include "domain/descriptor.hpp"
#include "domain/fields.hpp"
#include "http/transport.hpp"

namespace granary {

// Tokens longer than this are not kept (behaviour.md).
inline constexpr std::size_t kTokenBytesMax = 64 * 1024;

// Fields that are ours: never shown, sealed with the rest.
// There while the stored refresh token is what the try after a lost answer gave, and has not worked itself: the request whose
// answer was lost may still arrive, and a provider that detects reuse then revokes the grant.
inline constexpr std::string_view kAfterLostAnswer = "_afterLostAnswer";
inline constexpr std::string_view kPreviousRefreshToken = "_previousRefreshToken";
inline constexpr std::string_view kFirstRefreshToken = "_firstRefreshToken";    // the client's, once the provider has replaced it
inline constexpr std::string_view kSpentRefreshTokens = "_spentRefreshTokens";  // as spent_tokens.hpp says
inline constexpr std::string_view kBroughtRefreshToken = "_broughtRefreshToken";  // with the last PUT of the same grant
// Beside an access token that the provider gave: microseconds since 1970, empty where it never said how long the token lives.
inline constexpr std::string_view kAccessTokenRefreshAt = "_accessTokenRefreshAt";

struct FieldUpdate {
  std::string name;
  std::optional<Plaintext> value;  // nullopt: removed
};

struct Verdict {
  Answer answer;
  std::vector<FieldUpdate> updates;
  // Fields that lose their value once the status is MISSING_PERMISSION.
  std::vector<std::string> withdrawn;
  // What the provider was shown in another form than the field's (ciphertext): secrets for the redaction.
  std::vector<Plaintext> derived_secrets;
  // A one-use token was sent and no answer to it arrived: it may be spent.
  bool answer_lost = false;
};

struct Send {
  http::OutboundRequest request;  // the deadline is the sender's
  std::string one_use_token;      // spent by this request; empty: none
  // What the provider gave, to be stored before this is sent: it may be all that is left of a token that was spent.
  std::vector<FieldUpdate> given;
};

using Step = std::variant<Send, Verdict>;

struct FlowInput {
  const Url& base_url;
  const Fields& fields;          // with what a Send had `given`, from then on
  bool outcome_unknown = false;  // an earlier answer was lost
  WallTime now;
};

class Flow {
 public:
  virtual ~Flow() = default;
  virtual Step start() = 0;
  // The answer to what was sent last; `now` for Retry-After. One that failed ends the flow, with all that it was given before.
  virtual Step next(const http::Exchange& answer, WallTime now) = 0;
};

// A provider's parameters, read once at start.
class FlowPlan {
 public:
  virtual ~FlowPlan() = default;
  // The input's references outlive the flow.
  virtual std::unique_ptr<Flow> start(const FlowInput& input) const = 0;
  // The field whose value is spent by being sent; empty: there is none.
  virtual std::string_view one_use_field() const { return {}; }
  // Whether a client's value of this field gives way to what the provider gives.
  virtual bool gives(std::string_view) const { return false; }
};

// The error's detail names the parameter at fault.
Result<std::unique_ptr<FlowPlan>> plan_flow(const Provider& provider);

Result<std::unique_ptr<FlowPlan>> plan_oauth2_refresh(const Provider& provider);
Result<std::unique_ptr<FlowPlan>> plan_sentera(const Provider& provider);
Result<std::unique_ptr<FlowPlan>> plan_agvance(const Provider& provider);
Result<std::unique_ptr<FlowPlan>> plan_encrypted_login(const Provider& provider);

}  // namespace granary
