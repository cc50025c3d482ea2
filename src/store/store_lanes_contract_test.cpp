// The contract of every store, fourth part: lanes as a whole, events and what expires.
#include <algorithm>
#include <set>

#include "store/store_fixture.hpp"

namespace granary {

namespace {

class StoreLanesContract : public StoreContract {
 protected:
  const Lane lane_{"valley", ""};
  const BreakerScope all_{.lane = lane_, .owner = {}};

  std::vector<std::string> segments(CredentialKey id, std::int32_t first_day, Direction direction, PageRequest page,
                                    std::int64_t& skipped) {
    std::vector<std::string> out;
    const auto end = page.offset() + page.size;
    for (const auto& row : run(store_.list_segments(id, first_day, direction, page.offset(), end, skipped)))
      out.push_back(row.data.bytes);
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreLanesContract, kStoreKinds, name_of_kind);

using Lines = std::vector<std::string>;
using Keys = std::vector<CredentialKey>;

TEST_P(StoreLanesContract, BreakersSurvive) {
  EXPECT_TRUE(run(store_.load_breakers()).empty());
  const BreakerScope own{.lane = lane_, .owner = owner_}, stage{.lane = {"agvance", "STAGE"}, .owner = {}};
  run(store_.save_breaker(all_, {.open = true, .opened_at = at(5), .owners = 3}));
  run(store_.save_breaker(stage, {.open = true, .opened_at = at(6)}));
  run(store_.save_breaker(own, {.open = true, .opened_at = at(7)}));
  run(store_.save_breaker(all_, {.open = true, .opened_at = at(8), .window_start = at(2), .owners = 4}));
  auto breakers = run(store_.load_breakers());
  ASSERT_EQ(breakers.size(), 3U);
  EXPECT_EQ(breakers[all_].owners, 4);
  EXPECT_EQ(breakers[all_].opened_at, at(8));
  EXPECT_EQ(breakers[all_].window_start, at(2)) << "what turned since then is taken back, by the next start too";
  EXPECT_TRUE(breakers[all_].open);
  EXPECT_EQ(breakers[own].opened_at, at(7));
  run(store_.save_breaker(all_, {}));
  breakers = run(store_.load_breakers());
  EXPECT_FALSE(breakers.contains(all_));
  EXPECT_TRUE(breakers.contains(own));
  EXPECT_TRUE(breakers.contains(stage));
}

TEST_P(StoreLanesContract, FusesSurvive) {
  EXPECT_TRUE(run(store_.load_fuses()).empty());
  const BreakerScope own{.lane = lane_, .owner = owner_}, stage{.lane = {"agvance", "STAGE"}, .owner = {}};
  const CredentialId a = CredentialId::random(random_), b = CredentialId::random(random_);
  const FuseState begun{.latest = {{.id = a, .is_unknown = true}, {.id = b, .is_unknown = false}}};
  FuseState blown{
      .blown_at = at(5), .reason = Reason::unexpected_answer, .trials = 3, .last_trial = at(9), .latest = begun.latest};
  blown.latest.push_back({.id = CredentialId::random(random_), .is_unknown = true});
  run(store_.save_fuse(all_, {.blown_at = at(4)}));
  run(store_.save_fuse(stage, begun));
  run(store_.save_fuse(own, begun));
  run(store_.save_fuse(own, blown));
  auto fuses = run(store_.load_fuses());
  ASSERT_EQ(fuses.size(), 3U);
  EXPECT_EQ(fuses[all_], (FuseState{.blown_at = at(4)}));
  EXPECT_EQ(fuses[stage], begun);
  EXPECT_EQ(fuses[own], blown);
  run(store_.save_fuse(all_, {}));
  run(store_.save_fuse(stage, {.latest = {{.id = b, .is_unknown = false}}}));
  fuses = run(store_.load_fuses());
  ASSERT_EQ(fuses.size(), 1U) << "what was answered is not kept";
  EXPECT_TRUE(fuses.contains(own));
}

TEST_P(StoreLanesContract, TheLastChecksOfALaneAreToldNewestFirst) {
  const auto checked = [&](std::int64_t when, CredentialHealth health, const std::string& provider = "valley") {
    health.last_checked = at(when);
    return add_with_health(health, provider, "");
  };
  const CredentialHealth ok = health_of(Status::ok, 0, 90'000);
  CredentialHealth connected = ok, healed = health_of(Status::ok, 100, 90'000);
  connected.answer_cause = Cause::replaced;
  CredentialHealth refused_once = ok, refused = ok;
  refused_once.pending = Pending::refused;
  refused_once.pending_since = Instant{.wall = at(150), .steady = {}, .boot = 1};
  refused.status = Status::unauthenticated;
  refused.since = at(120);
  refused.is_suspected = true;
  refused.pending_since = Instant{.wall = at(110), .steady = {}, .boot = 1};
  const CredentialKey second = checked(200, refused_once), first = checked(100, healed), third = checked(300, refused);
  checked(99, ok);
  checked(301, ok);
  checked(200, ok, "sentera");
  add_with_health(ok, "valley", "");  // never checked
  checked(250, connected);            // by a PUT
  const auto checks = run(store_.list_last_checks(lane_, at(100), at(300), 10));
  ASSERT_EQ(checks.size(), 3U);
  EXPECT_EQ(checks[0].key, third);
  EXPECT_EQ(checks[0].checked, at(300));
  EXPECT_FALSE(checks[0].first_refused) << "an opening has counted it";
  EXPECT_EQ(checks[1].key, second);
  EXPECT_EQ(checks[1].first_refused, at(150));
  EXPECT_EQ(checks[2].key, first);
  EXPECT_FALSE(checks[2].first_refused);
  const auto newest = run(store_.list_last_checks(lane_, at(100), at(300), 2));
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[1].key, second);
  // Its token may have been spent by a request whose answer was lost.
  CredentialWrite write = write_for(load(second));
  write.grant = GrantState::unknown;
  ASSERT_EQ(commit(write).end, Committed::End::done);
  EXPECT_FALSE(run(store_.list_last_checks(lane_, at(200), at(200), 1)).front().first_refused);
}

TEST_P(StoreLanesContract, TheLastChecksAreThoseOfEveryCauseThatIsACheck) {
  for (std::size_t i = 0; i < kCauses; ++i) {
    CredentialHealth health = health_of(Status::ok, 0, 90'000);
    health.last_checked = at(100);
    health.answer_cause = static_cast<Cause>(i);
    const CredentialKey key = add_with_health(health);
    const auto checks = run(store_.list_last_checks(lane_, at(100), at(100), 100));
    EXPECT_EQ(std::ranges::count(checks, key, &LastCheck::key), is_of_check(*health.answer_cause))
        << name_of(*health.answer_cause);
  }
}

// A row of each kind; `touch` changes whatever it is given.
TEST_P(StoreLanesContract, AChangeOfManyConcernsTheRowsOfItsScope) {
  const OwnerId other = add_owner("other@example.com");
  CredentialHealth once = health_of(Status::ok, 0, 50);
  once.pending = Pending::forbidden;
  once.pending_since = instant(0);
  CredentialHealth forbidden_once = health_of(Status::unauthenticated, 0, 50);
  forbidden_once.pending = Pending::forbidden;
  forbidden_once.pending_since = instant(0);
  const CredentialKey ok = add_with_health(health_of(Status::ok, 0, 50)), refused_once = add_with_health(once),
                      refused = add_with_health(health_of(Status::unauthenticated, 0, {})),
                      pending = add_with_health(forbidden_once),
                      forbidden = add_with_health(health_of(Status::missing_permission, 0, 50)),
                      unavailable = add_with_health(health_of(Status::temporarily_unavailable, 0, 50)),
                      others = add_credential(other, add_user(other));
  add_with_health(health_of(Status::ok, 0, 50), "sentera");
  add_with_health(health_of(Status::ok, 0, 50), "valley", "STAGE");
  const LeafUserId user = add_user(owner_);
  add_credential(owner_, user);
  ASSERT_TRUE(change(user, unlink()));
  const BreakerScope own{.lane = lane_, .owner = owner_}, of_other{.lane = lane_, .owner = other};
  struct Row {
    const char* what;
    BreakerScope scope;
    Rows rows;
    Keys touched;
  };
  const Row rows[] = {
      {"all", all_, Rows::all, {ok, refused_once, refused, pending, forbidden, unavailable, others}},
      {"all of an owner", own, Rows::all, {ok, refused_once, refused, pending, forbidden, unavailable}},
      {"all of another", of_other, Rows::all, {others}},
      {"bad", all_, Rows::bad, {refused, pending, forbidden}},
      {"bad of another", of_other, Rows::bad, {}},
      {"refused once", all_, Rows::refused_once, {refused_once}},
      {"another lane", {.lane = {"agvance", ""}, .owner = {}}, Rows::all, {}},
  };
  int times = 0;
  for (const Row& row : rows) {
    ++times;
    const HealthRule touch = [&](const CredentialHealth& health, Random&) {
      CredentialHealth after = health;
      after.refusals = 1'000 + times;
      return std::optional(after);
    };
    EXPECT_TRUE(change_health(row.scope, row.rows, touch, Cause::breaker).empty()) << row.what << ": no status has changed";
    for (const CredentialKey key : {ok, refused_once, refused, pending, forbidden, unavailable, others})
      EXPECT_EQ(health(key).refusals == 1'000 + times, std::ranges::count(row.touched, key) > 0) << row.what;
  }
}

TEST_P(StoreLanesContract, AChangeOfManyIsMadeInBatchesWithItsRowsOfHistory) {
  Keys keys;
  for (int i = 0; i < 450; ++i) keys.push_back(add_with_health(health_of(Status::ok, 0, 90'000)));
  const CredentialKey refused = add_with_health(health_of(Status::unauthenticated, 0, 90'000));
  const HealthRule rule = [](const CredentialHealth& known, Random& random) -> std::optional<CredentialHealth> {
    if (known.status != Status::ok) return std::nullopt;
    CredentialHealth after = known;
    after.status = Status::temporarily_unavailable;
    after.since = at(100);
    after.reason = Reason::not_configured;
    after.status_cause = Cause::configuration;
    after.next_check = at(0) + microseconds(random.below(1'000'000));
    return after;
  };
  const HealthBatch first = run(store_.change_health(all_, Rows::all, 0, rule, Cause::configuration));
  EXPECT_GE(std::ssize(first.changes), kHealthBatch - 1) << "one of them may be the refused one";
  EXPECT_LE(std::ssize(first.changes), kHealthBatch);
  EXPECT_NE(first.last, 0);
  // The store has failed there, and all begins anew: nothing is changed, nor told, twice.
  const auto rest = change_health(all_, Rows::all, rule, Cause::configuration);
  EXPECT_EQ(std::ssize(rest), std::ssize(keys) - std::ssize(first.changes));
  std::set<WallTime> moments;
  for (const CredentialKey key : keys) {
    EXPECT_EQ(health(key).status, Status::temporarily_unavailable);
    moments.insert(*health(key).next_check);
    const auto history = run(store_.list_history(key, {}));
    ASSERT_EQ(history.total, 1);
    EXPECT_EQ(history.items.front(), (StatusChange{key, at(100), Status::ok, Status::temporarily_unavailable,
                                                   Reason::not_configured, Cause::configuration}));
  }
  EXPECT_GT(std::ssize(moments), 400) << "each row has its own chance";
  EXPECT_EQ(health(refused).status, Status::unauthenticated);
  EXPECT_EQ(run(store_.list_history(refused, {})).total, 0);
}

TEST_P(StoreLanesContract, AChangeOfManyGoesPastMoreThanABatchThatItLeavesAlone) {
  for (int i = 0; i < 450; ++i) add_with_health(health_of(Status::unauthenticated, 0, 90'000));
  for (int i = 0; i < 450; ++i) add_with_health(health_of(Status::ok, 0, 90'000), "sentera");
  for (int i = 0; i < 3; ++i) add_with_health(health_of(Status::ok, 0, 90'000));
  int seen = 0;
  const HealthRule count = [&](const CredentialHealth& known, Random&) {
    seen += known.status == Status::ok;
    return std::optional<CredentialHealth>();
  };
  change_health(all_, Rows::all, count, Cause::check);
  EXPECT_EQ(seen, 3);
}

TEST_P(StoreLanesContract, ProbesAreCountedUpToALimit) {
  const OwnerId other = add_owner("other@example.com");
  const BreakerScope own{.lane = lane_, .owner = owner_}, others{.lane = lane_, .owner = other};
  CredentialHealth through_an_outage = health_of(Status::temporarily_unavailable);
  through_an_outage.was_last_ok = true;
  add_with_health(health_of(Status::ok));
  add_with_health(through_an_outage);
  add_with_health(health_of(Status::unauthenticated));
  add_with_health(health_of(Status::temporarily_unavailable));
  add_with_health(health_of(Status::ok), "sentera");
  EXPECT_EQ(run(store_.count_probed(own, 5)), 2);
  EXPECT_EQ(run(store_.count_probed(own, 1)), 1);
  EXPECT_EQ(run(store_.count_probed(all_, 5)), 2);
  EXPECT_EQ(run(store_.count_probed(others, 5)), 0);
}

TEST_P(StoreLanesContract, OriginsOfAProviderAreForgotten) {
  const CredentialHealth ok = health_of(Status::ok, 0, 90'000);
  Keys bound;
  for (int i = 0; i < 250; ++i) bound.push_back(add_with_health(ok));
  const CredentialKey stage = add_with_health(ok, "valley", "STAGE"), other = add_with_health(ok, "sentera");
  add_with_health(ok);  // bound to none yet
  bound.push_back(stage);
  Keys all = bound;
  all.push_back(other);
  for (const CredentialKey key : all) {
    CredentialWrite write = write_for(load(key));
    write.origin = "https://a.example";
    ASSERT_EQ(commit(write).end, Committed::End::done);
  }
  EXPECT_EQ(run(store_.forget_origins("valley")), std::ssize(bound));
  for (const CredentialKey key : bound) EXPECT_EQ(load(key).origin, "");
  EXPECT_EQ(load(other).origin, "https://a.example");
  EXPECT_EQ(run(store_.forget_origins("valley")), 0);
}

TEST_P(StoreLanesContract, TheLanesOfWhatIsLinkedAreListed) {
  EXPECT_TRUE(run(store_.list_lanes()).empty());
  add_with_health(health_of(Status::ok, 0, 10));
  add_with_health(health_of(Status::unauthenticated, 0, std::nullopt));
  add_with_health(health_of(Status::ok, 0, 10), "agvance", "STAGE");
  const LeafUserId user = add_user(owner_);
  add_credential(owner_, user, "sentera");
  ASSERT_TRUE(change(user, unlink("sentera")));
  EXPECT_EQ(run(store_.list_lanes()), (std::vector<Lane>{{"agvance", "STAGE"}, {"valley", ""}}));
}

TEST_P(StoreLanesContract, CountsWhatIsLinked) {
  const LeafUserId user = add_user(owner_);
  add_credential(owner_, user);
  add_with_health(health_of(Status::ok));
  add_with_health(health_of(Status::ok));
  add_with_health(health_of(Status::ok), "sentera");
  add_with_health(health_of(Status::ok), "agvance", "STAGE");
  ASSERT_TRUE(change(user, unlink()));
  std::vector<std::string> lines;
  for (const auto& count : run(store_.count_by_status()))
    lines.push_back(count.lane.provider + (count.lane.environment.empty() ? " " : "/" + count.lane.environment + " ") +
                    std::string(name_of(count.status)) + " " + std::to_string(count.count));
  std::ranges::sort(lines);
  EXPECT_EQ(lines, (Lines{"agvance/STAGE OK 1", "sentera OK 1", "valley OK 2"}));
}

TEST_P(StoreLanesContract, SegmentsArePagedInBothDirections) {
  const CredentialKey id = add_credential(owner_, add_user(owner_));
  add_events(id, 10, {3, 2});
  add_events(id, 11, {4});
  add_events(add_credential(owner_, add_user(owner_)), 11, {7});
  struct Row {
    std::int32_t first_day;
    Direction direction;
    PageRequest page;
    Lines segments;
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
  EXPECT_EQ(run(store_.count_events(id, 10)).total, 9);
  EXPECT_EQ(run(store_.count_events(id, 10)).on_first_day, 5);
  EXPECT_EQ(run(store_.count_events(id, 11)).total, 4);
  EXPECT_EQ(run(store_.count_events(id, 9)).on_first_day, 0);
  const OwnerId other = add_owner("other@example.com");
  std::int64_t skipped = -1;
  const CredentialKey foreign{.owner = other, .id = id.id};
  EXPECT_EQ(run(store_.count_events(foreign, 10)).total, 0) << "another owner has none of them";
  EXPECT_TRUE(run(store_.list_segments(foreign, 0, descending, 0, 100, skipped)).empty());
  EXPECT_FALSE(run(store_.find_last_segment(foreign, 10)));
  EXPECT_EQ(run(store_.find_last_segment(id, 10))->number, 1);
  EXPECT_EQ(run(store_.find_last_segment(id, 10))->count, 2);
  EXPECT_FALSE(run(store_.find_last_segment(id, 9)));
}

TEST_P(StoreLanesContract, ContentsAreKeptOnceForEachCredential) {
  const CredentialKey id = add_credential(owner_, add_user(owner_)), other = add_credential(owner_, add_user(owner_));
  EXPECT_EQ(run(store_.next_content_number(id)), 1);
  CredentialWrite write = write_for(load(id));
  write.events = EventsWrite{
      .day = 10, .contents = {{.number = 1, .digest = "d1", .data = {"c1"}}, {.number = 2, .digest = "d2", .data = {"c2"}}}};
  ASSERT_EQ(commit(write).end, Committed::End::done);
  EXPECT_EQ(run(store_.find_content(id, "d2")), 2);
  EXPECT_EQ(run(store_.find_content(id, "d3")), std::nullopt);
  EXPECT_EQ(run(store_.find_content(other, "d1")), std::nullopt) << "nothing is shared between credentials";
  EXPECT_EQ(run(store_.next_content_number(id)), 3);
  EXPECT_EQ(run(store_.read_content(id, 1))->data.bytes, "c1");
  EXPECT_FALSE(run(store_.read_content(id, 3)));
  EXPECT_FALSE(run(store_.read_content(other, 1)));
  EXPECT_FALSE(run(store_.read_content({.owner = add_owner("other@example.com"), .id = id.id}, 1)));
  // Used once more on day 30, the first outlives the second.
  write = write_for(load(id));
  write.events = EventsWrite{.day = 30, .used_contents = {1}};
  ASSERT_EQ(commit(write).end, Committed::End::done);
  run(store_.expire_events(11, 100));
  EXPECT_TRUE(run(store_.read_content(id, 1)));
  EXPECT_FALSE(run(store_.read_content(id, 2)));
  EXPECT_EQ(run(store_.find_content(id, "d2")), std::nullopt);
}

TEST_P(StoreLanesContract, OldDaysExpireWithTheirKeysALimitAtATime) {
  const CredentialKey id = add_credential(owner_, add_user(owner_));
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
  EXPECT_EQ(run(store_.count_events(id, 0)).total, 3);
}

TEST_P(StoreLanesContract, OldHistoryExpiresALimitAtATimeAndTheLatestRowIsKept) {
  const auto turn = [&](CredentialKey key, Status status, std::int64_t time) { set_health(key, health_of(status, time)); };
  auto first = make_credential(owner_, add_user(owner_));
  first.health = health_of(Status::ok, 0);
  ASSERT_TRUE(add(first, {}, Cause::created));
  const CredentialKey still = add_with_health(health_of(Status::ok, 0));
  turn(still, Status::unauthenticated, 10);
  for (int i = 1; i <= 4; ++i) turn(first.key, i % 2 == 1 ? Status::unauthenticated : Status::ok, i * 100);
  const auto times = [&](CredentialKey key) {
    std::vector<WallTime> out;
    for (const StatusChange& change : run(store_.list_history(key, {})).items) out.push_back(change.time);
    return out;
  };
  using Times = std::vector<WallTime>;
  ASSERT_EQ(times(first.key), (Times{at(400), at(300), at(200), at(100), at(0)}));
  EXPECT_EQ(run(store_.expire_history(at(0), 100)), 0) << "not older than that";
  EXPECT_EQ(run(store_.expire_history(at(201), 2)), 2);
  EXPECT_EQ(run(store_.expire_history(at(201), 2)), 1);
  EXPECT_EQ(run(store_.expire_history(at(201), 2)), 0);
  EXPECT_EQ(times(first.key), (Times{at(400), at(300)}));
  EXPECT_EQ(run(store_.expire_history(at(99'999), 100)), 1);
  EXPECT_EQ(times(first.key), Times{at(400)}) << "the latest is kept";
  EXPECT_EQ(times(still), Times{at(10)}) << "also where it was the only one";
  turn(first.key, Status::unauthenticated, 500);
  EXPECT_EQ(run(store_.expire_history(at(99'999), 100)), 1);
  EXPECT_EQ(times(first.key), Times{at(500)});
}

TEST_P(StoreLanesContract, ChangesAreFollowedInTheOrderOfTheirCommits) {
  const CredentialKey a = add_with_health(health_of(Status::ok, 0)), b = add_with_health(health_of(Status::ok, 0));
  const std::int64_t before = run(store_.last_change_number());
  set_health(b, health_of(Status::unauthenticated, 500));
  set_health(a, health_of(Status::unauthenticated, 20));
  set_health(a, health_of(Status::ok, 30));
  const auto all = run(store_.list_changes(before, 100));
  std::vector<std::pair<CredentialKey, Status>> told;
  for (const auto& [number, change] : all) told.emplace_back(change.key, change.to);
  EXPECT_EQ(told, (std::vector<std::pair<CredentialKey, Status>>{
                      {b, Status::unauthenticated}, {a, Status::unauthenticated}, {a, Status::ok}}));
  EXPECT_EQ(run(store_.list_changes(before, 1)).size(), 1U);
  EXPECT_EQ(run(store_.list_changes(all[1].number, 100)).size(), 1U);
  EXPECT_EQ(run(store_.last_change_number()), all.back().number);
  EXPECT_TRUE(run(store_.list_changes(all.back().number, 100)).empty());
  const auto user = load(a).leaf_user;
  ASSERT_TRUE(run(store_.delete_credential(owner_, *user, "valley")));
  EXPECT_EQ(run(store_.list_changes(before, 100)).size(), 1U) << "what is deleted is not told";
  set_health(b, health_of(Status::ok, 600));
  EXPECT_GT(run(store_.last_change_number()), all.back().number) << "no number comes twice";
}

TEST_P(StoreLanesContract, AKeyIsFoundByItsId) {
  const OwnerId other = add_owner("other@example.com");
  const CredentialKey theirs = add_credential(other, add_user(other));
  EXPECT_EQ(run(store_.find_key(theirs.id)), theirs);
  EXPECT_FALSE(run(store_.find_key(CredentialId::random(random_))));
}

TEST_P(StoreLanesContract, AnOwnersOwnAreCountedWithTheirLastSuccess) {
  const OwnerId other = add_owner("other@example.com");
  add_credential(other, add_user(other), "agvance");
  EXPECT_TRUE(run(store_.count_of_owner(owner_)).empty());
  auto health = health_of(Status::ok);
  health.last_success = at(10);
  add_with_health(health, "agvance", "STAGE");
  health.last_success = at(20);
  add_with_health(health, "agvance", "STAGE");
  health.last_success.reset();
  add_with_health(health, "agvance", "PRODUCTION");
  const CredentialKey gone = add_with_health(health_of(Status::unauthenticated), "agvance", "STAGE");
  ASSERT_TRUE(change(*load(gone).leaf_user, unlink("agvance")));
  health.status = Status::unauthenticated;
  add_with_health(health, "agvance", "STAGE");
  std::vector<std::string> told;
  for (const StatusCount& count : run(store_.count_of_owner(owner_)))
    told.push_back(count.lane.environment + " " + std::string(name_of(count.status)) + " " + std::to_string(count.count) +
                   (count.last_success ? " " + std::to_string((*count.last_success - at(0)) / seconds(1)) : ""));
  EXPECT_EQ(told, (std::vector<std::string>{"PRODUCTION OK 1", "STAGE OK 2 20", "STAGE UNAUTHENTICATED 1"}));
}

TEST_P(StoreLanesContract, UnlinkedCredentialsExpireALimitAtATime) {
  std::vector<CredentialKey> ids;
  for (const std::int64_t unlinked_at : {100, 200, 300}) {
    const LeafUserId user = add_user(owner_);
    ids.push_back(add_credential(owner_, user));
    ASSERT_TRUE(change(user, unlink(), unlinked_at));
  }
  const LeafUserId user = add_user(owner_);
  const CredentialKey linked = add_credential(owner_, user), again = ids[1];
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
