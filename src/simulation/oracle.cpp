// What leaves for a provider, and what a process is told.
#include "simulation/oracle.hpp"

#include <algorithm>
#include <ranges>

namespace granary::simulation {

SealScope scope_of(const StoredCredential& row) {
  return {.owner = row.key.owner, .provider = row.provider, .credential = row.key.id};
}

void Oracle::fail(std::string invariant, std::string what) {
  if (!violation_) violation_ = {.invariant = std::move(invariant), .what = std::move(what)};
}

Slot* Oracle::slot_of(const StoredCredential& row) {
  if (!row.leaf_user) return nullptr;
  for (Slot& slot : slots)
    if (slot.user == *row.leaf_user && slot.provider == row.provider) return &slot;
  return nullptr;
}

Oracle::Login Oracle::login_in(const std::optional<Secrets>& secrets) {
  if (!secrets) return {};
  const std::string_view token = secrets->value("refreshToken");
  if (token.empty()) return {.account = ProviderWorld::account_of(secrets->login.value("username"))};
  return {.account = ProviderWorld::account_of(token), .token_index = ProviderWorld::index_of(token)};
}

std::optional<Secrets> Oracle::open(const StoredCredential& row) const {
  const auto packed = sealer_.open_fields(scope_of(row), row.secrets_key, row.secrets_version, row.secrets);
  return packed ? Secrets::unpack(packed->reveal()) : std::nullopt;
}

std::optional<Secrets> Oracle::open_candidate(const StoredCredential& row) const {
  if (!row.candidate) return std::nullopt;
  const auto packed = sealer_.open_candidate(scope_of(row), row.secrets_key, row.candidate->secrets);
  return packed ? Secrets::unpack(packed->reveal()) : std::nullopt;
}

std::set<int> Oracle::accounts_of(const StoredCredential& row) const {
  std::set<int> accounts = {stored_login(row).account};
  if (row.candidate) accounts.insert(candidate_login(row).account);
  return accounts;
}

std::set<int> Oracle::accounts_of(const CredentialEntry& before, const CredentialEntry& after) const {
  std::set<int> accounts = accounts_of(before.row);
  accounts.merge(accounts_of(after.row));
  return accounts;
}

Oracle::Login Oracle::stored_in(const Slot& slot) const {
  for (const auto& [id, entry] : db_.credentials)
    if (entry.row.leaf_user == slot.user && entry.row.provider == slot.provider) return stored_login(entry.row);
  return {};
}

bool Oracle::works(const Login& login) const {
  const Account& account = providers_.account(login.account);
  return account.has_password ? account.is_valid() : providers_.would_accept(account, login.token_index);
}

void Oracle::sent(const std::shared_ptr<Flight>& flight) {
  const auto is_unkept = [&](const auto& earlier) {
    return earlier->process == flight->process && earlier->account == flight->account && earlier->answered && earlier->gave_token;
  };
  if (flight->account >= 0) {
    if (std::ranges::any_of(unrecorded_, is_unkept))
      fail("a_new_token_is_kept_before_the_next_request",
           "account " + std::to_string(flight->account) + " was asked again before");
    for (const CredentialId id : holders_[flight->account]) {
      const StoredCredential& row = db_.credentials.at(id).row;
      flight->holders.emplace(id, row.link_version);
      if (row.candidate && stored_login(row).account != flight->account) flight->of_candidate = true;
      shown_by_[id].push_back(flight);
    }
    judge_note(*flight);
    judge_counted(*flight);
    judge_withdrawn(*flight);
  }
  unrecorded_.push_back(flight);
}

// A crash at this moment must leave a row that says so.
void Oracle::judge_note(const Flight& flight) {
  if (flight.token_index < 0 || flight.holders.empty()) return;
  const auto is_noted = [&](const auto& holder) {
    const StoredCredential& row = db_.credentials.at(holder.first).row;
    // The token before the newest may be shown in its place.
    const auto is_it = [&](const Login& login) {
      return login.account == flight.account && login.token_index >= flight.token_index;
    };
    return (is_it(stored_login(row)) && is_under_way(row.grant)) ||
           (is_it(candidate_login(row)) && row.candidate->state != CandidateState::unsent);
  };
  if (std::ranges::none_of(flight.holders, is_noted))
    fail("a_token_is_noted_before_it_is_sent", "token " + std::to_string(flight.token_index) + " of account " +
                                                   std::to_string(flight.account) + " leaves, and no row says so");
}

// Nor may it give a password that was refused before one try more.
void Oracle::judge_counted(const Flight& flight) {
  const auto tries = tries_.find({flight.account, Place::stored});
  if (!flight.is_password || tries == tries_.end() || tries->second == 0) return;
  for (const auto& [id, link] : flight.holders) {
    const StoredCredential& row = db_.credentials.at(id).row;
    const bool is_stored = !row.candidate && stored_login(row).account == flight.account;
    if (is_stored && row.health.answer_cause && row.health.refusals > 0 && row.health.refusals <= tries->second)
      fail("a_try_is_counted_before_it_is_sent", "the password of account " + std::to_string(flight.account) +
                                                     " was refused before, and leaves with " +
                                                     std::to_string(row.health.refusals) + " tries counted");
  }
}

void Oracle::judge_withdrawn(const Flight& flight) {
  // The store's answer to what was committed before it may be on its way to the sender.
  constexpr milliseconds kReplyMax{40};
  const auto since = withdrawn_.find(flight.account);
  if (since == withdrawn_.end() || timeline_.now() <= since->second + kReplyMax) return;
  const auto is_linked = [&](const auto& holder) { return db_.credentials.at(holder.first).row.leaf_user.has_value(); };
  if (std::ranges::any_of(flight.holders, is_linked)) withdrawn_.erase(flight.account);
  else
    fail("nothing_is_sent_after_an_acknowledged_delete_or_unlink", "account " + std::to_string(flight.account) +
                                                                       " is shown, and its credential is " +
                                                                       (flight.holders.empty() ? "deleted" : "unlinked"));
}

// Unless all that knew have been deleted.
void Oracle::spent_token_sent(const Flight& flight) {
  fail("no_spent_token_is_sent", "token " + std::to_string(flight.token_index) + " of account " + std::to_string(flight.account) +
                                     " came again, and its sender knew");
}

void Oracle::ended_unsent(int account) {
  for (const CredentialId id : holders_[account]) ++exchanges_[id];
}

void Oracle::delivered(const std::shared_ptr<Flight>& flight, const http::Exchange& exchange) {
  if (flight->account < 0) return;
  for (const auto& [id, link] : flight->holders) {
    ++exchanges_[id];
    heard_at_[id] = timeline_.now();
  }
  const auto is_as_it_was = [&](const auto& holder) {
    const auto known = db_.credentials.find(holder.first);
    return known != db_.credentials.end() && known->second.row.link_version == holder.second;
  };
  // Of what was deleted or unlinked meanwhile, no event is owed.
  if (std::ranges::any_of(flight->holders, is_as_it_was)) ++events_owed_[{flight->process, flight->account}];
  const bool is_refusal = !exchange.failure && (exchange.status == 400 || exchange.status == 401);
  if (!is_refusal) return;
  providers_.account(flight->account).refusals.push_back(timeline_.now());
  if (flight->is_password) count_try(*flight);
}

void Oracle::count_try(Flight& flight) {
  for (const auto& [number, request] : requests_)
    if (request.checked && flight.holders.contains(*request.checked)) return;
  flight.counts_try = true;
  for (const auto& [id, link] : flight.holders) {
    const auto entry = db_.credentials.find(id);
    if (entry == db_.credentials.end()) continue;
    const StoredCredential& row = entry->second.row;
    if (row.candidate && candidate_login(row).account == flight.account) flight.of_candidate = true;
    else if (row.health.refusals == 0) flight.first_refusal = true;
  }
  const int tries = ++tries_[{flight.account, flight.of_candidate ? Place::candidate : Place::stored}];
  if (tries > kPasswordTriesMax)
    fail("a_refused_password_is_tried_three_times",
         "that of account " + std::to_string(flight.account) + " was refused " + std::to_string(tries) + " times");
}

void Oracle::crashed(ProcessId process) {
  for (const auto& flight : unrecorded_) {
    if (flight->process != process) continue;
    flight->crashed = true;
    // The first refusal is counted with its answer.
    if (flight->counts_try && flight->first_refusal) --tries_[{flight->account, Place::stored}];
  }
  std::erase_if(unrecorded_, [&](const auto& flight) { return flight->process == process; });
  std::erase_if(events_owed_, [&](const auto& owed) { return owed.first.first == process; });
  requests_crashed();
}

void Oracle::store_failed(ProcessId process) {
  troubled_ = std::max(troubled_, timeline_.now());
  providers_.has_store_failed = true;
  for (const auto& flight : unrecorded_)
    if (flight->process == process && flight->returned) flight->unkept = true;
  if (requests_.empty()) return;
  std::erase_if(events_owed_, [&](const auto& owed) { return owed.first.first == process; });
}

void Oracle::clock_went_back() {
  for (auto& [account, tries] : tries_) tries = std::max(tries - 1, 0);
}

// Nothing is known any more of what only this credential had sent.
void Oracle::forget(const CredentialEntry& entry) {
  const CredentialId id = entry.row.key.id;
  for (const auto& flight : shown_by_[id]) {
    flight->holders.erase(id);
    if (flight->holders.empty()) flight->forgotten = true;
  }
  shown_by_.erase(id);
  for (const int account : accounts_[id]) holders_[account].erase(id);
  accounts_.erase(id);
  std::erase_if(unrecorded_, [](const auto& flight) { return flight->forgotten; });
}

void Oracle::added(const CredentialEntry& entry) {
  if (deleted_.contains(entry.row.key.id)) fail("deleted_stays_deleted", "a deleted credential was added again");
  CredentialEntry nothing;
  nothing.row.key = entry.row.key;
  note_login(nothing, entry);
  note_holder(entry.row);
  judge_holders(entry);
}

void Oracle::deleted(const CredentialEntry& entry) {
  deleted_.insert(entry.row.key.id);
  unlinked(entry);
  forget(entry);
}

void Oracle::unlinked(const CredentialEntry& entry) {
  // Its events are gone, and those of its running checks are owed to nobody.
  const std::set<int> accounts = accounts_of(entry.row);
  std::erase_if(events_owed_, [&](const auto& owed) { return accounts.contains(owed.first.second); });
  exchanges_[entry.row.key.id] = 0;
  if (entry.row.leaf_user) left_[{*entry.row.leaf_user, entry.row.provider}] = accounts;
  for (const int account : accounts) tries_.erase({account, Place::stored});
}

}  // namespace granary::simulation
