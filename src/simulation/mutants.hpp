// Faults to prove that the simulation would find them: each is a store, a transport or a clock that wraps the simulation's own
// and does one thing wrong. The product knows nothing of them.
#pragma once

#include <iterator>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "http/transport.hpp"
#include "simulation/memory_store.hpp"
#include "simulation/timeline.hpp"

namespace granary::simulation {

enum class Mutant {
  none,
  // The store.
  token_sent_before_it_is_noted,
  candidate_sent_before_it_is_noted,
  new_token_not_stored,
  lost_answer_forgotten,
  token_of_a_put_not_stored,
  interrupted_token_forgotten,
  write_made_twice,
  acknowledged_before_it_is_kept,
  link_not_compared,
  unlink_not_noticed,
  deleted_row_written_back,
  delete_not_made,
  second_credential_accepted,
  claim_of_another_accepted,
  digests_forgotten,
  candidate_not_removed,
  refused_candidate_promoted,
  put_for_the_worse,
  confirmed_at_once,
  wall_clock_alone_confirms,
  refusals_forgotten,
  counted_try_not_kept,
  no_next_check_after_an_outage,
  first_of_two_never_confirmed,
  refused_token_asked_for_at_once,
  history_row_lost,
  history_row_for_nothing,
  events_left_out,
  events_written_apart,
  // The transport.
  token_request_repeated,
  server_error_taken_for_refusal,
  silence_taken_for_refusal,
  refusal_taken_for_outage,
  forbidden_taken_for_refusal,
  rotated_token_not_read,
  answer_waited_for_too_long,
  // The clock.
  elapsed_time_jumps,
  count,
};

struct MutantRow {
  std::string_view name;
  std::string_view breaks;
};

// In the order of Mutant.
inline constexpr MutantRow kMutants[] = {
    {"none", "nothing"},
    {"token_sent_before_it_is_noted", "a token's note is not in the store when its request leaves"},
    {"candidate_sent_before_it_is_noted", "nor is a candidate's"},
    {"new_token_not_stored", "what a refresh gave is not written"},
    {"lost_answer_forgotten", "a token whose answer was lost stands there as held"},
    {"token_of_a_put_not_stored", "what a PUT of the stored token gave is not the stored login's"},
    {"interrupted_token_forgotten", "a start leaves alone what was on its way"},
    {"write_made_twice", "a write that is made again after a failure is not known again"},
    {"acknowledged_before_it_is_kept", "a crash undoes what was acknowledged"},
    {"link_not_compared", "an answer is written to a credential that was linked anew meanwhile"},
    {"unlink_not_noticed", "a check goes on with a credential that was unlinked"},
    {"deleted_row_written_back", "an answer brings a deleted credential back"},
    {"delete_not_made", "a DELETE changes nothing"},
    {"second_credential_accepted", "a POST stores a second credential of a user and provider"},
    {"claim_of_another_accepted", "POST and PUT take a token that another credential holds"},
    {"digests_forgotten", "spent tokens are not remembered"},
    {"candidate_not_removed", "a PUT's candidate stays when it is decided"},
    {"refused_candidate_promoted", "a PUT that is refused replaces the login"},
    {"put_for_the_worse", "a PUT that nobody answered replaces a login that was OK"},
    {"confirmed_at_once", "two refusals need not be apart"},
    {"wall_clock_alone_confirms", "a clock that jumps makes them so"},
    {"refusals_forgotten", "a password is tried without end"},
    {"counted_try_not_kept", "a try is not counted before it is sent"},
    {"no_next_check_after_an_outage", "an unavailable answer ends the checks"},
    {"first_of_two_never_confirmed", "the first of two refusals is always the first"},
    {"refused_token_asked_for_at_once", "a refused login is due at once, again and again"},
    {"history_row_lost", "a change of status has no row of history"},
    {"history_row_for_nothing", "a commit that changes no status has one"},
    {"events_left_out", "exchanges leave no events"},
    {"events_written_apart", "events are there before what they tell of"},
    {"token_request_repeated", "a request that failed is sent again below the product"},
    {"server_error_taken_for_refusal", "5xx counts as invalid_grant"},
    {"silence_taken_for_refusal", "no answer counts as invalid_grant"},
    {"refusal_taken_for_outage", "invalid_grant counts as 5xx"},
    {"forbidden_taken_for_refusal", "403 counts as 401"},
    {"rotated_token_not_read", "the new refresh token is not read from the answer"},
    {"answer_waited_for_too_long", "a request does not end with its deadline"},
    {"elapsed_time_jumps", "elapsed time jumps with the wall clock"},
};
static_assert(std::size(kMutants) == static_cast<std::size_t>(Mutant::count));
constexpr std::string_view name_of(Mutant mutant) { return kMutants[static_cast<std::size_t>(mutant)].name; }

// What a process is given: the plain one where the mutant lies elsewhere.
std::unique_ptr<MemoryStore> make_store(Mutant mutant, Database& database, StoreWeather& weather, std::int64_t process);
std::unique_ptr<http::HttpTransport> mutate(Mutant mutant, std::unique_ptr<http::HttpTransport> transport, Clock& clock,
                                            const Timeline& timeline);
// `wall_offset`: how far the wall clock has jumped.
std::unique_ptr<Clock> mutate(Mutant mutant, std::unique_ptr<Clock> clock, const microseconds& wall_offset);

}  // namespace granary::simulation
