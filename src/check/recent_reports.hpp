// Which credentials were checked within the last minute because a client reported a refusal: once a minute is enough. On the
// checks' executor.
#pragma once

#include <deque>
#include <unordered_set>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace granary {

class RecentReports {
 public:
  // False: there was one within the minute.
  bool take(CredentialId id, SteadyTime now);

 private:
  struct Taken {
    CredentialId id;
    SteadyTime at;
  };
  std::deque<Taken> taken_;  // oldest first
  std::unordered_set<CredentialId> ids_;
};

}  // namespace granary
