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

// docs/api.md, "Status body". Stored as a number: the order stays.
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
  application_refused,
  egress_refused,
  checks_off,
};
inline constexpr std::size_t kReasonCount = 19;

// What is to be done, and by whom (docs/api.md, "Status body"). Stored as a number: the order stays.
enum class Action : std::uint8_t {
  wait,
  reconnect,         // the grower
  fix_application,   // whoever has the application's key
  grant_permission,  // the grower, at the provider
  operator_,
};
inline constexpr std::array kAllActions = {Action::wait, Action::reconnect, Action::fix_application, Action::grant_permission,
                                           Action::operator_};
std::string_view name_of(Action action);
std::optional<Action> action_named(std::string_view name);

std::string_view name_of(Status status);
std::optional<Status> status_named(std::string_view name);
std::string_view name_of(Reason reason);
std::optional<Reason> reason_named(std::string_view name);

enum class NextTry : std::uint8_t { by_itself, none };

// `before` is the action so far of a status that is the same still: what says nothing of the login changes the reason of a bad
// status, not what is to be done about it. nullopt when all is well.
std::optional<Action> action_for(Status status, std::optional<Reason> reason, NextTry next, std::optional<Action> before);

// One sentence for the person on the phone: what is known, and what to do or what happens next. nullopt when all is well.
std::optional<std::string> message_for(Status status, std::optional<Reason> reason, std::optional<Action> action,
                                       std::string_view provider_name, NextTry next);

}  // namespace granary
