// Secrets that were the credential's once: old passwords, spent tokens. Only keyed digests of them are kept, so they cannot be
// looked for; instead, everything in a text that may be a secret is digested, and taken out where its digest is known.
#pragma once

#include <array>
#include <functional>
#include <string_view>
#include <vector>

#include "provider/secret_search.hpp"

namespace granary {

using SecretDigest = std::array<char, 16>;

class PastSecrets {
 public:
  // Called some thousand times for a large text: the key must be at hand, not derived each time.
  using DigestOf = std::function<SecretDigest(std::string_view run)>;

  PastSecrets() = default;  // none
  PastSecrets(std::vector<SecretDigest> digests, DigestOf digest_of);

  bool is_empty() const { return digests_.empty(); }
  bool contains(std::string_view run) const;

 private:
  std::vector<SecretDigest> digests_;  // sorted
  DigestOf digest_of_;
};

// Of one text. A step is as for find_secrets(): two or three nanoseconds.
inline constexpr std::size_t kPastStepsMax = 4'000'000;
// What one digest takes.
inline constexpr std::size_t kDigestSteps = 400;

// Found are: words, tokens, what stands between blanks, quotes, `=` and `&`, `>` and `<`, whole lines and what stands behind
// their colon; each as it stands, decoded as decoded_forms() does, and in base64 or hex. Not found: a password with blanks in the
// middle of a sentence, a secret that is glued to letters, base64 that is broken into lines. Where the text was cut, its last run
// cannot be told from a secret that was cut, and counts as found.
Found find_past_secrets(std::string_view text, const PastSecrets& past, bool is_cut);

}  // namespace granary
