// Faults that the simulation plants in the code it runs, one at a time, to prove that it would find them. Each is asked for
// where the rule stands that it breaks. Only the simulation's build has them: in the product the answer is a constant no.
#pragma once

#include <iterator>
#include <string_view>

namespace granary {

enum class Fault {
  none,
  // In the code of the product.
  token_sent_before_it_is_noted,
  spending_never_noted,
  confirmed_at_once,
  elapsed_time_not_looked_at,
  outage_counts_as_refusal,
  two_checks_at_once,
  answer_dropped_while_store_fails,
  lost_answer_forgotten,
  new_token_not_stored,
  token_used_before_it_is_kept,
  lost_race_taken_for_a_refusal,
  events_left_out,
  no_next_check_after_an_outage,
  refused_candidate_stored,
  previous_token_tried_unasked,
  put_of_the_same_grant_believed,
  refused_token_asked_for_again,
  event_before_commit,
  // In the simulation's store.
  fields_version_not_compared,
  link_not_compared,
  deleted_row_written_back,
  acknowledged_before_it_is_kept,
  claim_not_looked_at,
  claim_shorter_than_the_call,
  claim_of_a_row_that_moved,
  paused_answer_refused,
  second_credential_accepted,
  count,
};

inline constexpr std::string_view kFaultNames[] = {
    "none",
    "token_sent_before_it_is_noted",
    "spending_never_noted",
    "confirmed_at_once",
    "elapsed_time_not_looked_at",
    "outage_counts_as_refusal",
    "two_checks_at_once",
    "answer_dropped_while_store_fails",
    "lost_answer_forgotten",
    "new_token_not_stored",
    "token_used_before_it_is_kept",
    "lost_race_taken_for_a_refusal",
    "events_left_out",
    "no_next_check_after_an_outage",
    "refused_candidate_stored",
    "previous_token_tried_unasked",
    "put_of_the_same_grant_believed",
    "refused_token_asked_for_again",
    "event_before_commit",
    "fields_version_not_compared",
    "link_not_compared",
    "deleted_row_written_back",
    "acknowledged_before_it_is_kept",
    "claim_not_looked_at",
    "claim_shorter_than_the_call",
    "claim_of_a_row_that_moved",
    "paused_answer_refused",
    "second_credential_accepted",
};
static_assert(std::size(kFaultNames) == static_cast<std::size_t>(Fault::count));
constexpr std::string_view name_of(Fault fault) { return kFaultNames[static_cast<std::size_t>(fault)]; }

#ifdef GRANARY_PLANTED_FAULTS
inline thread_local Fault planted_fault = Fault::none;
inline bool is_planted(Fault fault) { return planted_fault == fault; }
#else
constexpr bool is_planted(Fault) { return false; }
#endif

}  // namespace granary
