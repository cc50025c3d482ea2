#include "domain/status.hpp"

namespace granary {

namespace {

constexpr std::array<std::string_view, 4> kStatusNames = {"OK", "UNAUTHENTICATED", "MISSING_PERMISSION",
                                                          "TEMPORARILY_UNAVAILABLE"};

struct ReasonText {
  std::string_view name;
  // `{}` stands for the provider's name. Without a full stop: what happens next is said after it.
  std::string_view message;
};

constexpr std::array<ReasonText, kReasonCount> kReasons = {{
    {"not_checked_yet", "{} has not been asked about this login yet; look again in a moment."},
    {"refused_once", "{} refused this login once; it is checked again before anything is concluded."},
    {"refused", "{} refuses this login: the password was changed or access was withdrawn, so the grower must connect again."},
    {"refresh_outcome_unknown",
     "{} refuses this login after an answer of theirs was lost on the way, so the grower must connect again."},
    {"permission_denied", "{} knows this login but does not let it read the data; the grower must grant access there."},
    {"organization_not_found",
     "{} shows this login no organization of exactly that name; check its spelling, upper and lower case included."},
    {"organization_ambiguous", "{} shows this login two organizations of that name; one of them must be renamed there."},
    {"unreachable", "{} cannot be reached at the moment"},
    {"timeout", "{} did not answer in time"},
    {"rate_limited", "{} was asked too often for the moment"},
    {"provider_error", "{} reports an error of its own"},
    {"unexpected_answer", "{} gave an answer that says nothing about this login"},
    {"not_configured", "This server does not know where to reach {}; its operator must set the address."},
    {"origin_changed",
     "The address of {} was changed after this login was stored; the operator must confirm the new one before it is used."},
    {"unusable_key", "The key or the initialization vector given for {} has no usable length; the login must be entered again."},
    {"provider_refuses_many",
     "{} refuses many logins at once, which is most likely a fault of theirs; nothing needs to be done for this one."},
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

std::optional<std::string> message_for(Status status, std::optional<Reason> reason, std::string_view provider_name,
                                       NextTry next) {
  if (!reason) return std::nullopt;
  std::string message = with_provider(kReasons[static_cast<std::size_t>(*reason)].message, provider_name);
  if (!message.ends_with('.')) message += next == NextTry::by_itself ? "; the login is tried again by itself." : ".";
  // The last check may say less than what is already known.
  if (status == Status::unauthenticated && !says_it_all(*reason))
    return with_provider("{} refused this login before, so the grower must connect again; at the last check: ", provider_name) +
           message;
  if (status == Status::missing_permission && !is_about_permission(*reason))
    return with_provider("{} denied this login access to the data before; at the last check: ", provider_name) + message;
  return message;
}

}  // namespace granary
