#include "operation/recording.hpp"

#include "domain/planted.hpp"

namespace granary {

namespace {

constexpr int kTriesMax = 8;
// After so many tries, a second apart, that failed: an answer is recorded without its events where these are what the store
// fails.
constexpr int kTriesWithEvents = 20;

// Only what the descriptor shows can be withdrawn, so the copy of the fields is made at most once.
std::optional<Fields> without(const Fields& fields, const std::vector<std::string>& withdrawn) {
  std::optional<Fields> out;
  for (const auto& name : withdrawn) {
    if (!fields.find(name)) continue;
    if (!out) out = fields.clone();
    out->remove(name);
  }
  return out;
}

// The fields to store: those `given`, less what a withdrawn permission takes away.
std::optional<Fields> fields_to_store(Checker& checker, const Recording& recording, std::optional<Fields> given,
                                      const CheckState& after) {
  if (after.status != Status::missing_permission || recording.withdrawn.empty()) return given;
  if (given) {
    if (auto less = without(*given, recording.withdrawn)) return less;
    return given;
  }
  const auto stored = open_stored(checker, recording.credential);
  return stored ? without(*stored, recording.withdrawn) : std::nullopt;
}

// Seals the fields for the version they will have. A key that does not open any more (a damaged row) gives way to a new one.
void seal_fields_into(Checker& checker, const StoredCredential& credential, const Fields& fields, CheckRecord& record) {
  const SealScope scope = scope_of(credential);
  Sealed key = credential.fields_key;
  if (!checker.sealer.opens_fields_key(scope, key)) {
    key = checker.sealer.new_fields_key(scope, checker.random);
    record.fields_key = key;
  }
  record.fields = checker.sealer.seal_fields(scope, key, credential.fields_version + 1, fields.pack(), checker.random);
}

// One try: the events, sealed once, so that what a commit that was heard to fail has left is known again; and the commit.
Task<Recorded> commit(Checker& checker, const Recording& recording, CheckRecord& record) {
  if (!record.events && !recording.events.empty() && !is_planted(Fault::events_left_out)) {
    const std::int32_t day = day_of(checker.clock.now());
    const Plaintext day_key = co_await find_day_key(checker, day);
    record.events = co_await seal_events(checker, recording.credential, recording.events, day, day_key);
  }
  if (is_planted(Fault::event_before_commit) && record.fields && record.events) {
    CheckRecord early{.id = record.id,
                      .fields_version = record.fields_version,
                      .state_version = record.state_version,
                      .link_version = record.link_version};
    early.events = std::exchange(record.events, std::nullopt);
    co_await checker.store.record_check(early);
  }
  const Recorded recorded = co_await checker.store.record_check(record);
  if (record.events) checker.events_fail = false;
  co_return recorded;
}

// The same, and where that fails, the commit without the events.
Task<Recorded> commit_at_least_the_rest(Checker& checker, const Recording& recording, CheckRecord& record) {
  std::string failed;
  try {
    co_return co_await commit(checker, recording, record);
  } catch (const StoreUnavailable& failure) {
    failed = failure.what();
  }
  CheckRecord rest = record;
  rest.events.reset();
  const Recorded recorded = co_await checker.store.record_check(rest);
  checker.events_fail = true;
  checker.log.error(
      "the events of a credential cannot be read or added to: its answer is recorded without one; restore the store from a "
      "backup",
      {{"credential", recording.credential.id.text()}, {"provider", recording.credential.provider}, {"error", failed}});
  co_return recorded;
}

// Whether the events of a record are in the store: no other commit's have its seals.
Task<bool> has_events(Checker& checker, const CheckRecord& record) {
  if (!record.events) co_return true;
  const auto last = co_await checker.store.find_last_segment(record.id, record.events->day);
  co_return last && last->data.bytes == record.events->segments.back().data.bytes;
}

CheckRecord make_record(Checker& checker, const Recording& recording, const HeldAnswer& held, bool fields_done,
                        const std::optional<Sealed>& candidate, std::int64_t link_version, const CheckState& after) {
  const StoredCredential& credential = recording.credential;
  CheckRecord record{.id = credential.id,
                     .fields_version = credential.fields_version,
                     .state_version = credential.state_version,
                     .link_version = link_version};
  if (const auto fields = fields_to_store(checker, recording, fields_done ? std::nullopt : held.fields(), after))
    seal_fields_into(checker, credential, *fields, record);
  if (!fields_done) {
    record.environment = recording.environment;
    record.origin = recording.origin;
    record.removes_candidate = candidate;
  }
  record.clears_spending = recording.clears_spending;
  record.outcome_unknown = recording.outcome_unknown;
  record.state = after;
  return record;
}

}  // namespace

CheckPolicy policy_for(Checker& checker, const LaneState& lane, OwnerId owner) {
  const WallTime now = checker.clock.now();
  return {.interval = lane.interval,
          .confirm_after = checker.settings.confirm_after,
          .outage_after = checker.settings.outage_after,
          .login = lane.provider->login_kind(),
          .breaker_open = any_breaker(lane, owner, [](const LaneBreaker& its) { return its.breaker.is_open(); }),
          .holds_confirmations = any_breaker(
              lane, owner, [&](const LaneBreaker& its) { return its.breaker.is_in_doubt(now) || its.is_closing(now); })};
}

Task<RecordedEnd> record_answer(Checker& checker, Recording recording) {
  StoredCredential& credential = recording.credential;
  const std::int64_t link_version = credential.link_version;
  std::optional<Sealed> candidate;  // the one that goes
  if (recording.removes_candidate && credential.candidate) candidate = credential.candidate->fields;
  HeldAnswer held(checker, credential, recording.holds, std::move(recording.fields));
  bool fields_done = false;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    RecordedEnd end;
    end.before = credential.state;
    end.after = recording.next_state(credential.state);
    CheckRecord record = make_record(checker, recording, held, fields_done, candidate, link_version, end.after);
    const bool replaces_fields = record.fields.has_value();
    int commits = 0;
    const Recorded recorded = co_await held.until_done([&]() -> Task<Recorded> {
      ++commits;
      const bool may_be_without = commits > kTriesWithEvents || (checker.events_fail && commits > 1);
      return may_be_without ? commit_at_least_the_rest(checker, recording, record) : commit(checker, recording, record);
    });
    if (!recorded.exists) {
      end.kind = RecordedEnd::Kind::gone;
      co_return end;
    }
    // Another login's health is written even where the rest is to be decided anew, or the row was unlinked.
    if (recorded.state_kept || (recorded.fields_kept && is_of_other_login(record)))
      log_change(checker.log, credential.id, credential.provider, recorded.status_before, end.after.status, end.after.reason);
    if (recorded.state_kept) co_return end;
    fields_done = fields_done || recorded.fields_kept;
    if (fields_done) held.drop_fields();
    auto now_stored = co_await held.until_done([&] { return checker.store.find_credential(credential.id); });
    if (!now_stored) {
      end.kind = RecordedEnd::Kind::gone;
      co_return end;
    }
    const bool wrote_fields = replaces_fields && recorded.fields_kept;  // in this try
    const bool may_be_kept = commits > 1 && !wrote_fields && now_stored->state == end.after;
    if (may_be_kept && co_await held.until_done([&] { return has_events(checker, record); })) {
      log_change(checker.log, credential.id, credential.provider, end.before.status, end.after.status, end.after.reason);
      co_return end;
    }
    // Only another process takes a PUT's candidate away, or replaces it: it was faster, and what it was given is stored.
    const bool is_lost =
        fields_done || !candidate || !now_stored->candidate || now_stored->candidate->fields.bytes != candidate->bytes;
    if (!recorded.fields_kept && is_lost && !is_planted(Fault::lost_race_taken_for_a_refusal)) {
      end.kind = RecordedEnd::Kind::lost_race;
      co_return end;
    }
    // Health or link moved while the provider was asked (the breaker, an unlink): what the provider gave is kept already,
    // the rest is decided anew on what is there now. A PUT's answer is about its own fields, whatever is stored by now.
    if (!now_stored->leaf_user || now_stored->link_version != link_version) {
      end.kind = RecordedEnd::Kind::unlinked;
      co_return end;
    }
    // Fields that were replaced since ours were kept are another login's: the next try finds that out.
    if (fields_done) now_stored->fields_version = credential.fields_version + (wrote_fields ? 1 : 0);
    credential = std::move(*now_stored);
  }
  throw StoreUnavailable("a credential changed each time its answer was recorded");
}

void log_change(Log& log, CredentialId id, std::string_view provider, Status before, Status after, std::optional<Reason> reason) {
  if (before == after) return;
  const bool is_bad = after == Status::unauthenticated || after == Status::missing_permission;
  log.write(is_bad ? LogLevel::warning : LogLevel::info, "status changed",
            {{"credential", id.text()},
             {"provider", provider},
             {"from", name_of(before)},
             {"to", name_of(after)},
             {"reason", reason ? name_of(*reason) : ""}});
}

}  // namespace granary
