// All that the sandbox is at one moment: what the providers' side changes and the control interface shows.
#pragma once

#include <deque>

#include "sandbox/account.hpp"
#include "sandbox/fault.hpp"

namespace granary::sandbox {

inline constexpr std::size_t kJournalMax = 100;  // calls remembered one by one

struct JournalEntry {
  WallTime when;
  std::string provider;
  std::string account;  // empty where nobody could tell whose call it was
  std::string method;
  std::string path;
  std::string answer;  // the status, or the name of the fault that left none
  std::string fault;   // empty: none
};

struct Scene {
  Scene(const Catalog& providers, Clock& clock_of_all, Random& random)
      : catalog(providers), clock(clock_of_all), accounts(clock_of_all, random) {}

  const Catalog& catalog;
  Clock& clock;
  Accounts accounts;
  Faults faults;
  std::deque<JournalEntry> journal;           // newest last
  std::map<std::string, std::int64_t> calls;  // by provider
};

}  // namespace granary::sandbox
