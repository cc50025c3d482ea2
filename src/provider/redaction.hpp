// Takes secrets out of what a provider answered, before it is sealed as an event: values of sensitive names, and every
// known secret wherever it stands, in every encoding of behaviour.md, "Events".
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/plaintext.hpp"

namespace granary {

inline constexpr std::string_view kRedacted = "[redacted]";
// Shorter ones would blacken half the text; they are redacted by name only.
inline constexpr std::size_t kSecretCharactersMin = 6;

// Authorization, Set-Cookie, accessToken, session_id, ...
bool is_sensitive_name(std::string_view name);

class Redactor {
 public:
  // The secrets live as long as the redactor.
  explicit Redactor(const std::vector<const Plaintext*>& secrets);
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  // Where the body was cut, a secret may have been cut in the middle: what is there of it goes too.
  std::string redact_body(std::string_view body, bool is_cut = false) const;
  // One `Name: value` a line.
  std::string redact_headers(const std::vector<std::pair<std::string, std::string>>& headers) const;

 private:
  std::string redact_values(std::string text, bool is_cut = false) const;

  struct CodePoint {
    char32_t value;
    std::string utf8;
  };
  std::vector<std::vector<CodePoint>> secrets_;
  std::vector<std::string> needles_;  // hex and base64 forms
};

}  // namespace granary
