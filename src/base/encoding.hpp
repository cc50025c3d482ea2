// Text encodings of bytes: hex, base64, percent, and the UTF-8 rules that input must keep.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace granary {

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);

std::string to_base64(std::string_view bytes);
// Without padding, with - and _.
std::string to_base64url(std::string_view bytes);
// Either alphabet, padding optional but correct when present; no blanks.
std::optional<std::string> from_base64(std::string_view text);

// Encodes all but RFC 3986 unreserved characters.
std::string percent_encode(std::string_view text);
// `+` stays a plus. nullopt on a bad escape.
std::optional<std::string> percent_decode(std::string_view text);

// Well-formed UTF-8 without surrogates and overlong forms.
bool is_utf8(std::string_view text);
// Number of code points of well-formed UTF-8.
std::size_t count_code_points(std::string_view text);
// As much of its beginning as fits into so many bytes, cut at a code point.
std::string_view whole_characters(std::string_view text, std::size_t bytes_max);

char to_lower(char c);
std::string to_lower(std::string_view text);
// One word of a shell's command line, so that a command that is printed can be pasted whatever is in its names.
std::string shell_word(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);

}  // namespace granary
