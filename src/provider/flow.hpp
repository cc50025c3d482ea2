// A flow speaks one provider's protocol: a state machine without I/O. It is given the credential's fields and each
// answer, and says what to send next, what to keep, or what it all came to. check/ does the sending.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/url.hpp"
#include "domain/credential_health.hpp"
#include "domain/descriptor.hpp"
#include "domain/grant.hpp"
#include "http/transport.hpp"

namespace granary {

// Tokens longer than this are not kept (docs/api.md, "Limits").
inline constexpr std::size_t kTokenBytesMax = 64 * 1024;

// `heard`, in each step: what the last answer said of the one-use token that was sent for it.

struct Send {
  GrantEvent heard = GrantEvent::answered;
  http::OutboundRequest request;  // the deadline is the sender's
  std::string one_use_token;      // spent by this request; empty: none
};

// What the provider gave, to be stored before anything else happens: it may be all that is left of a token that was spent.
struct Keep {
  GrantEvent heard = GrantEvent::answered;
  Grant grant;
  // The newest token came in an answer that failed or refused: it is kept only where this credential has not spent it before, for
  // such answers repeat what was sent. go_on(Kept::no) otherwise.
  bool is_doubtful = false;
};
enum class Kept : std::uint8_t { yes, no };

struct Verdict {
  GrantEvent heard = GrantEvent::answered;
  Answer answer;
  std::optional<Grant> grant;  // with what came since the last Keep
  // The last answer is a token answer of which no token could be read: nobody knows what stands in it.
  bool is_unread = false;
  // Fields that lose their value once the status is MISSING_PERMISSION.
  std::vector<std::string> withdrawn;
  // What the provider was shown in another form than the field's (ciphertext): secrets for the redaction.
  std::vector<Plaintext> derived_secrets;
};

using Step = std::variant<Send, Keep, Verdict>;

struct FlowInput {
  const Url& base_url;
  const Secrets& secrets;
  GrantState grant = GrantState::held;
  WallTime now;
  RefreshTiming refresh;  // of an access token that is given now
};

class Flow {
 public:
  virtual ~Flow() = default;
  virtual Step start() = 0;
  // After a Keep, once that is stored, or is not.
  virtual Step go_on(Kept) { return Verdict{}; }
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
