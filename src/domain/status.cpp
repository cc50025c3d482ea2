#include "domain/status.hpp"

namespace granary {

namespace {

constexpr std::array<std::string_view, 4> kStatusNames = {"OK", "UNAUTHENTICATED", "MISSING_PERMISSION",
                                                          "TEMPORARILY_UNAVAILABLE"};

constexpr std::array<std::string_view, kAllActions.size()> kActionNames = {"wait", "reconnect", "fix_application",
                                                                           "grant_permission", "operator"};

struct ReasonText {
  std::string_view name;
  Action action;
  // `{}` stands for the provider's name. Without a full stop: what happens next is said after it.
  std::string_view message;
};

constexpr std::array<ReasonText, kReasonCount> kReasons = {{
    {"not_checked_yet", Action::wait, "{} has not been asked about this login yet; look again in a moment."},
    {"refused_once", Action::wait, "{} refused this login once; it is checked again before anything is concluded."},
    {"refused", Action::reconnect,
     "{} refuses this login: the password was changed or access was withdrawn, so the grower must connect again."},
    {"refresh_outcome_unknown", Action::reconnect,
     "{} refuses this login after an answer of theirs was lost on the way, so the grower must connect again."},
    {"permission_denied", Action::grant_permission,
     "{} knows this login but does not let it read the data; the grower must grant access there."},
    {"organization_not_found", Action::grant_permission,
     "{} shows this login no organization of exactly that name; check its spelling, upper and lower case included."},
    {"organization_ambiguous", Action::grant_permission,
     "{} shows this login two organizations of that name; one of them must be renamed there."},
    {"unreachable", Action::wait, "{} cannot be reached at the moment"},
    {"timeout", Action::wait, "{} did not answer in time"},
    {"rate_limited", Action::wait, "{} was asked too often for the moment"},
    {"provider_error", Action::wait, "{} reports an error of its own"},
    {"unexpected_answer", Action::wait, "{} gave an answer that says nothing about this login"},
    {"not_configured", Action::operator_, "This server does not know where to reach {}; its operator must set the address."},
    {"origin_changed", Action::operator_,
     "The address of {} was changed after this login was stored; the operator must confirm the new one before it is used."},
    {"unusable_key", Action::reconnect,
     "The key or the initialization vector given for {} has no usable length; the login must be entered again."},
    {"provider_refuses_many", Action::wait,
     "{} refuses many logins at once, which is most likely a fault of theirs; nothing needs to be done for this one."},
    {"application_refused", Action::fix_application,
     "{} refuses the application's own key, so whoever registered the application there must put it right; nothing is asked of "
     "the grower."},
    {"egress_refused", Action::operator_,
     "This server's own rules do not let it reach the address of {}; its operator must allow that address"},
    {"checks_off", Action::operator_, "This server was started with checks off, so {} was not asked."},
}};

std::string with_provider(std::string_view pattern, std::string_view provider) {
  const auto at = pattern.find("{}");
  return std::string(pattern.substr(0, at)) + std::string(provider) + std::string(pattern.substr(at + 2));
}

bool says_it_all(Reason reason) { return reason == Reason::refused || reason == Reason::refresh_outcome_unknown; }

bool is_about_permission(Reason reason) {
  return reason == Reason::permission_denied || reason == Reason::organization_not_found ||
         reason == Reason::organization_ambiguous;
}

}  // namespace

std::string_view name_of(Status status) { return kStatusNames[static_cast<std::size_t>(status)]; }

std::optional<Status> status_named(std::string_view name) {
  for (const Status status : kAllStatuses)
    if (name_of(status) == name) return status;
  return std::nullopt;
}

std::string_view name_of(Reason reason) { return kReasons[static_cast<std::size_t>(reason)].name; }

std::optional<Reason> reason_named(std::string_view name) {
  for (std::size_t i = 0; i < kReasonCount; ++i)
    if (kReasons[i].name == name) return static_cast<Reason>(i);
  return std::nullopt;
}

std::string_view name_of(Action action) { return kActionNames[static_cast<std::size_t>(action)]; }

std::optional<Action> action_named(std::string_view name) {
  for (const Action action : kAllActions)
    if (name_of(action) == name) return action;
  return std::nullopt;
}

std::optional<Action> action_for(Status status, std::optional<Reason> reason, NextTry next, std::optional<Action> before) {
  if (!reason) return std::nullopt;
  const Action action = kReasons[static_cast<std::size_t>(*reason)].action;
  const bool is_bad = status == Status::unauthenticated || status == Status::missing_permission;
  if (!is_bad) return says_it_all(*reason) && next == NextTry::by_itself ? Action::wait : action;
  const bool says_nothing = action == Action::wait || *reason == Reason::application_refused || *reason == Reason::egress_refused;
  return says_nothing && before ? *before : action;
}

std::optional<std::string> message_for(Status status, std::optional<Reason> reason, std::optional<Action> action,
                                       std::string_view provider_name, NextTry next) {
  if (!reason) return std::nullopt;
  std::string message = with_provider(kReasons[static_cast<std::size_t>(*reason)].message, provider_name);
  if (!message.ends_with('.')) message += next == NextTry::by_itself ? "; the login is tried again by itself." : ".";
  // The last check may say less than what is already known.
  const auto after = [&](std::string_view known) { return with_provider(known, provider_name) + message; };
  if (action == Action::fix_application && *reason != Reason::application_refused)
    return after("{} refused the application's own key before, which whoever registered it must put right; at the last check: ");
  if (status == Status::unauthenticated && action != Action::fix_application && !says_it_all(*reason))
    return after("{} refused this login before, so the grower must connect again; at the last check: ");
  if (status == Status::missing_permission && !is_about_permission(*reason))
    return after("{} denied this login access to the data before; at the last check: ");
  return message;
}

}  // namespace granary
