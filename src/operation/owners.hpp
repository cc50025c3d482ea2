// API owners: made and given passwords on the command line, logged in over HTTP.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/plaintext.hpp"
#include "base/task.hpp"
#include "operation/login_limits.hpp"

namespace granary {

struct Parts;

inline constexpr std::size_t kPasswordCodePointsMin = 15;
inline constexpr std::size_t kPasswordCodePointsMax = 128;

enum class Remember { day, month };

// Whether a network may try now. too_many_requests, with the time to wait.
Result<void> may_log_in(Parts& parts, const std::string& network);
// A login token. unauthorized (after the same work for an unknown owner), too_many_requests: where the network failed too often,
// or many networks did under this name and the password was never right from this one.
Task<Result<std::string>> log_in(Parts& parts, const LoginTry& attempt, Plaintext password, Remember remember);
// Whose token it is. unauthorized.
Task<Result<OwnerId>> authenticate(Parts& parts, std::string_view token);

// already_exists; invalid_field for an address or a password that cannot be.
Task<Result<void>> add_owner(Parts& parts, std::string email, Plaintext password);
// Ends the owner's tokens. not_found, invalid_field.
Task<Result<void>> change_password(Parts& parts, std::string email, Plaintext password);

}  // namespace granary
