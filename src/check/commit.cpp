#include "check/commit.hpp"

namespace granary {

namespace {

constexpr seconds kPause{1};
// For so long what is held stands in the way of others: a damaged row must not keep its credential's lock for ever, nor every
// other token from being spent.
constexpr std::chrono::minutes kInTheWayMax{5};
// After so many tries, a second apart, that failed: the answer is committed without its events where these are what fails.
constexpr int kTriesWithEvents = 20;

// One answer that waits for the store. Counted in the context while it does.
class HeldAnswer {
 public:
  HeldAnswer(CheckContext& context, const StoredCredential& row, Holds holds, bool has_token)
      : context_(context), row_(row), holds_(holds), has_token_(has_token) {}
  ~HeldAnswer() {
    release_others();
    if (!since_) return;
    --context_.held_answers;
    context_.locks.mark_held(row_.key.id, false);
  }
  HeldAnswer(const HeldAnswer&) = delete;
  HeldAnswer& operator=(const HeldAnswer&) = delete;

  // Waits a moment; throws `failure` for an answer that is not to be held (any longer).
  Task<> wait(StoreUnavailable failure) {
    const SteadyTime now = context_.clock.elapsed();
    if (!is_to_be_held(now)) throw failure;
    if (!since_) begin(now, failure);
    if (now >= *since_ + kInTheWayMax) release_others();
    co_await context_.clock.sleep_until(now + kPause);
  }

 private:
  bool is_to_be_held(SteadyTime now) const {
    if (holds_ == Holds::nothing) return false;
    if (context_.stopping) return has_token_ && now < context_.ends_at;
    if (holds_ == Holds::briefly) return !since_ || now < *since_ + context_.settings.timeout;
    return has_token_ || (holds_ == Holds::everything && (!since_ || now < *since_ + kInTheWayMax));
  }

  void begin(SteadyTime now, const StoreUnavailable& failure) {
    since_ = now;
    ++context_.held_answers;
    is_counted_as_token_ = has_token_;
    if (has_token_) ++context_.held_tokens;
    context_.locks.mark_held(row_.key.id, true);
    context_.log.error("a provider's answer cannot be stored now; it is held and tried again",
                       {{"credential", row_.key.id.text()}, {"provider", row_.provider}, {"error", failure.what()}});
  }

  void release_others() {
    if (std::exchange(is_counted_as_token_, false)) --context_.held_tokens;
  }

