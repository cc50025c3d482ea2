// What clients ask, and what they are answered.
#include <algorithm>

#include "simulation/oracle.hpp"

namespace granary::simulation {

Oracle::Request Oracle::request_began(std::optional<CredentialId> checked) {
  Request request{.number = ++requests_begun_, .since = timeline_.now(), .checked = checked};
  requests_.emplace(request.number, request);
  return request;
}

void Oracle::request_ended(const Request& request, std::string_view what) {
  requests_.erase(request.number);
  // A tick of the clock, and the store's own waits.
  constexpr milliseconds kSlack{2'500};
  const bool is_late = timeline_.now() > request.since + settings_.timeout + kSlack;
  if (is_late && troubled_ < request.since)
    fail("a_caller_is_answered_in_time",
         "a " + std::string(what) + " was answered after " +
             std::to_string(std::chrono::duration_cast<milliseconds>(timeline_.now() - request.since).count()) + " ms");
}

void Oracle::brought(Slot& slot, int account) {
  slot.brought.insert(account);
  rejected_.erase({&slot, account});
  tries_.erase({account, Place::candidate});
}

void Oracle::post_ended(Slot& slot, int account, std::optional<ErrorCode> error) {
  slot.brought.erase(slot.brought.find(account));
  if (error == ErrorCode::not_found && slot.operations == 1 && !slot.was_disturbed && stored_in(slot).account == account)
    fail("what_is_there_is_found", "a POST was answered 404");
}

void Oracle::put_ended(Slot& slot, int account, std::optional<ErrorCode> error) {
  slot.brought.erase(slot.brought.find(account));
  const bool is_rejected = error == ErrorCode::refused || error == ErrorCode::provider_unavailable;
  if (slot.brought.contains(account)) return;
  if (error == ErrorCode::not_found && slot.operations == 1 && !slot.was_disturbed && slot.is_linked &&
      slot.presence == Slot::Presence::present)
    fail("what_is_there_is_found", "a PUT was answered 404");
  if (!is_rejected) return;
  for (const auto& [id, entry] : db_.credentials) {
    if (entry.row.leaf_user != slot.user || entry.row.provider != slot.provider) continue;
    // That of an earlier PUT, which has had no answer and is tried once more.
    const bool is_left = entry.row.candidate && candidate_login(entry.row).account == account;
    if (is_left && unanswered_.contains({&slot, account})) continue;
    unanswered_.erase({&slot, account});
    if (is_left)
      fail("a_refused_put_leaves_no_candidate", "that of account " + std::to_string(account) + " is there after the answer");
    if (stored_login(entry.row).account != account) rejected_.emplace(&slot, account);
    else if (slot.account && *slot.account != account && slot.operations == 1 && !slot.was_disturbed)
      fail("a_refused_put_changes_nothing", "the login of account " + std::to_string(account) + " is stored all the same");
  }
}

void Oracle::unanswered(const Slot& slot) {
  for (const int account : slot.brought) unanswered_.emplace(&slot, account);
}

void Oracle::acknowledged_leave(const Slot& slot) {
  const auto left = left_.extract({slot.user, slot.provider});
  if (!left) return;
  for (const int account : left.mapped()) withdrawn_.insert_or_assign(account, timeline_.now());
}

void Oracle::acknowledged_delete(const Slot& slot) {
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.leaf_user == slot.user && entry.row.provider == slot.provider)
      fail("deleted_is_gone", "a credential is there after its DELETE was acknowledged");
}

}  // namespace granary::simulation
