#include "simulation/mutants.hpp"

#include <algorithm>
#include <deque>

namespace granary::simulation {

namespace {

using Changed = std::optional<CredentialHealth>;

bool is_of_another_boot(const std::optional<Instant>& instant) { return instant && instant->boot != 0; }

class MutantStore final : public MemoryStore {
 public:
  MutantStore(Mutant mutant, Database& database, StoreWeather& weather, std::int64_t process)
      : MemoryStore(database, &weather, process), mutant_(mutant) {}

  Task<Committed> commit(const CredentialWrite& given) override {
    CredentialWrite write = given;
    spoil(write);
    if (is(Mutant::acknowledged_before_it_is_kept)) {
      keep_owed();
      Database copy = db_;
      copy.observer = nullptr;
      MemoryStore preview(copy, nullptr, process_);
      Committed committed = co_await preview.commit(write);
      owed_.push_back(std::move(write));
      co_return committed;
    }
    if (is(Mutant::events_written_apart) && write.events && write.secrets) {
      CredentialWrite first{.key = write.key,
                            .id = write.id ^ 2,
                            .secrets_version = write.secrets_version,
                            .link_version = write.link_version,
                            .needs = write.needs};
      first.events = std::exchange(write.events, std::nullopt);
      co_await MemoryStore::commit(first);
    }
    Committed committed = co_await MemoryStore::commit(write);
    spoil_row(write, committed);
    co_return committed;
  }

  Task<Result<void>> add_credential(const NewCredential& given) override {
    NewCredential made = given;
    if (is(Mutant::claim_of_another_accepted) && made.token) made.token->is_guarded = false;
    CredentialEntry* known = is(Mutant::second_credential_accepted) ? db_.find(*made.row.leaf_user, made.row.provider) : nullptr;
    if (!known) co_return co_await MemoryStore::add_credential(made);
    const LeafUserId user = std::exchange(*known->row.leaf_user, LeafUserId());
    const CredentialId id = known->row.key.id;
    auto added = co_await MemoryStore::add_credential(made);
    if (CredentialEntry* still = db_.find(id)) still->row.leaf_user = user;
    co_return added;
  }

  Task<bool> delete_credential(OwnerId owner, LeafUserId user, std::string_view provider) override {
    if (!is(Mutant::delete_not_made)) co_return co_await MemoryStore::delete_credential(owner, user, provider);
    co_return db_.find(user, provider) != nullptr;
  }

  Task<bool> is_linked(CredentialKey key, std::int64_t link_version) override {
    if (!is(Mutant::unlink_not_noticed)) co_return co_await MemoryStore::is_linked(key, link_version);
    co_return true;
  }

  Task<std::optional<StoredCredential>> find_credential(CredentialKey key) override {
    keep_owed();
    if (is(Mutant::deleted_row_written_back))
      if (const CredentialEntry* entry = db_.find(key.id)) seen_.insert_or_assign(key.id, *entry);
    co_return co_await MemoryStore::find_credential(key);
  }

  Task<> recover_interrupted(WallTime now) override {
    if (is(Mutant::interrupted_token_forgotten)) {
      for (auto& [id, entry] : db_.credentials)
        if (is_under_way(entry.row.grant)) entry.row.grant = GrantState::held;
    }
    co_await MemoryStore::recover_interrupted(now);
  }

 private:
  bool is(Mutant mutant) const { return mutant_ == mutant; }

  void keep_owed() {
    // What is written without waiting needs no executor.
    for (; !owed_.empty(); owed_.pop_front()) run_at_once(owed_.front());
  }

  void run_at_once(const CredentialWrite& write) {
    asio::io_context context(1);
    MemoryStore store(db_, nullptr, process_);
    asio::co_spawn(context, store.commit(write), [](std::exception_ptr, const Committed&) {});
    context.run();
  }

  static bool is_note(const CredentialWrite& write) {
    return !write.secrets && !write.tokens && !write.events && !write.removes_candidate;
  }

  // What the rule is given, and what it gives.
  template <class Before, class After>
  static void wrap(CredentialWrite& write, Before before, After after) {
    if (!write.health) return;
    write.health = [rule = std::move(write.health), before, after](const CredentialHealth& health, Random& random) {
      CredentialHealth given = health;
      before(given);
      return after(health, rule(given, random));
    };
  }
  template <class Before>
  static void wrap_before(CredentialWrite& write, Before before) {
    wrap(write, before, [](const CredentialHealth&, Changed changed) { return changed; });
  }
  template <class After>
  static void wrap_after(CredentialWrite& write, After after) {
    wrap(
        write, [](CredentialHealth&) {},
        [after](const CredentialHealth& was, Changed changed) {
          if (changed) after(was, *changed);
          return changed;
        });
  }

