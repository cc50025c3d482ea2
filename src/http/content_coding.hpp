// Undoes what a server has compressed (RFC 9110, section 8.4.1): gzip, zlib, raw deflate, zstd. Found by the first bytes,
// whatever the header names: servers compress without saying so, and say so without compressing.
#pragma once

#include <string>
#include <string_view>

namespace granary::http {

enum class Decoding {
  plain,  // it was not compressed, or not in a way that is known
  decoded,
  damaged,    // what could be read of it is there
  too_large,  // what it holds is more than `bytes_max`: the beginning is there
};

// `content_encoding` is the header's value, empty where there is none. Up to three codings one in the other.
Decoding decode_content(std::string& body, std::string_view content_encoding, std::size_t bytes_max);

}  // namespace granary::http
