// Reads what versions before 2026-12 sealed: the client's fields, the provider's and marks of ours, all in one list.
#pragma once

#include "domain/descriptor.hpp"
#include "domain/grant.hpp"

namespace granary {

// What is sealed, in either form; nullopt for bytes that nobody has packed.
std::optional<Secrets> unpack_secrets(std::string_view packed, const Provider& provider);

// Whether a token is among the digests that these versions kept of spent ones.
bool is_in_old_digests(std::string_view digests, std::string_view token_sha256);

}  // namespace granary