  void spoil(CredentialWrite& write) {
    switch (mutant_) {
      case Mutant::token_sent_before_it_is_noted:
        if (write.grant && is_under_way(*write.grant)) write.grant.reset();
        break;
      case Mutant::candidate_sent_before_it_is_noted:
        if (is_note(write) && write.candidate) write.candidate->state = CandidateState::unsent;
        break;
      case Mutant::new_token_not_stored:
        if (!write.removes_candidate) write.secrets.reset();
        break;
      case Mutant::lost_answer_forgotten:
        if (write.grant && !is_under_way(*write.grant)) write.grant = GrantState::held;
        break;
      case Mutant::token_of_a_put_not_stored: {
        const CredentialEntry* entry = db_.find(write.key.id);
        if (entry && entry->row.candidate && !write.removes_candidate) write.secrets.reset();
        break;
      }
      case Mutant::write_made_twice: write.id ^= ++writes_ << 1; break;
      case Mutant::link_not_compared:
      case Mutant::unlink_not_noticed:
        if (const CredentialEntry* entry = db_.find(write.key.id))
          if (entry->row.leaf_user || is(Mutant::unlink_not_noticed)) write.link_version = entry->row.link_version;
        if (is(Mutant::unlink_not_noticed)) write.needs = CredentialWrite::Needs::row;
        break;
      case Mutant::claim_of_another_accepted:
        if (write.candidate_claim) write.candidate_claim->is_guarded = false;
        break;
      case Mutant::digests_forgotten:
        if (write.tokens) write.tokens->spent.clear();
        break;
      case Mutant::candidate_not_removed: write.removes_candidate = false; break;
      case Mutant::events_left_out: write.events.reset(); break;
      default: spoil_rule(write); break;
    }
  }

  void spoil_rule(CredentialWrite& write) {
    switch (mutant_) {
      case Mutant::refused_candidate_promoted:
      case Mutant::put_for_the_worse:
        if (write.removes_candidate)
          wrap(
              write, [](CredentialHealth&) {},
              [this](const CredentialHealth& was, Changed changed) {
                if (!changed && is(Mutant::put_for_the_worse) == was.was_last_ok) changed = was;
                return changed;
              });
        break;
      case Mutant::confirmed_at_once:
        wrap_before(write, [](CredentialHealth& health) {
          if (!health.pending_since) return;
          health.pending_since->wall -= std::chrono::hours(1);
          health.pending_since->steady -= std::chrono::hours(1);
        });
        break;
      case Mutant::wall_clock_alone_confirms:
        wrap_before(write, [](CredentialHealth& health) {
          if (is_of_another_boot(health.pending_since)) health.pending_since->boot = 0;
        });
        break;
      case Mutant::refusals_forgotten:
        wrap_after(write, [](const CredentialHealth&, CredentialHealth& health) {
          if (health.refusals >= kPasswordTriesMax) health.next_check = health.last_checked;
        });
        break;
      case Mutant::counted_try_not_kept:
        if (is_note(write) && !write.grant && !write.candidate) write.health = nullptr;
        break;
      case Mutant::no_next_check_after_an_outage:
        wrap_after(write, [](const CredentialHealth&, CredentialHealth& health) {
          if (health.outages > 0) health.next_check.reset();
        });
        break;
      case Mutant::first_of_two_never_confirmed:
        wrap_before(write, [](CredentialHealth& health) {
          health.pending = Pending::none;
          health.pending_since.reset();
        });
        break;
      case Mutant::refused_token_asked_for_at_once:
        wrap_after(write, [](const CredentialHealth& was, CredentialHealth& health) {
          if (was.is_bad() && health.next_check) health.next_check = health.last_checked;
        });
        break;
      default: break;
    }
  }

