// A change of a credential's status, as it is kept and told: the log line, `/history` and whoever else listens read this.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "domain/status.hpp"

namespace granary {

// What led to it. Stored as a number: the order stays.
enum class Cause : std::uint8_t { created, replaced, linked, check, request, report, breaker, configuration, operator_ };
inline constexpr std::size_t kCauses = 9;
std::string_view name_of(Cause cause);

// A check, by whoever asked for it: no POST or PUT, and nothing that changes many at once.
constexpr bool is_of_check(Cause cause) {
  return cause == Cause::linked || cause == Cause::check || cause == Cause::request || cause == Cause::report;
}

struct StatusChange {
  CredentialKey key;
  WallTime time;               // the status's `since`
  std::optional<Status> from;  // nullopt: the first
  Status to = Status::ok;
  std::optional<Reason> reason;
  Cause cause = Cause::check;

  bool operator==(const StatusChange&) const = default;
};

// In the order of the commits, of all owners.
struct NumberedChange {
  std::int64_t number = 0;
  StatusChange change;
};

}  // namespace granary
