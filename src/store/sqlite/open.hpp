// Opens the store's file at start: looks at it without writing, makes or migrates it, and refuses what it cannot serve.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/plaintext.hpp"
#include "base/time.hpp"

namespace granary::sqlite {

struct RingRow {
  std::int64_t version = 0;
  Sealed wrapped;
};

// The ring of an existing store; empty when there is no store yet. Writes nothing. Throws StartRefused for a schema
// newer than this program, or a file that is no store of ours.
std::vector<RingRow> inspect(const std::string& path);

// Makes the store with its first ring key, or brings an older one up to date; in one commit. Throws StartRefused; then a
// store that did not exist before does not exist afterwards.
void prepare(const std::string& path, const std::function<RingRow()>& first_ring_key, WallTime now);

}  // namespace granary::sqlite