  void spoil_row(const CredentialWrite& write, Committed& committed) {
    CredentialEntry* entry = db_.find(write.key.id);
    if (is(Mutant::history_row_lost) && entry && committed.change && !entry->history.empty()) entry->history.pop_back();
    if (is(Mutant::history_row_for_nothing) && entry && write.health && !committed.change && !entry->history.empty()) {
      entry->history.push_back(entry->history.back());
      entry->history.back().time += microseconds(1);
    }
    if (is(Mutant::unlink_not_noticed) && committed.end == Committed::End::unlinked) committed.end = Committed::End::done;
    if (is(Mutant::deleted_row_written_back) && !entry && seen_.contains(write.key.id))
      db_.credentials.emplace(write.key.id, seen_.at(write.key.id));
  }

  const Mutant mutant_;
  std::int64_t writes_ = 0;
  std::deque<CredentialWrite> owed_;
  std::map<CredentialId, CredentialEntry> seen_;
};

class MutantTransport final : public http::HttpTransport {
 public:
  MutantTransport(Mutant mutant, std::unique_ptr<http::HttpTransport> transport, Clock& clock, const Timeline& timeline)
      : mutant_(mutant), transport_(std::move(transport)), clock_(clock), timeline_(timeline) {}

  Task<http::Exchange> exchange(http::OutboundRequest request) override {
    const bool spends = request.url.ends_with("/api/token");
    // The wrong clock's time, in the right one's.
    request.deadline -= clock_.elapsed() - timeline_.now();
    if (mutant_ == Mutant::answer_waited_for_too_long) request.deadline += std::chrono::seconds(10);
    http::Exchange answer = co_await transport_->exchange(request);
    switch (mutant_) {
      case Mutant::token_request_repeated:
        if (spends && answer.failure) {
          request.deadline = timeline_.now() + std::chrono::seconds(5);
          answer = co_await transport_->exchange(std::move(request));
        }
        break;
      case Mutant::server_error_taken_for_refusal:
        if (answer.status >= 500) refuse(answer, spends);
        break;
      case Mutant::silence_taken_for_refusal:
        if (answer.failure) refuse(answer, spends);
        break;
      case Mutant::refusal_taken_for_outage:
        if (answer.status == 400 || answer.status == 401) answer.status = 500;
        break;
      case Mutant::forbidden_taken_for_refusal:
        if (answer.status == 403) answer.status = 401;
        break;
      case Mutant::rotated_token_not_read:
        if (const auto at = answer.body.find(R"(,"refresh_token":)"); at != std::string::npos)
          answer.body.replace(at, std::string::npos, "}");
        break;
      default: break;
    }
    co_return answer;
  }

 private:
  static void refuse(http::Exchange& answer, bool spends) {
    answer = {.status = spends ? 400 : 401,
              .headers = {{"Content-Type", "application/json"}},
              .body = R"({"error":"invalid_grant"})",
              .failure = {},
              .was_sent = true};
  }

  const Mutant mutant_;
  const std::unique_ptr<http::HttpTransport> transport_;
  Clock& clock_;
  const Timeline& timeline_;
};

// Elapsed time jumps with the wall clock.
class MutantClock final : public Clock {
 public:
  MutantClock(std::unique_ptr<Clock> clock, const microseconds& wall_offset) : clock_(std::move(clock)), offset_(wall_offset) {}
  WallTime now() override { return clock_->now(); }
  SteadyTime elapsed() override { return clock_->elapsed() + offset_; }
  std::int64_t boot() override { return clock_->boot(); }
  Task<> sleep_until(SteadyTime when) override { co_await clock_->sleep_until(when - offset_); }

 private:
  const std::unique_ptr<Clock> clock_;
  const microseconds& offset_;
};

}  // namespace

std::unique_ptr<MemoryStore> make_store(Mutant mutant, Database& database, StoreWeather& weather, std::int64_t process) {
  if (mutant == Mutant::none) return std::make_unique<MemoryStore>(database, &weather, process);
  return std::make_unique<MutantStore>(mutant, database, weather, process);
}

std::unique_ptr<http::HttpTransport> mutate(Mutant mutant, std::unique_ptr<http::HttpTransport> transport, Clock& clock,
                                            const Timeline& timeline) {
  if (mutant < Mutant::token_request_repeated) return transport;
  return std::make_unique<MutantTransport>(mutant, std::move(transport), clock, timeline);
}

std::unique_ptr<Clock> mutate(Mutant mutant, std::unique_ptr<Clock> clock, const microseconds& wall_offset) {
  if (mutant != Mutant::elapsed_time_jumps) return clock;
  return std::make_unique<MutantClock>(std::move(clock), wall_offset);
}

}  // namespace granary::simulation
