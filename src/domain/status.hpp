// The words a credential's health is told in: status, reason, and the sentence a support person can read out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace granary {

// The only set ever documented (Leaf-Agriculture/docs e4763c3).
enum class Status : std::uint8_t { ok, unauthenticated, missing_permission, temporarily_unavailable };
inline constexpr std::array kAllStatuses = {Status::ok, Status::unauthenticated, Status::missing_permission,
                                            Status::temporarily_unavailable};

// docs/api.md, "Status body".
enum class Reason : std::uint8_t {
  not_checked_yet,
  refused_once,
  refused,
  refresh_outcome_unknown,
  permission_denied,
  organization_not_found,
  organization_ambiguous,
  unreachable,
  timeout,
  rate_limited,
  provider_error,
  unexpected_answer,
  not_configured,
  origin_changed,
  unusable_key,
  provider_refuses_many,
};
inline constexpr std::size_t kReasonCount = 16;

std::string_view name_of(Status status);
std::optional<Status> status_named(std::string_view name);
std::string_view name_of(Reason reason);

enum class NextTry : std::uint8_t { by_itself, none };

// One sentence for the person on the phone: what is known, and what to do or what happens next. nullopt when all is well.
std::optional<std::string> message_for(Status status, std::optional<Reason> reason, std::string_view provider_name, NextTry next);

}  // namespace granary
