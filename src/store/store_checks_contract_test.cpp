// The contract of every store, second part: what checks read, and what is due.
#include <algorithm>

#include "store/store_fixture.hpp"

namespace granary {

namespace {

using Keys = std::vector<CredentialKey>;

Keys sorted(Keys keys) {
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  return keys;
}

class StoreChecksContract : public StoreContract {
 protected:
  static constexpr auto kDay = std::chrono::days(1);
  const Lane lane_{"valley", ""};
  const BreakerScope all_{.lane = lane_, .owner = {}};

  static Horizon horizon(std::int64_t now) {
    const WallTime other = at(now) + std::chrono::hours(6);
    return {.refused = at(now) + kDay, .other = other, .held_back = other, .checked = at(now) + kDay};
  }
  Keys due(std::int64_t now, std::int64_t limit = 100, const Lane& lane = {"valley", ""}) {
    return run(store_.list_due(lane, at(now), horizon(now), limit, {}));
  }
  CredentialKey with_candidate(CandidateState state, const Sealed& secrets = {"candidate"}) {
    const CredentialKey key = add_with_health(health_of(Status::ok, 0, 9'000));
    CredentialWrite write = write_for(load(key));
    write.candidate = Candidate{.secrets = secrets, .state = state};
    EXPECT_EQ(commit(write).end, Committed::End::done);
    return key;
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreChecksContract, kStoreKinds, name_of_kind);

TEST_P(StoreChecksContract, TheWholeHealthComesBack) {
  CredentialHealth health = health_of(Status::missing_permission, 5, 77);
  health.reason = Reason::organization_ambiguous;
  health.last_checked = at(6);
  health.retry_at = at(12);
  health.last_success = at(4);
  health.proved_by = Proof::refresh;
  health.failures_in_row = 9;
  health.was_last_ok = true;
  health.pending = Pending::forbidden;
  health.pending_since = instant(7, 123);
  health.refusals = 2;
  health.outages = 3;
  health.outage_since = instant(8, 456);
  health.status_cause = Cause::operator_;
  health.answer_cause = Cause::report;
  health.due_cause = Cause::linked;
  health.is_suspected = true;
  health.held_since = instant(9, 789);
  health.access_ends = at(10);
  health.grant_ends = at(11);
  health.action = Action::grant_permission;
  const CredentialKey key = add_with_health(health);
  EXPECT_EQ(this->health(key), health) << "as it was added";
  const CredentialHealth bare = health_of(Status::ok, 5, {});
  set_health(key, bare);
  EXPECT_EQ(this->health(key), bare) << "nothing stays of what it was";
  set_health(key, health);
  CredentialHealth later = health;  // another row of history stands before it
  later.since = this->health(key).since;
  EXPECT_EQ(this->health(key), later);
}

TEST_P(StoreChecksContract, ARowIsFoundByOwnerAndId) {
  const OwnerId other = add_owner("other@example.com");
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  const CredentialKey foreign{.owner = other, .id = key.id};
  EXPECT_TRUE(exists(key));
  EXPECT_FALSE(exists(foreign));
  EXPECT_TRUE(run(store_.is_linked(key, 1)));
  EXPECT_FALSE(run(store_.is_linked(key, 2)));
  EXPECT_FALSE(run(store_.is_linked(foreign, 1)));
  CredentialWrite write = write_for(load(key));
  write.key = foreign;
  write.secrets = Sealed{"another owner's"};
  EXPECT_EQ(commit(write).end, Committed::End::gone);
  EXPECT_EQ(load(key).secrets.bytes, "sealed secrets");
  EXPECT_TRUE(run(store_.list_past_secrets(foreign)).empty());
  EXPECT_EQ(run(store_.list_history(foreign, {})).total, 0);
}

TEST_P(StoreChecksContract, ALinkEndsWithItsUnlinking) {
  const LeafUserId user = add_user(owner_);
  const CredentialKey key = add_credential(owner_, user);
  const std::int64_t version = load(key).link_version;
  EXPECT_TRUE(run(store_.is_linked(key, version)));
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_FALSE(run(store_.is_linked(key, version)));
  ASSERT_TRUE(change(user, link(key)));
  EXPECT_FALSE(run(store_.is_linked(key, version))) << "another link";
  EXPECT_TRUE(run(store_.is_linked(key, load(key).link_version)));
  EXPECT_EQ(health(key).due_cause, Cause::linked);
  ASSERT_TRUE(run(store_.delete_credential(owner_, user, "valley")));
  EXPECT_FALSE(run(store_.is_linked(key, version + 2)));
}

TEST_P(StoreChecksContract, WhatIsDueWithoutSomeOwners) {
  const OwnerId other = add_owner("other@example.com");
  const CredentialKey first = add_with_health(health_of(Status::ok, 0, 1)), second = add_credential(other, add_user(other));
  set_health(second, health_of(Status::ok, 0, 2));
  const auto list = [&](const std::vector<OwnerId>& except) {
    return run(store_.list_due(lane_, at(10), horizon(10), 100, except));
  };
  EXPECT_EQ(list({}), (Keys{first, second}));
  EXPECT_EQ(list({owner_}), Keys{second});
  EXPECT_EQ(list({other}), Keys{first});
  EXPECT_EQ(list({owner_, other}), Keys{});
}

TEST_P(StoreChecksContract, DueAreThoseWhoseTimeHasComeSoonestFirst) {
  const CredentialKey c = add_with_health(health_of(Status::ok, 0, 30)),
                      a = add_with_health(health_of(Status::unauthenticated, 0, 10)),
                      b = add_with_health(health_of(Status::temporarily_unavailable, 0, 20));
  add_with_health(health_of(Status::ok, 0, 31));
  add_with_health(health_of(Status::unauthenticated, 0, std::nullopt));
  const CredentialKey sentera = add_with_health(health_of(Status::ok, 0, 0), "sentera");
  const CredentialKey stage = add_with_health(health_of(Status::ok, 0, 0), "valley", "STAGE");
  EXPECT_EQ(due(9), Keys{});
  EXPECT_EQ(due(30), (Keys{a, b, c}));
  EXPECT_EQ(due(30, 2), (Keys{a, b}));
  EXPECT_EQ(due(30, 100, {"sentera", ""}), Keys{sentera});
  EXPECT_EQ(due(30, 100, {"valley", "STAGE"}), Keys{stage});
  EXPECT_EQ(due(30, 100, {"agvance", ""}), Keys{});
}

TEST_P(StoreChecksContract, WhatLiesBeyondItsHorizonIsDueNow) {
  constexpr std::int64_t kOther = 6 * 3'600, kRefused = 86'400;
  const CredentialKey far = add_with_health(health_of(Status::ok, 0, kOther + 1)),
                      unavailable = add_with_health(health_of(Status::temporarily_unavailable, 0, kOther + 1)),
                      refused = add_with_health(health_of(Status::unauthenticated, 0, kRefused + 1));
  add_with_health(health_of(Status::ok, 0, kOther));
  add_with_health(health_of(Status::unauthenticated, 0, kRefused));
  EXPECT_EQ(sorted(due(0)), sorted({far, unavailable, refused}));
  EXPECT_EQ(due(1), Keys{}) << "now they are not that far";
}

// Fault 13: after a clock was set back, nothing waits for as long as it was.
TEST_P(StoreChecksContract, EachKindHasAHorizonOfItsOwn) {
  const auto add = [&](Status status, std::int64_t next, int outages, std::int64_t checked) {
    CredentialHealth health = health_of(status, 0, next);
    health.outages = outages;
    health.last_checked = at(checked);
    return add_with_health(health);
  };
  struct Row {
    const char* what;
    CredentialKey key;
    bool is_due;
  };
  // Of a lane that checks each ten seconds: `other` ends at 10, a Retry-After at 3,600, `refused` at 86,400, and a check may lie
  // 60 seconds ahead.
  const Row rows[] = {
      {"OK, within its interval", add(Status::ok, 10, 0, 0), false},
      {"OK, beyond it", add(Status::ok, 11, 0, 0), true},
      {"a Retry-After is believed", add(Status::ok, 3'600, 1, 0), false},
      {"but for an hour", add(Status::ok, 3'601, 1, 0), true},
      {"unavailable, with a Retry-After", add(Status::temporarily_unavailable, 3'600, 3, 0), false},
      {"UNAUTHENTICATED keeps its day", add(Status::unauthenticated, 86'400, 0, 0), false},
      {"but no longer", add(Status::unauthenticated, 86'401, 0, 0), true},
      {"UNAUTHENTICATED keeps it also where the clock was ahead", add(Status::unauthenticated, 86'400, 0, 7'200), false},
      {"checked by a clock that was nudged back", add(Status::ok, 10, 0, 60), false},
      {"checked two hours from now, in backoff", add(Status::ok, 3'600, 1, 7'200), true},
      {"the same, unavailable", add(Status::temporarily_unavailable, 3'600, 1, 61), true},
      {"checked two hours from now, and due as any other", add(Status::ok, 9, 0, 7'200), true},
  };
  const Keys due = run(store_.list_due(
      lane_, at(0), {.refused = at(86'400), .other = at(10), .held_back = at(3'600), .checked = at(60)}, 100, {}));
  for (const Row& row : rows) EXPECT_EQ(std::ranges::count(due, row.key) > 0, row.is_due) << row.what;
}

TEST_P(StoreChecksContract, UnlinkedAreNeverDue) {
  const LeafUserId user = add_user(owner_);
  const CredentialKey key = add_credential(owner_, user);
  CredentialWrite sending = write_for(load(key));
  sending.grant = GrantState::sending;
  sending.candidate = Candidate{.secrets = {"candidate"}, .state = CandidateState::sending};
  ASSERT_EQ(commit(sending).end, Committed::End::done);
  EXPECT_EQ(due(0), Keys{key});
  EXPECT_EQ(run(store_.list_probes(all_, at(0), 5)), Keys{key});
  EXPECT_EQ(run(store_.list_interrupted(lane_, 5)), Keys{key});
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_TRUE(change_health(all_, Rows::all, becomes(health_of(Status::ok, 0, 0)), Cause::check).empty());
  run(store_.recover_interrupted(at(0)));
  EXPECT_EQ(load(key).grant, GrantState::unknown) << "that stays known";
  EXPECT_EQ(due(1'000), Keys{});
  EXPECT_EQ(run(store_.list_probes(all_, at(0), 5)), Keys{});
  EXPECT_EQ(run(store_.list_interrupted(lane_, 5)), Keys{});
}

TEST_P(StoreChecksContract, ProbesTakeWhatWaitedLongest) {
  EXPECT_EQ(run(store_.list_probes(all_, at(0), 5)), Keys{});
  const CredentialKey last = add_with_health(health_of(Status::ok, 0, 20));
  const CredentialKey first = add_with_health(health_of(Status::ok, 0, 10));
  add_with_health(health_of(Status::unauthenticated, 0, std::nullopt));
  const CredentialKey refused = add_with_health(health_of(Status::unauthenticated, 0, 5));
  add_with_health(health_of(Status::ok, 0, 1), "sentera");
  CredentialHealth unavailable = health_of(Status::ok, 0, 15);
  unavailable.outages = 1;
  const CredentialKey held_back = add_with_health(unavailable);
  EXPECT_EQ(run(store_.list_probes(all_, at(4), 5)), (Keys{first, last})) << "a refused login keeps its place";
  EXPECT_EQ(run(store_.list_probes(all_, at(5), 5)), (Keys{refused, first, last}));
  EXPECT_EQ(run(store_.list_probes(all_, at(5), 2)), (Keys{refused, first}));
  EXPECT_EQ(run(store_.list_probes(all_, at(15), 5)), (Keys{refused, first, held_back, last})) << "its Retry-After has passed";
}

TEST_P(StoreChecksContract, InterruptedAreAllThatHaveACandidate) {
  add_with_health(health_of(Status::ok, 0, 9'000));
  Keys left;
  for (const CandidateState state :
       {CandidateState::unsent, CandidateState::sending, CandidateState::given, CandidateState::resending})
    left.push_back(with_candidate(state));
  EXPECT_EQ(sorted(run(store_.list_interrupted(lane_, 10))), sorted(left));
  EXPECT_EQ(run(store_.list_interrupted(lane_, 1)).size(), 1U);
  EXPECT_TRUE(run(store_.list_interrupted({"sentera", ""}, 10)).empty());
  EXPECT_TRUE(run(store_.list_interrupted({"valley", "STAGE"}, 10)).empty());
  CredentialWrite write = write_for(load(left.front()));
  write.removes_candidate = true;
  ASSERT_EQ(commit(write).end, Committed::End::done);
  EXPECT_EQ(run(store_.list_interrupted(lane_, 10)).size(), left.size() - 1);
}

TEST_P(StoreChecksContract, AfterACrashWhatWasOnItsWayIsOfUnknownOutcomeAndDue) {
  struct Row {
    GrantState found, after;
  };
  using enum GrantState;
  const Row rows[] = {{held, held},         {sending, unknown},   {unknown, unknown},
                      {resending, unknown}, {doubtful, doubtful}, {confirming, unknown}};
  static_assert(std::size(rows) == kGrantStates);
  for (const Row& row : rows) {
    const CredentialKey key = add_with_health(health_of(Status::ok, 0, 9'000));
    CredentialWrite write = write_for(load(key));
    write.grant = row.found;
    ASSERT_EQ(commit(write).end, Committed::End::done);
    run(store_.recover_interrupted(at(10)));
    const StoredCredential found = load(key);
    EXPECT_EQ(found.grant, row.after) << name_of(row.found);
    EXPECT_EQ(found.health.next_check, is_under_way(row.found) ? at(10) : at(9'000)) << name_of(row.found);
    EXPECT_EQ(found.health.status, Status::ok) << name_of(row.found) << ": nothing was heard";
    run(store_.recover_interrupted(at(20)));
    EXPECT_EQ(load(key).grant, row.after) << "once";
    EXPECT_EQ(load(key).health, found.health) << "once";
  }
}

// POST's row stands before its provider is asked; where the answer never came, `/history` has that from the start on.
TEST_P(StoreChecksContract, AfterACrashAFirstAnswerThatNeverCameIsTold) {
  CredentialHealth fresh;
  fresh.since = at(5);
  fresh.next_check = at(5);
  const CredentialKey unanswered = add_with_health(fresh), answered = add_with_health(health_of(Status::ok, 3));
  EXPECT_EQ(run(store_.list_history(unanswered, {})).total, 0);
  run(store_.recover_interrupted(at(10)));
  run(store_.recover_interrupted(at(20)));
  const auto history = run(store_.list_history(unanswered, {}));
  ASSERT_EQ(history.total, 1) << "once";
  EXPECT_EQ(history.items.front(), (StatusChange{.key = unanswered,
                                                 .time = at(5),
                                                 .from = {},
                                                 .to = Status::temporarily_unavailable,
                                                 .reason = Reason::not_checked_yet,
                                                 .cause = Cause::created}));
  EXPECT_EQ(run(store_.list_history(answered, {})).total, 0);
  // The answer that comes then is a change from that.
  set_health(unanswered, health_of(Status::ok, 30));
  EXPECT_EQ(run(store_.list_history(unanswered, {})).items.front().from, Status::temporarily_unavailable);
}

}  // namespace

}  // namespace granary
