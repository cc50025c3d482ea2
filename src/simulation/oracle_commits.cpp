// What is committed: each commit is a row of a table.
#include <algorithm>
#include <array>

#include "domain/grant.hpp"
#include "domain/put_rules.hpp"
#include "simulation/oracle.hpp"

namespace granary::simulation {

namespace {

constexpr std::array kGrantEventsAll = {GrantEvent::sent,     GrantEvent::rotated, GrantEvent::accepted,
                                        GrantEvent::answered, GrantEvent::refused, GrantEvent::lost};
// What is written before a request leaves, or because none will.
bool is_note(const CredentialWrite& write) {
  return !write.secrets && !write.tokens && !write.events && !write.removes_candidate &&
         (write.grant || write.candidate || write.origin);
}

std::string text_of(const StoredCredential& row) { return "credential " + row.key.id.text(); }

}  // namespace

void Oracle::committed(const CredentialEntry& before, const CredentialWrite& write, const Committed& end,
                       const CredentialEntry& after, std::int64_t by) {
  const CredentialHealth& is = after.row.health;
  if (trace) {
    const Login login = stored_login(after.row);
    trace("commits on account " + std::to_string(login.account) + ", token " + std::to_string(login.token_index) + ": " +
          std::string(name_of(is.status)) + (is.reason ? " " + std::string(name_of(*is.reason)) : "") + ", " +
          std::string(name_of(after.row.grant)) +
          (after.row.candidate ? ", candidate of account " + std::to_string(candidate_login(after.row).account) + " " +
                                     std::string(name_of(after.row.candidate->state))
                               : "") +
          (end.end == Committed::End::unlinked ? ", unlinked meanwhile" : "") + (end.is_applied ? "" : ", not applied"));
  }
  if (deleted_.contains(after.row.key.id)) {
    fail("deleted_stays_deleted", "a deleted credential was written back");
    return;
  }
  judge_grant(before, write, after);
  judge_candidate(before, after);
  judge_rejected(before, after);
  if (before.row.health != is || write.removes_candidate) judge_status(before, write, after);
  judge_put(before, write, end, after);
  Began& began = began_[after.row.key.id];
  if (is.pending_since != before.row.health.pending_since) began.pending = heard_at_[after.row.key.id];
  if (is.outage_since != before.row.health.outage_since) began.outage = heard_at_[after.row.key.id];
  judge_history(before, after);
  judge_gifts(before, write, after, by);
  judge_kept(before, write, after, by);
  note_login(before, after);
  note_holder(after.row);
  note_tries(before, after);
  judge_holders(after);
  if (is.held_since && calm_since_ != SteadyTime()) held_in_calm_.insert(after.row.key.id);
  if (is.status == Status::unauthenticated && before.row.health.status != Status::unauthenticated) {
    turned_[after.row.key.id] = timeline_.now();
    ++turned_count_;
    if (is.status_cause && is_of_check(*is.status_cause)) judge_refusals(after);
  }
  if (is.status == Status::missing_permission && before.row.health.status != Status::missing_permission &&
      providers_.account(stored_login(after.row).account).permits)
    fail("a_permitted_login_never_misses_permission", "its grower lets the data be read");
  judge_refused_place(before, after);
  if (write.health && after.row.link_version == before.row.link_version) judge_next_check(after);
}

// One writer for a row: nobody has replaced under its lock what was loaded there.
void Oracle::not_written(const CredentialEntry& entry, const CredentialWrite& write) {
  fail("an_answer_to_what_is_stored_is_kept",
       text_of(entry.row) + " is there, in version " + std::to_string(entry.row.secrets_version) +
           ", and what was written for version " + std::to_string(write.secrets_version) + " was refused");
}

// A row of kGrantTable: a note is of a request, perhaps after the end of another one was heard; an answer is one event.
void Oracle::judge_grant(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after) {
  const GrantState from = before.row.grant, to = after.row.grant;
  if (from == to) return;
  const auto goes = [&](GrantState state, GrantEvent event) { return granary::after(state, event) == to; };
  bool is_row = false;
  if (is_under_way(to)) {
    is_row = goes(from, GrantEvent::sent) || goes(granary::after(from, GrantEvent::lost), GrantEvent::sent) ||
             goes(granary::after(from, GrantEvent::refused), GrantEvent::sent);
  } else {
    is_row = std::ranges::any_of(kGrantEventsAll, [&](GrantEvent event) {
      return event != GrantEvent::sent && (goes(from, event) || goes(granary::after(from, GrantEvent::lost), event));
    });
    // A grant of its own, from nothing or from what a crash has left.
    const auto candidate = open_candidate(before.row);
    const bool is_promoted = write.removes_candidate && candidate && !candidate->of_stored_grant;
    if (is_promoted) is_row = to == GrantState::held || to == GrantState::unknown || to == GrantState::doubtful;
    else if (!is_under_way(from) && from != GrantState::unknown && from != GrantState::doubtful) is_row = false;
  }
  if (!is_row) fail("a_grant_changes_by_its_table", "from " + std::string(name_of(from)) + " to " + std::string(name_of(to)));
}

void Oracle::judge_candidate(const CredentialEntry& before, const CredentialEntry& after) {
  if (!after.row.candidate) return;
  const CandidateState to = after.row.candidate->state;
  if (!before.row.candidate) {
    if (to != CandidateState::unsent) fail("a_candidate_changes_by_its_table", "a new one is " + std::string(name_of(to)));
    return;
  }
  const CandidateState from = before.row.candidate->state;
  const bool is_row = from == to || after_sending(from) == to || after_giving(from) == to;
  if (!is_row) fail("a_candidate_changes_by_its_table", "from " + std::string(name_of(from)) + " to " + std::string(name_of(to)));
  if (candidate_login(before.row).account != candidate_login(after.row).account)
    fail("a_candidate_is_settled_before_the_next", "another's replaces it");
}

bool Oracle::is_row_of_status_table(const CredentialHealth& was, const CredentialHealth& is, const Began& began) const {
  // By both clocks, the true one and the wall's. `since` of the status is the commit's moment, or later where the clock went
  // back.
  const auto lasts = [&](const std::optional<Instant>& since, SteadyTime began, milliseconds wait) {
    return since && timeline_.now() - began >= wait && is.since - since->wall >= wait;
  };
  for (std::size_t kind = 0; kind < kAnswerKinds; ++kind) {
    const StatusRule rule = kStatusTable[static_cast<std::size_t>(was.status)][kind];
    if (rule.to != is.status) continue;
    const Pending pending = kind == static_cast<std::size_t>(AnswerKind::refused) ? Pending::refused : Pending::forbidden;
    switch (rule.effect) {
      case Effect::becomes: return true;
      case Effect::needs_two:
        if (was.pending == pending && lasts(was.pending_since, began.pending, settings_.confirm_after)) return true;
        break;
      case Effect::outage_rule:
        if (is.outages >= kOutagesForUnavailable && lasts(is.outage_since, began.outage, settings_.outage_after)) return true;
        break;
      case Effect::stays: break;
    }
  }
  return false;
}

void Oracle::judge_status(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after) {
  const CredentialHealth &was = before.row.health, &is = after.row.health;
  if (!write.health) {
    if (was != is) fail("health_changes_by_a_rule_only", text_of(after.row));
    return;
  }
  if (!before.row.leaf_user) fail("unlinked_is_left_alone", "the health of an unlinked credential was changed");
  if (was.status == is.status || write.removes_candidate) return;
  const Cause cause = is.status_cause.value_or(Cause::operator_);
  if (cause == Cause::created && !was.answer_cause) return;  // believed at once
  if (cause == Cause::configuration || cause == Cause::breaker) {
    if (was.status == Status::ok && is.status == Status::temporarily_unavailable) return;
  } else if (is_of_check(cause) && is_row_of_status_table(was, is, began_[after.row.key.id])) {
    return;
  }
  fail("a_status_changes_by_its_table", "from " + std::string(name_of(was.status)) + " to " + std::string(name_of(is.status)) +
                                            ", cause " + std::string(name_of(cause)));
}

// A row of kPutTable: what was applied may replace what is stored.
void Oracle::judge_put(const CredentialEntry& before, const CredentialWrite& write, const Committed& end,
                       const CredentialEntry& after) {
  if (!write.removes_candidate || !write.health || end.end != Committed::End::done || !end.is_applied) return;
  const CredentialHealth& is = after.row.health;
  PutAnswer answer = PutAnswer::unavailable;
  switch (is.status) {
    case Status::ok: answer = PutAnswer::ok; break;
    case Status::unauthenticated: answer = PutAnswer::refused; break;
    case Status::missing_permission: answer = PutAnswer::forbidden; break;
    case Status::temporarily_unavailable: break;
  }
  const PutEnd row = end_of_put(answer, stored_login_of(before.row.health));
  if (row != PutEnd::replaced)
    fail("a_put_ends_by_its_table", "what " + std::string(name_of(stored_login_of(before.row.health))) + " is " +
                                        std::string(name_of(is.status)) + " after a PUT: " + std::string(name_of(row)));
}

void Oracle::judge_history(const CredentialEntry& before, const CredentialEntry& after) {
  const auto& rows = after.history;
  const std::size_t more = rows.size() - before.history.size();
  const bool is_first = before.history.empty() && after.row.health.answer_cause.has_value();
  const bool has_changed = before.row.health.status != after.row.health.status;
  const auto wrong = [&](const std::string& what) { fail("history_tells_each_change", text_of(after.row) + ": " + what); };
  if (more != (is_first || has_changed ? 1 : 0)) {
    wrong(std::to_string(more) + " rows more");
  } else if (!rows.empty()) {
    const StatusChange& last = rows.back();
    if (last.to != after.row.health.status) wrong("the newest row ends with another status");
    if (last.from == last.to) wrong("the newest row changes nothing");
    if (rows.size() > 1 && last.from != rows[rows.size() - 2].to) wrong("it begins where the last one did not end");
    if (more == 0) return;
    if (last.time != after.row.health.since) wrong("its time is not `since`");
    if (last.from != (is_first ? std::nullopt : std::optional(before.row.health.status))) wrong("it begins with another status");
    if (!before.history.empty() && last.time <= before.history.back().time) wrong("its time is not after the last one's");
  }
}

// One of many: a breaker takes back, or suspects.
void Oracle::changed(const CredentialEntry& before, const CredentialEntry& after, Cause cause) {
  judge_history(before, after);
  const Status from = before.row.health.status, to = after.row.health.status;
  if (from != to && (cause != Cause::breaker || to != Status::temporarily_unavailable))
    fail("a_status_changes_by_its_table",
         "a rule for many goes from " + std::string(name_of(from)) + " to " + std::string(name_of(to)));
  judge_next_check(after);
}

void Oracle::judge_refusals(const CredentialEntry& after) {
  const Login login = stored_login(after.row);
  if (login.account < 0) return;
  // What has ceased to be valid never is again: valid now, it was so at both refusals.
  if (works(login)) fail("a_valid_login_is_never_unauthenticated", "the provider holds the stored login valid");
  const auto& refusals = providers_.account(login.account).refusals;
  if (!refusals.empty() && refusals.back() - refusals.front() >= settings_.confirm_after) return;
  fail("two_refusals_confirm", text_of(after.row) + " became UNAUTHENTICATED after " + std::to_string(refusals.size()) +
                                   " refusals, none " + std::to_string(settings_.confirm_after.count()) + " ms after another");
}

// What is stored is what a client has brought, and what a provider has given for it.
void Oracle::judge_gifts(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after,
                         std::int64_t by) {
  if (before.row.secrets_version == after.row.secrets_version || write.removes_candidate) return;
  const std::set<int> accounts = accounts_of(before, after);
  const auto gave = [&](const auto& flight) {
    return flight->process == by && accounts.contains(flight->account) && flight->answered &&
           (flight->answer.status == 200 || flight->gave_token);
  };
  if (std::ranges::any_of(unrecorded_, gave)) return;
  auto was = open(before.row), is = open(after.row);
  if (was && is) was->grant.is_doubtful = is->grant.is_doubtful;  // a doubt that is over is nobody's gift
  if (!was || !is || !is_same(*was, *is))
    fail("secrets_change_by_gifts_only", text_of(after.row) + " changed, and nothing was given");
}

// What a process was told is in the store with its events.
void Oracle::judge_kept(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after,
                        std::int64_t by) {
  const std::set<int> accounts = accounts_of(before, after);
  const bool is_same_link = before.row.leaf_user && after.row.link_version == write.link_version;
  if (write.events && !write.secrets)
    for (const auto& flight : unrecorded_)
      if (flight->process == by && flight->answered && flight->gave_token && accounts.contains(flight->account))
        fail("an_answer_is_one_commit",
             "the events are stored, and not what account " + std::to_string(flight->account) + " was given");
  if (is_same_link && write.events && !shown_by_[after.row.key.id].empty()) {
    const Flight& last = *shown_by_[after.row.key.id].back();
    if (last.process == by && last.returned && last.holders.at(after.row.key.id) != after.row.link_version)
      fail("unlinked_is_left_alone", "the answer to what was asked before a link is written after it");
  }
  judge_events(before, write, after, by);
}

void Oracle::judge_events(const CredentialEntry& before, const CredentialWrite& write, const CredentialEntry& after,
                          std::int64_t by) {
  const std::set<int> accounts = accounts_of(before, after);
  const auto is_of_this = [&](ProcessId process, int account) { return process == by && accounts.contains(account); };
  if (after.events() > exchanges_[after.row.key.id])
    fail("an_event_for_every_exchange",
         std::to_string(exchanges_[after.row.key.id]) + " exchanges, and " + std::to_string(after.events()) + " events");
  // The last commit of a conversation, or of a PUT.
  const bool is_last = !is_note(write) && (write.events || write.removes_candidate || (write.health && !write.secrets));
  const bool is_dropped = write.removes_candidate && !write.health && !write.events;
  if (!is_last || is_dropped) {
    if (write.secrets || (write.candidate && !is_note(write))) mark_recorded(accounts, by);
    return;
  }
  int owed = 0;
  for (const auto& [whose, count] : events_owed_)
    if (is_of_this(whose.first, whose.second)) owed += count;
  const bool is_whole = before.row.leaf_user && after.row.link_version == write.link_version;
  if (is_whole && owed > 0 && after.events() - before.events() < owed)
    fail("an_event_for_every_exchange",
         std::to_string(owed) + " exchanges, and " + std::to_string(after.events() - before.events()) + " events more");
  std::erase_if(events_owed_, [&](const auto& entry) { return is_of_this(entry.first.first, entry.first.second); });
  mark_recorded(accounts, by);
}

void Oracle::mark_recorded(const std::set<int>& accounts, std::int64_t by) {
  std::erase_if(unrecorded_, [&](const auto& flight) {
    const bool is_recorded = flight->process == by && flight->returned && accounts.contains(flight->account);
    if (is_recorded) flight->recorded = true;
    return is_recorded;
  });
}

// A refresh token stands with one credential, and nowhere else with one that knows it to be spent.
void Oracle::judge_holders(const CredentialEntry& entry) {
  const CredentialId id = entry.row.key.id;
  const auto tokens_of = [&](const StoredCredential& row) { return std::array{stored_login(row), candidate_login(row)}; };
  for (const Login& mine : tokens_of(entry.row)) {
    if (mine.account < 0 || mine.token_index < 0) continue;
    for (const CredentialId other : holders_[mine.account]) {
      if (other == id) continue;
      for (const Login& theirs : tokens_of(db_.credentials.at(other).row))
        if (theirs.account == mine.account && theirs.token_index == mine.token_index)
          fail("one_grant_one_holder", "token " + std::to_string(mine.token_index) + " of account " +
                                           std::to_string(mine.account) + " stands with two credentials");
    }
  }
}

void Oracle::judge_rejected(const CredentialEntry& before, const CredentialEntry& after) {
  const Slot* slot = slot_of(after.row);
  const int was = stored_login(before.row).account, is = stored_login(after.row).account;
  if (slot && was != is && rejected_.contains({slot, is}))
    fail("a_refused_put_is_never_applied", "the login of account " + std::to_string(is) + " is stored after its PUT was refused");
}

void Oracle::judge_next_check(const CredentialEntry& entry) {
  const CredentialHealth& health = entry.row.health;
  const bool used_up = health.status == Status::unauthenticated && health.refusals >= kPasswordTriesMax;
  if (entry.row.leaf_user && !health.next_check && !used_up)
    fail("the_clock_forgets_nobody", "a checkable credential has no next check");
}

// What a check found refused waits.
void Oracle::judge_refused_place(const CredentialEntry& before, const CredentialEntry& entry) {
  const CredentialHealth& health = entry.row.health;
  if (health.last_checked == before.row.health.last_checked) return;
  const bool is_soon =
      health.next_check && health.last_checked && *health.next_check < *health.last_checked + std::chrono::minutes(5);
  if (health.status == Status::unauthenticated && health.refusals > kPasswordTriesMax && is_soon &&
      health.pending == Pending::none && !health.due_cause && health.reason == Reason::refused)
    fail("a_refused_login_is_not_asked_for_at_once", text_of(entry.row) + " is due within five minutes");
}

void Oracle::note_login(const CredentialEntry& before, const CredentialEntry& after) {
  const Login was = stored_login(before.row), is = stored_login(after.row);
  if (was.account == is.account && is.token_index == was.token_index) return;
  const bool is_spent =
      was.account != is.account && is.account >= 0 && providers_.account(is.account).spent_by.contains(is.token_index);
  if (is_spent) brought_spent_.insert(after.row.key.id);
  else brought_spent_.erase(after.row.key.id);
}

void Oracle::note_holder(const StoredCredential& row) {
  const CredentialId id = row.key.id;
  std::set<int> accounts = accounts_of(row);
  accounts.erase(-1);
  if (accounts_[id] == accounts) return;
  for (const int account : accounts_[id]) holders_[account].erase(id);
  for (const int account : accounts) holders_[account].insert(id);
  accounts_[id] = std::move(accounts);
}

// Counted anew since an ok, and for another login; a promoted candidate brings its own.
void Oracle::note_tries(const CredentialEntry& before, const CredentialEntry& after) {
  const int account = stored_login(after.row).account;
  const bool is_ok = after.row.health.last_success != before.row.health.last_success;
  const bool is_decided = before.row.candidate && !after.row.candidate;
  if (is_decided) {
    const int candidate = candidate_login(before.row).account;
    const auto tries = tries_.extract({candidate, Place::candidate});
    const bool is_promoted = after.row.secrets_version != before.row.secrets_version && account == candidate;
    if (is_promoted) tries_[{account, Place::stored}] = tries ? tries.mapped() : 0;
  }
  if (is_ok) tries_.erase({account, Place::stored});
}

}  // namespace granary::simulation
