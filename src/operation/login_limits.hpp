// Failed logins of the last minute, over all threads of a server: by the client's network, and by the user name that was tried.
// A try counts as failed from its beginning, so that a burst of them counts at once.
#pragma once

#include <string>

#include "base/recent_counts.hpp"

namespace granary {

// Who logs in, and from where. `network` is what counts as one client: an address, or a /64 of IPv6.
struct LoginTry {
  std::string username;
  std::string network;
  std::string address;
};

class LoginLimits {
 public:
  // At most so many failures of one network count against a user name: a single stranger locks nobody out.
  static constexpr int kOfOneNetworkMax = 5;

  explicit LoginLimits(int failures_per_minute) : failures_max_(failures_per_minute) {}

  // How long the network has to wait before it may try again; zero: not at all.
  seconds wait_of_network(const std::string& network, SteadyTime now) const;
  // The same for the user name.
  seconds wait_of_username(const std::string& username, SteadyTime now) const;

  enum class Counted { network, network_and_username };
  Counted begin(const LoginTry& attempt, SteadyTime now);
  // The try did not fail.
  void take_back(const LoginTry& attempt, Counted counted);

 private:
  int failures_max_;
  RecentCounts by_network_, by_username_, by_both_;
};

}  // namespace granary
