// Takes secrets out of what a provider answered, before it is sealed as an event: values of sensitive names, and every
// known secret wherever it stands, in every encoding of docs/api.md, "Events". Of secrets that were the credential's once, what
// past_secrets.hpp finds. A hostile answer costs no more than any other.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/plaintext.hpp"
#include "provider/past_secrets.hpp"

namespace granary {

inline constexpr std::string_view kRedacted = "[redacted]";
// Stands for the rest of a text that would take too long to search: no secret is known to be there, and none is kept.
inline constexpr std::string_view kTooCostly = "[redacted: too costly]";

// Authorization, Set-Cookie, accessToken, session_id, ...
bool is_sensitive_name(std::string_view name);

class Redactor {
 public:
  // The secrets live as long as the redactor, those of the past too. nullptr: there are none.
  explicit Redactor(const std::vector<const Plaintext*>& secrets, const PastSecrets* past = nullptr);

  // Where the body was cut, a secret may have been cut in the middle: what is there of it goes too.
  std::string redact_body(std::string_view body, bool is_cut = false);
  // One `Name: value` a line, as much as an event has room for.
  std::string redact_headers(const std::vector<std::pair<std::string, std::string>>& headers);

  // What all of it has taken so far. A count, so that a test of what is hostile gives the same on every machine.
  std::size_t steps() const { return steps_; }

 private:
  struct Searched {
    std::string text;
    bool is_too_costly;
  };
  void add_past(Found& found, std::string_view text, bool is_cut);
  Searched redact_values(std::string_view text, bool is_cut);

  std::vector<std::string_view> secrets_;  // each once
  const PastSecrets* past_;
  std::size_t steps_ = 0;
};

}  // namespace granary