  CheckContext& context_;
  const StoredCredential& row_;
  const Holds holds_;
  const bool has_token_;
  std::optional<SteadyTime> since_;
  bool is_counted_as_token_ = false;
};

// One try: the events are sealed once, the first time that what is stored of them can be read.
Task<Committed> try_commit(CheckContext& context, const StoredCredential& row, CredentialWrite& write,
                           const std::vector<Event>& events) {
  if (!write.events && !events.empty()) {
    const std::int32_t day = day_of(context.clock.now());
    const Plaintext day_key = co_await find_day_key(context, day);
    write.events = co_await seal_events(context, row, events, day, day_key);
  }
  Committed committed = co_await context.store.commit(write);
  if (write.events) context.events_fail = false;
  co_return committed;
}

// What an earlier try of the write has changed, whose answer was lost: the row was as it had been loaded.
void recall_change(const StoredCredential& row, const CredentialWrite& write, Committed& committed) {
  committed.before = row.health;
  if (!write.health || committed.after.status == row.health.status) return;
  committed.change = StatusChange{.key = row.key,
                                  .time = committed.after.since,
                                  .from = row.health.status,
                                  .to = committed.after.status,
                                  .reason = committed.after.reason,
                                  .cause = write.cause};
}

// Tells of the others with the same login that the commit has changed, and goes on with those that were too many for it.
Task<> share(CheckContext& context, const StoredCredential& row, const Committed& committed) {
  tell(context, row.provider, committed.others.changes);
  std::int64_t after = committed.others.last;
  try {
    while (after != 0) {
      const HealthBatch batch = co_await context.store.share_news(row.key.owner, *committed.news, after);
      tell(context, row.provider, batch.changes);
      after = batch.last;
    }
  } catch (const StoreUnavailable& failure) {
    // The row itself is committed; what the rest do not know yet, they learn with the next answer.
    context.log.warning("what a check said of a login is not stored for all that hold it",
                        {{"credential", row.key.id.text()}, {"provider", row.provider}, {"error", failure.what()}});
  }
}

// One try without the events, which failed with `failure`. nullopt: that fails, too, so they are not to blame.
Task<std::optional<Committed>> try_without_events(CheckContext& context, const StoredCredential& row, CredentialWrite write,
                                                  StoreUnavailable failure) {
  write.events.reset();
  try {
    Committed committed = co_await context.store.commit(write);
    context.events_fail = true;
    context.log.error(
        "the events of a credential cannot be read or added to: its answer is recorded without one; restore the store from a "
        "backup",
        {{"credential", row.key.id.text()}, {"provider", row.provider}, {"error", failure.what()}});
    co_return committed;
  } catch (const StoreUnavailable&) {
    co_return std::nullopt;
  }
}

}  // namespace

Task<std::optional<StoredCredential>> load_row(CheckContext& context, CredentialKey key) {
  auto row = co_await context.store.find_credential(key);
  if (row && is_under_way(row->grant)) row->grant = after(row->grant, GrantEvent::lost);
  co_return row;
}

CredentialWrite write_of(CheckContext& context, const StoredCredential& row, CredentialWrite::Needs needs) {
  CredentialWrite write{.key = row.key, .secrets_version = row.secrets_version, .link_version = row.link_version, .needs = needs};
  context.random.fill(&write.id, sizeof write.id);
  write.id = (write.id & INT64_MAX) | 1;
  return write;
}

Task<Committed> commit(CheckContext& context, const StoredCredential& row, CredentialWrite write, std::vector<Event> events,
                       Holds holds) {
  const bool has_token = holds != Holds::briefly && (write.secrets || write.candidate);
  HeldAnswer held(context, row, holds, has_token);
  std::optional<Committed> committed;
  for (int tries = 1; !committed; ++tries) {
    std::optional<StoreUnavailable> failure;
    try {
      committed = co_await try_commit(context, row, write, events);
    } catch (const StoreUnavailable& unavailable) {
      failure = unavailable;
    }
    const bool may_be_the_events = tries >= kTriesWithEvents || context.events_fail;
    if (failure && holds != Holds::nothing && may_be_the_events && !events.empty())
      committed = co_await try_without_events(context, row, write, *failure);
    if (!committed) co_await held.wait(*failure);
  }
  if (committed->was_made_before) recall_change(row, write, *committed);
  if (committed->change) tell(context, row.provider, {&*committed->change, 1});
  co_await share(context, row, *committed);
  co_return std::move(*committed);
}

Task<> change_health(CheckContext& context, const BreakerScope& scope, Rows rows, HealthRule rule, Cause cause) {
  std::int64_t after = 0;
  do {
    const HealthBatch batch = co_await context.store.change_health(scope, rows, after, rule, cause);
    tell(context, scope.lane.provider, batch.changes);
    after = batch.last;
  } while (after != 0);
}

void tell(CheckContext& context, std::string_view provider, std::span<const StatusChange> changes) {
  for (const StatusChange& change : changes) {
    // Until its first answer a credential shows TEMPORARILY_UNAVAILABLE.
    const Status from = change.from.value_or(Status::temporarily_unavailable);
    if (from == change.to) continue;
    const bool is_bad = change.to == Status::unauthenticated || change.to == Status::missing_permission;
    context.log.write(is_bad ? LogLevel::warning : LogLevel::info, "status changed",
                      {{"credential", change.key.id.text()},
                       {"provider", provider},
                       {"from", name_of(from)},
                       {"to", name_of(change.to)},
                       {"reason", change.reason ? name_of(*change.reason) : ""}});
  }
}

void refuse_while_token_is_held(const CheckContext& context) {
  if (context.held_tokens > 0) throw StoreUnavailable("a provider's token waits for the store: no other token is spent");
}

}  // namespace granary
