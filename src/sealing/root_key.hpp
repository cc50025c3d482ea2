// Where the root key comes from: `file:PATH`, `env:NAME` or `credential:NAME` (systemd). It wraps the key ring and is
// never beside the data.
#pragma once

#include <string>
#include <string_view>

#include "base/plaintext.hpp"
#include "base/random.hpp"

namespace granary {

// 32 bytes. Throws StartRefused with one sentence that says what to do: no key, unreadable, readable by others, inside
// `data_folder` (empty: no such check), not 32 bytes.
Plaintext load_root_key(const std::string& source, const std::string& data_folder);

// Writes a new key with mode 0600, in a folder that is made (0700) when only that is missing. Throws StartRefused when the file
// exists or cannot be made; leaves nothing half-written.
void create_root_key(const std::string& source, Random& random);

}  // namespace granary
