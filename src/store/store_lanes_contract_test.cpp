// The contract of every store, third part: lanes as a whole, events and what expires.
#include <algorithm>

#include "store/store_fixture.hpp"

namespace granary {

namespace {

class StoreLanesContract : public StoreContract {
 protected:
  const Lane lane_{"valley", ""};
  const BreakerScope all_{.lane = lane_, .owner = {}};

  CredentialId turned(Status status, std::int64_t since, bool by_check = true, const std::string& provider = "valley",
                      const std::string& environment = "", bool was_ok = true) {
    CheckState state = state_of(status, since, 90'000);
    state.reason = Reason::refused;
    state.turned_by_check = by_check;
    if (was_ok) state.pending_since = instant(since);
    return add_with_state(state, provider, environment);
  }
  CredentialId pending(Status status, const Instant& since, Pending kind = Pending::refused) {
    CheckState state = state_of(status, 0, 90'000);
    state.pending = kind;
    state.pending_since = since;
    return add_with_state(state);
  }
  Status status(CredentialId id) { return load(id).state.status; }
  std::vector<std::string> segments(CredentialId id, std::int32_t first_day, Direction direction, PageRequest page,
                                    std::int64_t& skipped) {
    std::vector<std::string> out;
    const auto end = page.offset() + page.size;
    for (const auto& row : run(store_.list_segments(owner_, id, first_day, direction, page.offset(), end, skipped)))
      out.push_back(row.data.bytes);
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreLanesContract, kStoreKinds, name_of_kind);

using Rows = std::vector<std::string>;

TEST_P(StoreLanesContract, BreakersSurvive) {
  EXPECT_TRUE(run(store_.load_breakers()).empty());
  const BreakerScope own{.lane = lane_, .owner = owner_}, stage{.lane = {"agvance", "STAGE"}, .owner = {}};
  run(store_.save_breaker(all_, {.open = true, .opened_at = at(5), .owners = 3}));
  run(store_.save_breaker(stage, {.open = true, .opened_at = at(6)}));
  run(store_.save_breaker(own, {.open = true, .opened_at = at(7)}));
  run(store_.save_breaker(all_, {.open = true, .opened_at = at(8), .owners = 4}));
  auto breakers = run(store_.load_breakers());
  ASSERT_EQ(breakers.size(), 3U);
  EXPECT_EQ(breakers[all_].owners, 4);
  EXPECT_EQ(breakers[all_].opened_at, at(8));
  EXPECT_TRUE(breakers[all_].open);
  EXPECT_EQ(breakers[own].opened_at, at(7));
  run(store_.save_breaker(all_, {}));
  breakers = run(store_.load_breakers());
  EXPECT_FALSE(breakers.contains(all_));
  EXPECT_TRUE(breakers.contains(own));
  EXPECT_TRUE(breakers.contains(stage));
}

TEST_P(StoreLanesContract, TheLastChecksOfALaneAreToldNewestFirst) {
  const auto checked = [&](std::int64_t when, CheckState state, const std::string& provider = "valley") {
    state.last_checked = at(when);
    return add_with_state(state, provider, "");
  };
  const CheckState ok = state_of(Status::ok, 0, 90'000);
  CheckState connected = ok, healed = state_of(Status::ok, 100, 90'000);
  connected.answered_connect = true;
  CheckState refused_once = ok, refused = ok;
  refused_once.pending = Pending::refused;
  refused_once.pending_since = Instant{.wall = at(150), .steady = {}, .boot = 1};
  refused.status = Status::unauthenticated;
  refused.since = at(120);
  refused.turned_by_check = refused.suspected = true;
  refused.pending_since = Instant{.wall = at(110), .steady = {}, .boot = 1};
  const CredentialId second = checked(200, refused_once), first = checked(100, healed), third = checked(300, refused);
  checked(99, ok);
  checked(301, ok);
  checked(200, ok, "sentera");
  add_with_state(ok, "valley", "");  // never checked
  checked(250, connected);           // by a PUT
  const auto checks = run(store_.list_last_checks(lane_, at(100), at(300), 10));
  ASSERT_EQ(checks.size(), 3U);
  EXPECT_EQ(checks[0].id, third);
  EXPECT_EQ(checks[0].checked, at(300));
  EXPECT_FALSE(checks[0].first_refused) << "an opening has counted it";
  EXPECT_EQ(checks[1].id, second);
  EXPECT_EQ(checks[1].first_refused, at(150));
  EXPECT_EQ(checks[1].owner, owner_);
  EXPECT_EQ(checks[2].id, first);
  EXPECT_FALSE(checks[2].first_refused);
  const auto newest = run(store_.list_last_checks(lane_, at(100), at(300), 2));
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[1].id, second);
}

TEST_P(StoreLanesContract, OpeningTakesBackWhatChecksTurnedWithinTheWindow) {
  const CredentialId refused = turned(Status::unauthenticated, 100), forbidden = turned(Status::missing_permission, 500);
  const CredentialId never_ok = turned(Status::unauthenticated, 500, true, "valley", "", false);
  const CredentialId kept[] = {turned(Status::unauthenticated, 99),
                               turned(Status::unauthenticated, 500, false),
                               turned(Status::missing_permission, 500, false),
                               turned(Status::ok, 500),
                               turned(Status::unauthenticated, 500, true, "sentera"),
                               turned(Status::unauthenticated, 500, true, "valley", "STAGE")};
  std::vector<StoredCredential> before;
  for (const CredentialId id : kept) before.push_back(load(id));
  std::map<CredentialId, Status> turned_back;
  const BreakerState opened{.open = true, .opened_at = at(600)};
  for (const auto& [id, status] : run(store_.open_breaker(all_, opened, at(100), at(600)))) turned_back[id] = status;
  EXPECT_EQ(run(store_.load_breakers())[all_].opened_at, at(600));
  EXPECT_EQ(turned_back, (std::map<CredentialId, Status>{{refused, Status::unauthenticated},
                                                         {forbidden, Status::missing_permission},
                                                         {never_ok, Status::unauthenticated}}));
  for (const CredentialId id : {refused, forbidden, never_ok}) {
    const CheckState state = load(id).state;
    EXPECT_EQ(state.status, Status::temporarily_unavailable);
    EXPECT_EQ(state.reason, Reason::provider_refuses_many);
    EXPECT_EQ(state.since, at(600));
    EXPECT_EQ(state.suspected, id != never_ok) << "was OK";
    EXPECT_TRUE(state.next_check);
  }
  for (const StoredCredential& old : before) {
    EXPECT_EQ(status(old.id), old.state.status);
    EXPECT_EQ(load(old.id).state.since, old.state.since);
    EXPECT_EQ(load(old.id).state_version, old.state_version);
  }
}

TEST_P(StoreLanesContract, ABreakerOfOneOwnerTouchesNoOther) {
  const OwnerId other = add_owner("other@example.com");
  const BreakerScope own{.lane = lane_, .owner = owner_}, others{.lane = lane_, .owner = other};
  const CredentialId refused = turned(Status::unauthenticated, 100), once = pending(Status::ok, instant(0));
  const BreakerState opened{.open = true, .opened_at = at(600)};
  EXPECT_TRUE(run(store_.open_breaker(others, opened, at(0), at(600))).empty());
  EXPECT_TRUE(run(store_.suspect_refused(others, instant(100), at(1'000))).empty());
  run(store_.respread(others, at(1'000), at(1'000), std::chrono::minutes(10)));
  EXPECT_TRUE(run(store_.list_probes(others, at(1'000), 10)).empty());
  EXPECT_EQ(run(store_.count_probed(others, 5)), 0);
  EXPECT_EQ(status(refused), Status::unauthenticated);
  EXPECT_EQ(load(once).state.pending, Pending::refused);
  EXPECT_EQ(run(store_.count_probed(own, 5)), 1);
  EXPECT_EQ(run(store_.open_breaker(own, opened, at(0), at(600))).size(), 1U);
  EXPECT_EQ(run(store_.suspect_refused(own, instant(100), at(1'000))).size(), 1U);
  EXPECT_EQ(run(store_.count_probed(own, 5)), 2);
  EXPECT_EQ(run(store_.count_probed(own, 1)), 1);
  EXPECT_EQ(run(store_.list_probes(own, at(1'000), 10)).size(), 2U);
  run(store_.respread(own, at(1'000), at(1'000), std::chrono::minutes(10)));
  EXPECT_EQ(load(once).state.pending, Pending::none);
}

TEST_P(StoreLanesContract, WhileOpenTheRefusedAreSuspectedAfterAWhile) {
  // First refused by second 100, counted by both clocks.
  struct Row {
    const char* what;
    CredentialId id;
    bool suspected;
  };
  const Instant wall_only{.wall = at(100), .steady = SteadyTime(seconds(101)), .boot = 7};
  const Instant steady_only{.wall = at(101), .steady = SteadyTime(seconds(100)), .boot = 7};
  const Row rows[] = {
      {"refused", pending(Status::ok, instant(100)), true},
      {"forbidden", pending(Status::ok, instant(0), Pending::forbidden), true},
      {"before a boot", pending(Status::ok, {.wall = at(100), .steady = SteadyTime(seconds(9'999)), .boot = 8}), true},
      {"too young", pending(Status::ok, instant(101)), false},
      {"too young by elapsed time", pending(Status::ok, wall_only), false},
      {"too young by wall time", pending(Status::ok, steady_only), false},
      {"UNAUTHENTICATED", pending(Status::unauthenticated, instant(0)), false},
      {"MISSING_PERMISSION", pending(Status::missing_permission, instant(0)), false},
      {"nothing pending", add_with_state(state_of(Status::ok)), false},
  };
  const auto turned = run(store_.suspect_refused(all_, instant(100), at(1'000)));
  EXPECT_EQ(turned.size(), 3U);
  for (const auto& [id, before] : turned) {
    EXPECT_EQ(before, Status::ok);
    EXPECT_TRUE(load(id).state.suspected);
  }
  for (const Row& row : rows) {
    const CheckState state = load(row.id).state;
    EXPECT_EQ(state.suspected, row.suspected) << row.what;
    EXPECT_EQ(state.reason == Reason::provider_refuses_many, row.suspected) << row.what;
    if (row.suspected) EXPECT_EQ(state.status, Status::temporarily_unavailable) << row.what;
    if (row.suspected) EXPECT_EQ(state.since, at(1'000)) << row.what;
  }
  EXPECT_TRUE(run(store_.suspect_refused(all_, instant(100), at(1'001))).empty());
  EXPECT_TRUE(run(store_.suspect_refused({.lane = {"sentera", ""}, .owner = {}}, instant(100), at(1'001))).empty());
}

TEST_P(StoreLanesContract, AfterClosingAllAreDueWithinTheSpreadAndStartAnew) {
  std::vector<CredentialId> ids;
  for (int i = 0; i < 450; ++i) ids.push_back(pending(Status::ok, instant(0)));  // more than one batch
  const CredentialId used_up = add_with_state(state_of(Status::unauthenticated, 0, std::nullopt));
  const CredentialId refused = add_with_state(state_of(Status::unauthenticated, 0, 80'000));
  const CredentialId due_once_more = add_with_state(state_of(Status::unauthenticated, 0, 999));
  const CredentialId half_forbidden = pending(Status::unauthenticated, instant(0), Pending::forbidden);
  const CredentialId refused_once = pending(Status::ok, instant(0));
  const CredentialId never_ok = pending(Status::temporarily_unavailable, instant(0));
  const CredentialId other = add_with_state(state_of(Status::ok, 0, 90'000), "sentera");
  run(store_.respread(all_, at(1'000), at(1'000), std::chrono::minutes(10)));
  std::int64_t early = 0;
  for (const CredentialId id : ids) {
    const CheckState state = load(id).state;
    ASSERT_TRUE(state.next_check);
    EXPECT_GE(*state.next_check, at(1'000));
    EXPECT_LE(*state.next_check, at(1'600));
    early += *state.next_check < at(1'300);
    EXPECT_EQ(state.pending, Pending::none);
    EXPECT_FALSE(state.pending_since);
  }
  EXPECT_GT(early, 100) << "spread, not a herd";
  EXPECT_LT(early, 350);
  EXPECT_EQ(load(used_up).state.next_check, std::nullopt) << "a password without tries left stays so";
  EXPECT_EQ(load(refused).state.next_check, at(80'000)) << "no try is brought forward";
  EXPECT_GE(load(due_once_more).state.next_check, at(1'000));
  EXPECT_LE(load(half_forbidden).state.next_check, at(1'600));
  EXPECT_TRUE(load(refused_once).state.suspected) << "the breaker has counted it";
  for (const CredentialId id : {refused, half_forbidden, never_ok}) EXPECT_FALSE(load(id).state.suspected);
  EXPECT_EQ(load(half_forbidden).state.pending, Pending::none);
  EXPECT_EQ(load(other).state.next_check, at(90'000));
  // Again, since the store has failed half-way: what was checked since is left alone, the others are due no later than before.
  CheckState since = state_of(Status::ok, 0, 5'000);
  since.last_checked = at(1'001);
  since.pending = Pending::refused;
  since.pending_since = instant(1'001);
  set_state(ids.front(), since);
  CheckState ahead = since;  // checked before the clock was set back
  ahead.last_checked = at(4'000);
  set_state(ids[1], ahead);
  run(store_.respread(all_, at(1'000), at(1'010), std::chrono::minutes(10)));
  EXPECT_EQ(load(ids.front()).state, since);
  EXPECT_LE(load(ids.back()).state.next_check, at(1'600));
  EXPECT_LE(load(ids[1]).state.next_check, at(1'600));
}

TEST_P(StoreLanesContract, WithoutAddressNothingSaysOk) {
  std::vector<CredentialId> ids;
  for (int i = 0; i < 250; ++i) ids.push_back(add_with_state(state_of(Status::ok, 0, 90'000)));
  const CredentialId refused = add_with_state(state_of(Status::unauthenticated, 0, 90'000));
  const CredentialId other = add_with_state(state_of(Status::ok, 0, 90'000), "sentera");
  EXPECT_EQ(run(store_.mark_not_configured(lane_, at(100))).size(), ids.size());
  for (const CredentialId id : ids) {
    const CheckState state = load(id).state;
    ASSERT_EQ(state.status, Status::temporarily_unavailable);
    EXPECT_EQ(state.reason, Reason::not_configured);
    EXPECT_EQ(state.since, at(100));
    EXPECT_EQ(state.next_check, std::nullopt);
  }
  EXPECT_EQ(status(refused), Status::unauthenticated) << "that is known all the same";
  EXPECT_EQ(status(other), Status::ok);
  // Again at the next start: nothing moves.
  EXPECT_TRUE(run(store_.mark_not_configured(lane_, at(200))).empty());
  EXPECT_EQ(load(ids.front()).state.since, at(100));

  run(store_.resume_configured(lane_, at(300), seconds(60)));
  for (const CredentialId id : ids) {
    const auto next = load(id).state.next_check;
    ASSERT_TRUE(next);
    EXPECT_GE(*next, at(300));
    EXPECT_LE(*next, at(360));
  }
  EXPECT_EQ(load(refused).state.next_check, at(90'000));
}

TEST_P(StoreLanesContract, ResumingWakesOnlyWhatWaitedForTheAddress) {
  const CredentialId used_up = add_with_state(state_of(Status::unauthenticated, 0, std::nullopt));
  const CredentialId waiting = add_with_state(state_of(Status::ok, 0, 10));
  run(store_.resume_configured(lane_, at(300), seconds(60)));
  EXPECT_EQ(load(used_up).state.next_check, std::nullopt);
  EXPECT_EQ(load(waiting).state.next_check, at(10));
}

TEST_P(StoreLanesContract, AnAcceptedOriginIsForgottenAndAskedAgain) {
  const CredentialId bound = add_with_state(state_of(Status::ok, 0, 90'000)),
                     unbound = add_with_state(state_of(Status::ok, 0, 90'000)),
                     other = add_with_state(state_of(Status::ok, 0, 90'000), "sentera");
  for (const CredentialId id : {bound, other})
    ASSERT_EQ(run(store_.begin_exchange(id, 1, "https://a.example", "", claim_)), Begun::yes);
  EXPECT_EQ(run(store_.accept_new_origin("valley", at(10), seconds(60))), 1);
  EXPECT_EQ(load(bound).origin, "");
  EXPECT_LE(*load(bound).state.next_check, at(70));
  EXPECT_EQ(load(unbound).state.next_check, at(90'000));
  EXPECT_EQ(load(other).origin, "https://a.example");
}

TEST_P(StoreLanesContract, TheLanesOfWhatIsLinkedAreListed) {
  EXPECT_TRUE(run(store_.list_lanes()).empty());
  add_with_state(state_of(Status::ok, 0, 10));
  add_with_state(state_of(Status::unauthenticated, 0, std::nullopt));
  add_with_state(state_of(Status::ok, 0, 10), "agvance", "STAGE");
  const LeafUserId user = add_user(owner_);
  add_credential(owner_, user, "sentera");
  ASSERT_TRUE(change(user, unlink("sentera")));
  EXPECT_EQ(run(store_.list_lanes()), (std::vector<Lane>{{"agvance", "STAGE"}, {"valley", ""}}));
}

TEST_P(StoreLanesContract, CountsWhatIsLinked) {
  const LeafUserId user = add_user(owner_);
  add_credential(owner_, user);
  add_with_state(state_of(Status::ok));
  add_with_state(state_of(Status::ok));
  add_with_state(state_of(Status::ok), "sentera");
  add_with_state(state_of(Status::ok), "agvance", "STAGE");
  ASSERT_TRUE(change(user, unlink()));
  std::vector<std::string> lines;
  for (const auto& count : run(store_.count_by_status()))
    lines.push_back(count.lane.provider + (count.lane.environment.empty() ? " " : "/" + count.lane.environment + " ") +
                    std::string(name_of(count.status)) + " " + std::to_string(count.count));
  std::ranges::sort(lines);
  EXPECT_EQ(lines, (Rows{"agvance/STAGE OK 1", "sentera OK 1", "valley OK 2"}));
}

TEST_P(StoreLanesContract, SegmentsArePagedInBothDirections) {
  const CredentialId id = add_credential(owner_, add_user(owner_));
  add_events(id, 10, {3, 2});
  add_events(id, 11, {4});
  add_events(add_credential(owner_, add_user(owner_)), 11, {7});
  struct Row {
    std::int32_t first_day;
    Direction direction;
    PageRequest page;
    Rows segments;
    std::int64_t skipped;
  };
  using enum Direction;
  const Row rows[] = {
      {0, ascending, {0, 20}, {"10/0", "10/1", "11/0"}, 0},
      {0, descending, {0, 20}, {"11/0", "10/1", "10/0"}, 0},
      {0, ascending, {0, 3}, {"10/0"}, 0},
      {0, ascending, {0, 4}, {"10/0", "10/1"}, 0},
      {0, ascending, {1, 3}, {"10/1", "11/0"}, 3},
      {0, ascending, {1, 4}, {"10/1", "11/0"}, 3},
      {0, descending, {0, 4}, {"11/0"}, 0},
      {0, descending, {1, 4}, {"10/1", "10/0"}, 4},
      {0, descending, {2, 4}, {"10/0"}, 6},
      {0, descending, {3, 4}, {}, 9},
      {0, ascending, {9, 100}, {}, 9},
      {11, ascending, {0, 20}, {"11/0"}, 0},
      {12, descending, {0, 20}, {}, 0},
  };
  for (const Row& row : rows) {
    std::int64_t skipped = -1;
    EXPECT_EQ(segments(id, row.first_day, row.direction, row.page, skipped), row.segments)
        << row.page.page << "/" << row.page.size;
    EXPECT_EQ(skipped, row.skipped) << row.page.page << "/" << row.page.size;
  }
  EXPECT_EQ(run(store_.count_events(owner_, id, 10)).total, 9);
  EXPECT_EQ(run(store_.count_events(owner_, id, 10)).on_first_day, 5);
  EXPECT_EQ(run(store_.count_events(owner_, id, 11)).total, 4);
  EXPECT_EQ(run(store_.count_events(owner_, id, 9)).on_first_day, 0);
  const OwnerId other = add_owner("other@example.com");
  std::int64_t skipped = -1;
  EXPECT_EQ(run(store_.count_events(other, id, 10)).total, 0) << "another owner has none of them";
  EXPECT_TRUE(run(store_.list_segments(other, id, 0, descending, 0, 100, skipped)).empty());
  EXPECT_EQ(run(store_.find_last_segment(id, 10))->number, 1);
  EXPECT_EQ(run(store_.find_last_segment(id, 10))->count, 2);
  EXPECT_FALSE(run(store_.find_last_segment(id, 9)));
}

TEST_P(StoreLanesContract, ContentsAreKeptOnceForEachCredential) {
  const CredentialId id = add_credential(owner_, add_user(owner_)), other = add_credential(owner_, add_user(owner_));
  EXPECT_EQ(run(store_.next_content_number(id)), 1);
  CheckRecord record = record_for(load(id));
  record.events = EventsWrite{
      .day = 10, .contents = {{.number = 1, .digest = "d1", .data = {"c1"}}, {.number = 2, .digest = "d2", .data = {"c2"}}}};
  ASSERT_TRUE(run(store_.record_check(record)).state_kept);
  EXPECT_EQ(run(store_.find_content(id, "d2")), 2);
  EXPECT_EQ(run(store_.find_content(id, "d3")), std::nullopt);
  EXPECT_EQ(run(store_.find_content(other, "d1")), std::nullopt) << "nothing is shared between credentials";
  EXPECT_EQ(run(store_.next_content_number(id)), 3);
  EXPECT_EQ(run(store_.read_content(id, 1))->data.bytes, "c1");
  EXPECT_FALSE(run(store_.read_content(id, 3)));
  EXPECT_FALSE(run(store_.read_content(other, 1)));
  // Used once more on day 30, the first outlives the second.
  record = record_for(load(id));
  record.events = EventsWrite{.day = 30, .used_contents = {1}};
  ASSERT_TRUE(run(store_.record_check(record)).state_kept);
  run(store_.expire_events(11, 100));
  EXPECT_TRUE(run(store_.read_content(id, 1)));
  EXPECT_FALSE(run(store_.read_content(id, 2)));
  EXPECT_EQ(run(store_.find_content(id, "d2")), std::nullopt);
}

TEST_P(StoreLanesContract, OldDaysExpireWithTheirKeysALimitAtATime) {
  const CredentialId id = add_credential(owner_, add_user(owner_));
  for (const std::int32_t day : {10, 11, 12}) {
    add_events(id, day, {1, 1, 1});
    run(store_.ensure_day_key(day, {"key"}, {}));
  }
  EXPECT_EQ(run(store_.expire_events(10, 100)), 0);
  EXPECT_EQ(run(store_.expire_events(12, 4)), 4);
  EXPECT_FALSE(run(store_.find_day_key(10))) << "the keys go first: what is left cannot be opened";
  EXPECT_FALSE(run(store_.find_day_key(11)));
  EXPECT_TRUE(run(store_.find_day_key(12)));
  EXPECT_EQ(run(store_.expire_events(12, 4)), 2);
  EXPECT_EQ(run(store_.expire_events(12, 4)), 0);
  EXPECT_EQ(run(store_.count_events(owner_, id, 0)).total, 3);
}

TEST_P(StoreLanesContract, UnlinkedCredentialsExpireALimitAtATime) {
  std::vector<CredentialId> ids;
  for (const std::int64_t unlinked_at : {100, 200, 300}) {
    const LeafUserId user = add_user(owner_);
    ids.push_back(add_credential(owner_, user));
    ASSERT_TRUE(change(user, unlink(), unlinked_at));
  }
  const LeafUserId user = add_user(owner_);
  const CredentialId linked = add_credential(owner_, user), again = ids[1];
  ASSERT_TRUE(change(user, {.link = {}, .unlink = {"valley"}}, 1));
  ASSERT_TRUE(change(user, link(linked), 2));
  EXPECT_EQ(run(store_.expire_unlinked(at(100), 100)), 0);
  EXPECT_EQ(run(store_.expire_unlinked(at(301), 2)), 2);
  EXPECT_EQ(run(store_.expire_unlinked(at(301), 2)), 1);
  EXPECT_EQ(run(store_.expire_unlinked(at(99'999), 2)), 0);
  EXPECT_FALSE(exists(again));
  EXPECT_TRUE(exists(linked)) << "linked again in time";
}

}  // namespace

}  // namespace granary
