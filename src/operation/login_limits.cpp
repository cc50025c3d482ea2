#include "operation/login_limits.hpp"

#include "crypto/primitives.hpp"

namespace granary {

namespace {

// A name that somebody typed may be long, and may be a password.
std::string digest_of(std::string_view text) { return std::string(crypto::view(crypto::sha256(text))); }

std::string both_of(const LoginTry& attempt) { return digest_of(attempt.username) + attempt.network; }

}  // namespace

seconds LoginLimits::wait_of_network(const std::string& network, SteadyTime now) const {
  return by_network_.wait(network, failures_max_, now);
}

seconds LoginLimits::wait_of_username(const std::string& username, SteadyTime now) const {
  return by_username_.wait(digest_of(username), failures_max_, now);
}

LoginLimits::Counted LoginLimits::begin(const LoginTry& attempt, SteadyTime now) {
  by_network_.add(attempt.network, now);
  if (by_both_.add(both_of(attempt), now) > kOfOneNetworkMax) return Counted::network;
  by_username_.add(digest_of(attempt.username), now);
  return Counted::network_and_username;
}

void LoginLimits::take_back(const LoginTry& attempt, Counted counted) {
  by_network_.take_back(attempt.network);
  by_both_.take_back(both_of(attempt));
  if (counted == Counted::network_and_username) by_username_.take_back(digest_of(attempt.username));
}

}  // namespace granary
