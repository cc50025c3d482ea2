// Reads what a token endpoint answers, before anything of it is judged: the tokens, whatever the status, the form or the damage.
// JSON (RFC 6749, section 5.1), also called something else; form-encoded, as older servers write it; text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "http/transport.hpp"

namespace granary {

struct TokenAnswer {
  enum class Form {
    empty,
    fields,  // JSON or form-encoded
    text,    // neither, and short
    page,    // HTML, XML
    unreadable,
  };
  Form form = Form::empty;
  std::string access_token, refresh_token;  // empty: none
  bool has_odd_refresh_token = false;       // a member of that name that is no token, or the answer is cut and may have had one
  std::optional<seconds> lifetime;          // of the access token
  std::optional<seconds> refresh_lifetime;  // of the refresh token
  bool says_error = false;                  // an `error` that says something
  std::optional<Json> json;

  ~TokenAnswer();
  TokenAnswer() = default;
  TokenAnswer(TokenAnswer&&) = default;
  TokenAnswer& operator=(TokenAnswer&&) = default;

  bool has_token() const { return !access_token.empty() || !refresh_token.empty(); }
};

// `now` is for an access token that says itself when it ends (RFC 7519, section 4.1.4).
TokenAnswer read_token_answer(const http::Exchange& answer, WallTime now);

// A plain positive number of seconds, as a number or a string, fractions cut, at most 90 days; nullopt for all else.
std::optional<seconds> read_lifetime(const Json* value);

// A body that is a page for people, or no text at all: a wall of another kind answers, not the provider's API.
bool is_page(const http::Exchange& answer);

// Whether the answer's body names an error by that code: as the value of any member, in any case, `invalid_grant` also as
// "Invalid Grant"; or as a word of a short text.
bool names_error(const http::Exchange& answer, std::string_view code);

}  // namespace granary
