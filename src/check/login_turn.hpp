// The turn of a login that several credentials may hold: never is it shown with two of them at once. A login without a password
// has no turn, and is always free. Internal to check/ and operation/.
#pragma once

#include "check/context.hpp"

namespace granary {

inline bool is_shown(const CheckContext& context, const LoginDigests& login) {
  return !login.login.empty() && context.logins.is_taken(LoginId::from_raw(login.login));
}

// Until nobody shows it; false when that is too late.
inline Task<bool> wait_for_login(CheckContext& context, const LoginDigests& login, SteadyTime deadline) {
  co_return login.login.empty() || co_await context.logins.wait_free(LoginId::from_raw(login.login), deadline);
}

// Holds the turn for as long as it lives. Nobody has it before.
class LoginTurn {
 public:
  LoginTurn(CheckContext& context, const LoginDigests& login) {
    if (!login.login.empty()) hold_.emplace(context.logins, LoginId::from_raw(login.login));
  }

 private:
  std::optional<LoginLocks::Hold> hold_;
};

}  // namespace granary
