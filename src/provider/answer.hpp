// Reads what every provider's answers have in common: failures of the network, overload, Retry-After. What a flow does
// not recognise is unavailable, never refused.
#pragma once

#include <optional>

#include "base/json.hpp"
#include "provider/flow.hpp"

namespace granary {

// A verdict for no answer, a cut one, 408, 429, 5xx, redirects; nullopt when the flow must read on (2xx and other 4xx).
std::optional<Verdict> read_common(const http::Exchange& answer, WallTime now);

// Why there was no answer, or none that counts.
Reason reason_of(http::ExchangeFailure failure);

Verdict unavailable(Reason reason);
Verdict refused();
Verdict forbidden(Reason reason);

inline bool is_success(const http::Exchange& answer) { return answer.status >= 200 && answer.status < 300; }

// Seconds or a date (RFC 9110, section 10.2.3); nullopt when absent or unreadable.
std::optional<seconds> read_retry_after(const http::Exchange& answer, WallTime now);

// The body as a text: without a byte order mark, which some servers write, and blanks around it.
std::string_view body_of(const http::Exchange& answer);
// The body as a JSON object that is whole: where nothing in it is kept, a damaged one proves nothing.
std::optional<Json> read_whole_object(const http::Exchange& answer);
// The body as a JSON object, mended where it is damaged (base/json.hpp); nullopt for anything else.
std::optional<Json> read_object(const http::Exchange& answer);

// A non-empty string, or a number as text, no longer than a token may be.
std::optional<std::string> read_text(const Json* value);
// A non-empty string: a token is never a number.
std::optional<std::string> read_token(const Json* value);

}  // namespace granary
