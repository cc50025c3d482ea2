// What a PUT comes to: one table (docs/reliability.md, "PUT"). It either leaves a credential that is at least as good, or changes
// nothing.
#pragma once

#include <array>
#include <string_view>

#include "domain/credential_health.hpp"

namespace granary {

// What the provider says of the new fields.
enum class PutAnswer : std::uint8_t { ok, refused, forbidden, unavailable, not_configured, unusable_key };
inline constexpr std::size_t kPutAnswers = 6;

// What is known of the stored ones.
enum class StoredLogin : std::uint8_t {
  was_last_ok,
  refused,    // since, or it never was OK
  forbidden,  // MISSING_PERMISSION
};
inline constexpr std::size_t kStoredLogins = 3;

enum class PutEnd : std::uint8_t {
  replaced,         // 200; the status is the answer's
  refused,          // 422, nothing has changed
  unavailable,      // 503, nothing has changed
  another_account,  // 409, nothing has changed: it would be replaced, but by a login of another account (in no cell of the table)
};

using PutTable = std::array<std::array<PutEnd, kStoredLogins>, kPutAnswers>;
// By answer and stored login, in their order.
extern const PutTable kPutTable;

PutAnswer put_answer_of(const Answer& answer);
StoredLogin stored_login_of(const CredentialHealth& stored);
PutEnd end_of_put(PutAnswer answer, StoredLogin stored);

std::string_view name_of(PutAnswer answer);
std::string_view name_of(StoredLogin stored);
std::string_view name_of(PutEnd end);

}  // namespace granary
