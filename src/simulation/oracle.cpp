#include "simulation/oracle.hpp"

#include <algorithm>

#include "domain/fields.hpp"
#include "provider/flow.hpp"

namespace granary::simulation {

namespace {

SealScope scope_of(const StoredCredential& row) { return {.owner = row.owner, .provider = row.provider, .credential = row.id}; }

}  // namespace

void Oracle::fail(std::string invariant, std::string what) {
  if (!violation_) violation_ = {.invariant = std::move(invariant), .what = std::move(what)};
}

Slot* Oracle::slot_of(const StoredCredential& row) {
  if (!row.leaf_user) return nullptr;
  for (Slot& slot : slots)
    if (slot.user == *row.leaf_user && slot.provider == row.provider) return &slot;
  return nullptr;
}

Oracle::Login Oracle::login_in(const std::optional<Plaintext>& packed) {
  const auto fields = packed ? Fields::unpack(packed->reveal()) : std::nullopt;
  if (!fields) return {};
  const std::string_view token = fields->value("refreshToken");
  if (token.empty()) return {.account = ProviderWorld::account_of(fields->value("username"))};
  return {.account = ProviderWorld::account_of(token),
          .token_index = ProviderWorld::index_of(token),
          .follows_lost_answer = fields->find(kAfterLostAnswer) != nullptr};
}

Oracle::Login Oracle::stored_login(const StoredCredential& row) const {
  return login_in(sealer_.open_fields(scope_of(row), row.fields_key, row.fields_version, row.fields));
}

Oracle::Login Oracle::candidate_login(const StoredCredential& row) const {
  if (!row.candidate) return {};
  return login_in(sealer_.open_candidate(scope_of(row), row.fields_key, row.candidate->fields));
}

std::set<int> Oracle::accounts_of(const CredentialEntry& before, const CredentialEntry& after) const {
  std::set<int> accounts = {stored_login(before.row).account, stored_login(after.row).account};
  if (before.row.candidate) accounts.insert(candidate_login(before.row).account);
  return accounts;
}

int Oracle::stored_token(const Slot& slot, const Database& database) const {
  for (const auto& [id, entry] : database.credentials) {
    const bool is_of_slot = entry.row.leaf_user == slot.user && entry.row.provider == slot.provider;
    const Login login = is_of_slot ? stored_login(entry.row) : Login{};
    if (login.account >= 0 && slot.account == login.account) return std::max(login.token_index, 0);
  }
  return 0;
}

void Oracle::spent_token_sent(const Flight& flight, int token_index, const Database& database) {
  const auto is_of_it = [&](const Login& login) { return login.account == flight.account; };
  const auto knows = [&](const auto& credential) {
    const StoredCredential& row = credential.second.row;
    const Login candidate = candidate_login(row);
    const bool knows_stored = is_of_it(stored_login(row)) && !brought_spent_.contains(row.id);
    return knows_stored || (is_of_it(candidate) && candidate.token_index > token_index);
  };
  if (std::ranges::none_of(database.credentials, knows)) return;
  fail("no_spent_token_is_sent", "a token of account " + std::to_string(flight.account) + " came again, and its sender knew");
}

void Oracle::sent(const std::shared_ptr<Flight>& flight) {
  const auto is_unkept = [&](const auto& earlier) {
    return earlier->process == flight->process && earlier->account == flight->account && earlier->answered && earlier->gave_token;
  };
  if (flight->account >= 0 && std::ranges::any_of(unrecorded_, is_unkept))
    fail("a_new_token_is_kept_before_the_next_request", "account " + std::to_string(flight->account) + " was asked again before");
  unrecorded_.push_back(flight);
}

void Oracle::delivered(const std::shared_ptr<Flight>& flight, const http::Exchange& exchange) {
  if (flight->account < 0) return;
  ++events_owed_[{flight->process, flight->account}];
  const bool is_refusal = !exchange.failure && (exchange.status == 400 || exchange.status == 401);
  if (is_refusal) providers_.account(flight->account).refusals.push_back(timeline_.now());
}

void Oracle::crashed(ProcessId process) {
  for (const auto& flight : unrecorded_)
    if (flight->process == process) flight->crashed = true;
  std::erase_if(unrecorded_, [&](const auto& flight) { return flight->process == process; });
  std::erase_if(events_owed_, [&](const auto& owed) { return owed.first.first == process; });
}

void Oracle::paused(ProcessId process) {
  for (const auto& flight : unrecorded_)
    if (flight->process == process) flight->paused = true;
}

void Oracle::store_failed(ProcessId process) {
  for (const auto& flight : unrecorded_)
    if (flight->process == process && flight->returned) flight->unkept = true;
  if (requests_[process] == 0) return;
  std::erase_if(events_owed_, [&](const auto& owed) { return owed.first.first == process; });
}

void Oracle::acknowledged_delete(const Slot& slot, const Database& database) {
  for (const auto& [id, entry] : database.credentials)
    if (entry.row.leaf_user == slot.user && entry.row.provider == slot.provider)
      fail("deleted_is_gone", "a credential is there after its DELETE was acknowledged");
}

void Oracle::added(const CredentialEntry& entry) {
  if (deleted_.contains(entry.row.id)) fail("deleted_stays_deleted", "a deleted credential was added again");
}

void Oracle::deleted(CredentialId id) { deleted_.insert(id); }

void Oracle::unlinked(const CredentialEntry& entry) {
  // Its events are gone, and those of its running checks are owed to nobody.
  const std::set<int> accounts = accounts_of(entry, entry);
  std::erase_if(events_owed_, [&](const auto& owed) { return accounts.contains(owed.first.second); });
}

bool Oracle::works(const Login& login) const {
  const Account& account = providers_.account(login.account);
  return account.has_password ? account.is_valid() : providers_.would_accept(account, login.token_index);
}

void Oracle::judge_refusals(const CredentialEntry& after) {
  const Login login = stored_login(after.row);
  if (login.account < 0) return;
  // What has ceased to be valid never is again: valid now, it was so at both refusals.
  if (works(login)) fail("a_valid_login_is_never_unauthenticated", "the provider holds the stored login valid");
  const auto& refusals = providers_.account(login.account).refusals;
  if (!refusals.empty() && refusals.back() - refusals.front() >= confirm_after_) return;
  fail("two_refusals_confirm", "credential " + after.row.id.text() + " became UNAUTHENTICATED after " +
                                   std::to_string(refusals.size()) + " refusals, none " + std::to_string(confirm_after_.count()) +
                                   " ms after another");
}

void Oracle::judge_events(const CredentialEntry& before, const CheckRecord& record, const Recorded& end,
                          const CredentialEntry& after, std::int64_t by) {
  const std::set<int> accounts = accounts_of(before, after);
  const auto is_of_this = [&](ProcessId process, int account) { return process == by && accounts.contains(account); };
  int owed = 0;
  for (const auto& [whose, count] : events_owed_)
    if (is_of_this(whose.first, whose.second)) owed += count;
  const bool is_whole = end.state_kept && record.state;
  if (is_whole && owed > 0 && after.events() - before.events() < owed)
    fail("an_event_for_every_exchange",
         std::to_string(owed) + " exchanges, and " + std::to_string(after.events() - before.events()) + " events more");
  if (is_whole || after.row.link_version != record.link_version)
    std::erase_if(events_owed_, [&](const auto& entry) { return is_of_this(entry.first.first, entry.first.second); });
  else if (before.row.candidate && !after.row.candidate) owe_with_stored_login(accounts, stored_login(after.row).account, by);
  mark_recorded(accounts, by);
}

// A PUT's candidate is gone before its events are recorded: they come with what is recorded of the stored login.
void Oracle::owe_with_stored_login(const std::set<int>& accounts, int stored, std::int64_t by) {
  int owed = 0;
  for (const int account : accounts)
    if (const auto whose = events_owed_.extract({by, account})) owed += whose.mapped();
  if (owed > 0) events_owed_[{by, stored}] = owed;
}

void Oracle::mark_recorded(const std::set<int>& accounts, ProcessId process) {
  std::erase_if(unrecorded_, [&](const auto& flight) {
    const bool is_recorded = flight->process == process && accounts.contains(flight->account);
    if (is_recorded) flight->recorded = true;
    return is_recorded;
  });
}

void Oracle::candidate_kept(const CredentialEntry& entry, std::int64_t by) {
  mark_recorded(accounts_of(entry, entry), by);
  if (!entry.row.leaf_user) unlinked(entry);  // meanwhile: its events are owed to nobody
}

// Others replaced the fields: what was asked is nobody's any more.
void Oracle::lost_race(std::int64_t by) {
  std::erase_if(events_owed_, [&](const auto& owed) { return owed.first.first == by; });
  for (const auto& flight : unrecorded_)
    if (flight->process == by) flight->gave_token = false;
}

// What the events of an answer tell is in the store with them.
void Oracle::judge_commit(const CredentialEntry& before, const CredentialEntry& after, std::int64_t by) {
  const std::set<int> accounts = accounts_of(before, after);
  for (const auto& flight : unrecorded_)
    if (flight->process == by && flight->answered && flight->gave_token && accounts.contains(flight->account))
      fail("an_answer_is_one_commit",
           "the events are stored, and not what account " + std::to_string(flight->account) + " was given");
}

void Oracle::note_login(const CredentialEntry& before, const CredentialEntry& after) {
  const Login was = stored_login(before.row), is = stored_login(after.row);
  if (was.account == is.account && is.token_index == was.token_index) return;
  const bool is_spent =
      was.account != is.account && is.account >= 0 && providers_.account(is.account).spent_by.contains(is.token_index);
  if (is_spent) brought_spent_.insert(after.row.id);
  else brought_spent_.erase(after.row.id);
}

void Oracle::recorded(const CredentialEntry& before, const CheckRecord& record, const Recorded& end, const CredentialEntry& after,
                      std::int64_t by) {
  if (trace)
    trace("process " + std::to_string(by) + " records on account " + std::to_string(stored_login(after.row).account) + ": " +
          std::string(name_of(after.row.state.status)) +
          (after.row.state.reason ? " " + std::string(name_of(*after.row.state.reason)) : "") +
          (end.fields_kept ? "" : ", the fields were replaced meanwhile") +
          (end.state_kept ? "" : ", the health moved meanwhile"));
  if (deleted_.contains(after.row.id)) {
    fail("deleted_stays_deleted", "a deleted credential was written back");
    return;
  }
  if (!end.fields_kept) {
    // Whoever has claimed it since: what came for the token that is still the stored one is the newest there is.
    if (!record.removes_candidate && before.row.fields_version == record.fields_version)
      fail("an_answer_to_the_stored_token_is_kept",
           "fields of version " + std::to_string(record.fields_version) + " were refused");
    lost_race(by);
    return;
  }
  if (record.events && !record.fields) judge_commit(before, after, by);
  note_login(before, after);
  if (!before.row.leaf_user && (record.state || record.events) && end.state_kept)
    fail("unlinked_is_left_alone", "health or events of an unlinked credential were recorded");
  judge_events(before, record, end, after, by);
  if (is_of_other_login(record) && record.state && record.state->status == Status::unauthenticated)
    fail("a_refused_put_changes_nothing", "the fields of a PUT that was refused were stored");
  // What another process found while the PUT was under way, it could not know when it judged.
  const bool was_known = std::exchange(recorded_by_[after.row.id], by) == by;
  if (was_known && record.removes_candidate && record.state && end.state_kept) judge_put(before.row.state, *record.state);
  if (!end.state_kept || !record.state) return;
  const CheckState &was = before.row.state, &is = after.row.state;
  if (is.status == Status::unauthenticated && was.status != Status::unauthenticated && is.turned_by_check) judge_refusals(after);
  if (is.status == Status::unauthenticated && was.status != Status::unauthenticated && !is.turned_by_check) {
    const Slot* slot = slot_of(after.row);
    const bool is_candidate = before.row.candidate.has_value();
    if (slot && slot->connecting == 0 && !is_candidate)
      fail("two_refusals_confirm", "UNAUTHENTICATED at once, and neither POST nor PUT was under way");
  }
  if (is.status == Status::unauthenticated && was.status != Status::unauthenticated) {
    turned_[after.row.id] = timeline_.now();
    ++turned_count_;
  }
  if (is.status == Status::missing_permission && was.status != Status::missing_permission &&
      providers_.account(stored_login(after.row).account).permits)
    fail("a_permitted_login_never_misses_permission", "its grower lets the data be read");
  const bool is_asked_for_soon = is.next_check && is.last_checked && *is.next_check < *is.last_checked + kRefusedRetry;
  if (is.status == Status::unauthenticated && is.refusals > was.refusals && is_asked_for_soon)
    fail("a_refused_login_is_asked_once_a_day", "credential " + after.row.id.text() + " is due within the day");
  judge_next_check(after);
}

// A PUT is never for the worse.
void Oracle::judge_put(const CheckState& was, const CheckState& is) {
  if (was.status == Status::ok && is.status != Status::ok)
    fail("a_put_is_never_for_the_worse", "what was OK is " + std::string(name_of(is.status)) + " at once after a PUT");
}

void Oracle::judge_next_check(const CredentialEntry& entry) {
  const CheckState& state = entry.row.state;
  const bool used_up = state.status == Status::unauthenticated && state.refusals >= kPasswordTriesMax;
  if (entry.row.leaf_user && !state.next_check && !used_up)
    fail("the_clock_forgets_nobody", "a checkable credential has no next check");
}

void Oracle::judge_token(const CredentialEntry& entry) {
  const StoredCredential& row = entry.row;
  const Login login = stored_login(row);
  const auto [number, index, follows_lost_answer] = login;
  if (number < 0) {
    fail("sealed_fields_open", "a credential's fields do not open");
    return;
  }
  const Account& account = providers_.account(number);
  const CheckState& state = row.state;
  // What came for the stored token may wait beside it, for its credential to be linked again.
  const Login candidate = candidate_login(row);
  const bool is_valid = works(login) || (candidate.account == number && works(candidate));
  const bool says_unknown = row.has_lost_answer() || follows_lost_answer || state.reason == Reason::refresh_outcome_unknown;
  // Also a request that came late, after its sender had given it up, and spent or burnt what was stored since.
  const auto any_shown = [&](const auto& what) {
    return std::ranges::any_of(account.shown_by, [&](const auto& shown) { return std::ranges::any_of(shown.second, what); });
  };
  const bool was_lost = any_shown([](const auto& flight) { return flight->is_unknown(); });
  // One that came after the try that followed it had worked, and what that gave had worked too: nobody can know. Nor what was
  // made of a token whose sender stood still for longer than its claim lasted, and then had its answer after all.
  const bool came_too_late = account.family_dead && account.killed_by->is_unknown() && account.newest > account.killed_with + 1;
  const bool was_burnt_late =
      came_too_late || (account.family_dead && any_shown([](const auto& flight) { return flight->paused; }));
  const bool is_excused = (says_unknown && was_lost) || was_burnt_late || brought_spent_.contains(row.id);
  if (!is_valid && account.alive && !is_excused)
    fail("the_stored_token_is_the_valid_one", "token " + std::to_string(index) + " of account " + std::to_string(number) +
                                                  " is stored, " + std::to_string(account.newest) + " is valid" +
                                                  (says_unknown ? ", the row says unknown but nothing was lost" : "") +
                                                  (was_lost ? ", an answer was lost but the row does not say so" : ""));
  if (!row.leaf_user) return;
  const bool is_denied = is_valid && account.denied_at && *account.denied_at > calm_since_;
  if (is_denied && state.status != Status::missing_permission)
    fail("an_ended_permission_is_noticed", "status " + std::string(name_of(state.status)) + " long after");
  if (state.status == Status::missing_permission || is_denied) return;
  if (is_valid && state.status != Status::ok)
    fail("a_valid_login_is_ok_in_the_end", "status " + std::string(name_of(state.status)) + ", reason " +
                                               std::string(state.reason ? name_of(*state.reason) : "none"));
  if (!is_valid && state.status != Status::unauthenticated)
    fail("a_revoked_login_is_noticed", "status " + std::string(name_of(state.status)) + " long after");
}

// One that was revoked after the calm had begun: nothing stood in the way of noticing it.
void Oracle::judge_revocation(const CredentialEntry& entry) {
  constexpr seconds kSlack{20};
  const int number = stored_login(entry.row).account;
  const auto turned = turned_.find(entry.row.id);
  if (number < 0 || !entry.row.leaf_user || turned == turned_.end()) return;
  const Account& account = providers_.account(number);
  if (account.revoked_in_calm && turned->second > *account.revoked_in_calm + interval_ + confirm_after_ + kSlack)
    fail("a_revoked_login_is_noticed_in_time",
         std::to_string(std::chrono::duration_cast<seconds>(turned->second - *account.revoked_in_calm).count()) + " s after");
}

void Oracle::judge_presence(const Slot& slot, const Database& database) {
  int linked = 0, kept = -1;
  for (const auto& [id, entry] : database.credentials)
    if (entry.row.leaf_user == slot.user && entry.row.provider == slot.provider) {
      ++linked;
      kept = stored_login(entry.row).account;
    }
  if (slot.account && linked == 1 && kept != *slot.account)
    fail("acknowledged_is_kept", "the login of account " + std::to_string(*slot.account) + " was acknowledged, that of account " +
                                     std::to_string(kept) + " is stored");
  if (linked > 1) fail("one_credential_for_user_and_provider", std::to_string(linked) + " are there");
  if (slot.presence == Slot::Presence::present && slot.is_linked && linked == 0)
    fail("acknowledged_is_kept", "a credential whose POST was acknowledged is not there");
  if (slot.presence == Slot::Presence::absent && linked > 0) fail("deleted_is_gone", "a credential is there that was deleted");
}

void Oracle::judge_end(const Database& database) {
  for (const auto& [id, entry] : database.credentials) {
    if (deleted_.contains(id)) fail("deleted_stays_deleted", "a deleted credential is there");
    judge_token(entry);
    judge_revocation(entry);
    judge_next_check(entry);
  }
  for (const Slot& slot : slots) judge_presence(slot, database);
}

}  // namespace granary::simulation
