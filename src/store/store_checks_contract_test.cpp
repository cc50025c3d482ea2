// The contract of every store, second part: what checks read and record, lanes as a whole, expiry.
#include <algorithm>

#include "store/store_fixture.hpp"

namespace granary {

namespace {

class StoreChecksContract : public StoreContract {
 protected:
  static constexpr auto kDay = std::chrono::days(1);
  const Lane lane_{"valley", ""};

  std::vector<CredentialId> due(std::int64_t now, std::int64_t limit = 100, const Lane& lane = {"valley", ""}) {
    return run(store_.list_due(lane, at(now), {.refused = at(now) + kDay, .other = at(now) + std::chrono::hours(6)}, limit, {}));
  }
  // Notes a token of the credential as spent; the record of an answer that gave no other.
  CheckRecord spend(CredentialId id) {
    EXPECT_EQ(run(store_.begin_exchange(id, 1, "https://a.example", "digest", claim_)), Begun::yes);
    CheckRecord record = record_for(load(id));
    record.state = state_of(Status::ok);
    record.clears_spending = true;
    return record;
  }
  static Candidate sent(std::string fields) { return {.fields = {std::move(fields)}, .progress = Candidate::Progress::sent}; }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreChecksContract, kStoreKinds, name_of_kind);

using Ids = std::vector<CredentialId>;

TEST_P(StoreChecksContract, TheWholeStateComesBack) {
  CheckState state = state_of(Status::missing_permission, 5, 77);
  state.reason = Reason::organization_ambiguous;
  state.last_checked = at(6);
  state.pending = Pending::forbidden;
  state.pending_since = instant(7, 123);
  state.refusals = 2;
  state.outages = 3;
  state.outage_since = instant(8, 456);
  state.failures = 4;
  state.outcome_unknown = state.suspected = state.turned_by_check = state.answered_connect = true;
  const CheckState back = load(add_with_state(state)).state;
  EXPECT_EQ(back.status, state.status);
  EXPECT_EQ(back.since, state.since);
  EXPECT_EQ(back.reason, state.reason);
  EXPECT_EQ(back.last_checked, state.last_checked);
  EXPECT_EQ(back.next_check, state.next_check);
  EXPECT_EQ(back.pending, state.pending);
  EXPECT_EQ(back.pending_since->wall, at(7));
  EXPECT_EQ(back.pending_since->steady, instant(7).steady);
  EXPECT_EQ(back.pending_since->boot, 123);
  EXPECT_EQ(back.outage_since->boot, 456);
  EXPECT_EQ(std::tuple(back.refusals, back.outages, back.failures), std::tuple(2, 3, 4));
  EXPECT_TRUE(back.outcome_unknown && back.suspected && back.turned_by_check && back.answered_connect);
}

TEST_P(StoreChecksContract, WhatIsDueWithoutSomeOwners) {
  const OwnerId other = add_owner("other@example.com");
  const CredentialId first = add_with_state(state_of(Status::ok, 0, 1)), second = add_credential(other, add_user(other));
  set_state(second, state_of(Status::ok, 0, 2));
  const auto list = [&](const std::vector<OwnerId>& except) {
    return run(store_.list_due(lane_, at(10), {.refused = at(10) + kDay, .other = at(10) + kDay}, 100, except));
  };
  EXPECT_EQ(list({}), (Ids{first, second}));
  EXPECT_EQ(list({owner_}), Ids{second});
  EXPECT_EQ(list({other}), Ids{first});
  EXPECT_EQ(list({owner_, other}), Ids{});
}

TEST_P(StoreChecksContract, AnAnswerIsRecordedOnWhatWasLoaded) {
  const CredentialId id = add_credential(owner_, add_user(owner_));
  const StoredCredential loaded = load(id);
  CheckRecord record = record_for(loaded);
  record.fields = Sealed{"new fields"};
  record.state = state_of(Status::ok, 9, 99);
  record.clears_spending = true;
  const Recorded recorded = run(store_.record_check(record));
  EXPECT_TRUE(recorded.exists && recorded.fields_kept && recorded.state_kept);
  const StoredCredential after = load(id);
  EXPECT_EQ(after.fields.bytes, "new fields");
  EXPECT_EQ(after.fields_key.bytes, "sealed key");
  EXPECT_EQ(after.fields_version, loaded.fields_version + 1);
  EXPECT_GT(after.state_version, loaded.state_version);
  EXPECT_EQ(after.link_version, loaded.link_version);
  EXPECT_EQ(after.state.status, Status::ok);
}

TEST_P(StoreChecksContract, FieldsReplacedMeanwhileAreALostRace) {
  const CredentialId id = add_credential(owner_, add_user(owner_));
  CheckRecord late = record_for(load(id)), first = record_for(load(id));
  first.fields = Sealed{"first"};
  ASSERT_TRUE(run(store_.record_check(first)).fields_kept);
  late.fields = Sealed{"late"};
  late.state = state_of(Status::unauthenticated);
  late.events = EventsWrite{.day = 1, .segments = {{.day = 1, .number = 0, .count = 1, .data = {"x"}}}};
  const Recorded recorded = run(store_.record_check(late));
  EXPECT_TRUE(recorded.exists);
  EXPECT_FALSE(recorded.fields_kept || recorded.state_kept);
  EXPECT_EQ(load(id).fields.bytes, "first");
  EXPECT_NE(load(id).state.status, Status::unauthenticated);
  EXPECT_EQ(run(store_.count_events(owner_, id, 0)).total, 0);
}

TEST_P(StoreChecksContract, HealthThatMovedMeanwhileRefusesNoToken) {
  const CredentialId id = add_credential(owner_, add_user(owner_));
  CheckRecord late = record_for(load(id));
  set_state(id, state_of(Status::temporarily_unavailable, 3));
  late.fields = Sealed{"rotated"};
  late.state = state_of(Status::ok, 4);
  const Recorded recorded = run(store_.record_check(late));
  EXPECT_TRUE(recorded.exists && recorded.fields_kept);
  EXPECT_FALSE(recorded.state_kept);
  EXPECT_EQ(load(id).fields.bytes, "rotated") << "a rotated token is never lost";
  EXPECT_EQ(load(id).state.status, Status::temporarily_unavailable);
}

TEST_P(StoreChecksContract, UnlinkedMeanwhileTheTokenIsKeptAndNothingElse) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  add_events(id, 20'000, {5});
  CheckRecord late = record_for(load(id));
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_EQ(run(store_.count_events(owner_, id, 0)).total, 0) << "gone at once";
  EXPECT_TRUE(load(id).events_key.empty()) << "and their key with them";
  late.fields = Sealed{"rotated"};
  late.state = state_of(Status::ok, 4, 50);
  late.events = EventsWrite{.day = 20'000, .segments = {{.day = 20'000, .number = 0, .count = 1, .data = {"x"}}}};
  const Recorded recorded = run(store_.record_check(late));
  EXPECT_TRUE(recorded.fields_kept);
  EXPECT_FALSE(recorded.state_kept);
  EXPECT_EQ(load(id).leaf_user, std::nullopt);
  EXPECT_EQ(load(id).fields.bytes, "rotated") << "linked again, it must still work";
  EXPECT_EQ(load(id).state.next_check, std::nullopt);
  EXPECT_EQ(run(store_.count_events(owner_, id, 0)).total, 0) << "an answer never brings anything back";
  // Linked again in between, it is another link.
  ASSERT_TRUE(change(user, link(id)));
  late.fields_version = load(id).fields_version;
  late.state_version = load(id).state_version;
  EXPECT_FALSE(run(store_.record_check(late)).state_kept);
}

// The simulation found a first refusal of the login before a PUT confirmed by one of the login after it.
TEST_P(StoreChecksContract, TheHealthOfAnotherLoginComesWithItsFields) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  CheckState before = state_of(Status::ok, 0, 50);
  before.pending = Pending::refused;
  before.pending_since = instant(1);
  set_state(id, before);
  ASSERT_TRUE(run(store_.save_candidate(id, {"candidate"})));
  CheckRecord put = record_for(load(id));
  put.fields = Sealed{"another login"};
  put.environment = "";
  put.removes_candidate = Sealed{"candidate"};
  put.state = state_of(Status::temporarily_unavailable, 4, 60);
  put.state->outcome_unknown = true;
  put.events = EventsWrite{.day = 20'000, .segments = {{.day = 20'000, .number = 0, .count = 1, .data = {"x"}}}};
  set_state(id, state_of(Status::unauthenticated));
  EXPECT_FALSE(run(store_.record_check(put)).state_kept) << "the events must be sealed anew";
  EXPECT_EQ(load(id).state.status, Status::temporarily_unavailable) << "what moved was the other login's";
  EXPECT_TRUE(load(id).state.outcome_unknown);
  EXPECT_EQ(load(id).state.next_check, at(60));
  EXPECT_EQ(run(store_.count_events(owner_, id, 0)).total, 0);

  ASSERT_TRUE(run(store_.save_candidate(id, {"candidate"})));
  put = record_for(load(id));
  put.fields = Sealed{"a third"};
  put.environment = "";
  put.removes_candidate = Sealed{"candidate"};
  put.state = state_of(Status::ok, 7, 80);
  put.events = EventsWrite{.day = 20'000, .segments = {{.day = 20'000, .number = 1, .count = 1, .data = {"y"}}}};
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_FALSE(run(store_.record_check(put)).state_kept);
  const CheckState after = load(id).state;
  EXPECT_EQ(after.status, Status::ok);
  EXPECT_FALSE(after.outcome_unknown);
  EXPECT_EQ(after.next_check, std::nullopt) << "unlinked";
  EXPECT_EQ(run(store_.count_events(owner_, id, 0)).total, 0);
}

// A PUT of the stored grant: its answer is decided anew on what stands there by now, as a check's.
TEST_P(StoreChecksContract, TheHealthOfTheSameLoginDoesNotComeWithItsFields) {
  const CredentialId id = add_with_state(state_of(Status::ok, 0, 50));
  ASSERT_TRUE(run(store_.save_candidate(id, {"candidate"})));
  CheckRecord put = record_for(load(id));
  put.fields = Sealed{"the same login"};
  put.removes_candidate = Sealed{"candidate"};
  put.state = state_of(Status::unauthenticated, 4, 60);
  set_state(id, state_of(Status::ok, 3, 70));
  const Recorded recorded = run(store_.record_check(put));
  EXPECT_TRUE(recorded.fields_kept);
  EXPECT_FALSE(recorded.state_kept);
  EXPECT_EQ(load(id).fields.bytes, "the same login");
  EXPECT_EQ(load(id).candidate, std::nullopt);
  EXPECT_EQ(load(id).state, state_of(Status::ok, 3, 70));
}

// The simulation found a lost answer forgotten by an unlink.
TEST_P(StoreChecksContract, WhatWasNotedOfATokenStaysUntilItsHealthIsKeptOrAnotherLoginsFields) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  CheckRecord lost = spend(id);
  lost.outcome_unknown = true;
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_FALSE(run(store_.record_check(lost)).state_kept);
  EXPECT_EQ(load(id).spending, "digest");
  lost.fields = Sealed{"what came for it, and was lost in its turn"};
  EXPECT_TRUE(run(store_.record_check(lost)).fields_kept);
  EXPECT_EQ(load(id).spending, "digest");
  lost.fields_version = load(id).fields_version;
  lost.environment = "";
  EXPECT_TRUE(run(store_.record_check(lost)).fields_kept);
  EXPECT_EQ(load(id).spending, "");
}

// The simulation found a plain refusal told as unknown after an unlink and a link.
TEST_P(StoreChecksContract, WhereTheAnswerWasHeardNothingStaysNoted) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  CheckRecord refused = spend(id);
  refused.fields_version = 2;
  EXPECT_FALSE(run(store_.record_check(refused)).fields_kept);
  EXPECT_EQ(load(id).spending, "digest") << "it says nothing of other fields";
  refused.fields_version = 1;
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_FALSE(run(store_.record_check(refused)).state_kept);
  EXPECT_EQ(load(id).spending, "");
}

TEST_P(StoreChecksContract, DeletedMeanwhileNothingComesBack) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  CheckRecord late = record_for(load(id));
  late.fields = Sealed{"rotated"};
  ASSERT_TRUE(run(store_.delete_credential(owner_, user, "valley")));
  EXPECT_FALSE(run(store_.record_check(late)).exists);
  EXPECT_FALSE(exists(id));
  EXPECT_EQ(run(store_.begin_exchange(id, 1, "https://a.example", "digest", claim_)), Begun::gone);
  EXPECT_FALSE(run(store_.save_candidate(id, {"x"})));
  EXPECT_EQ(run(store_.mark_candidate_sent(id, sent("x"), claim_)), Begun::gone);
}

TEST_P(StoreChecksContract, BeforeAnythingIsSentItIsNoted) {
  const CredentialId id = add_credential(owner_, add_user(owner_));
  const std::int64_t version = load(id).fields_version;
  EXPECT_EQ(load(id).origin, "");
  ASSERT_EQ(run(store_.begin_exchange(id, version, "https://a.example", "digest", claim_)), Begun::yes);
  EXPECT_EQ(load(id).origin, "https://a.example");
  EXPECT_EQ(load(id).spending, "digest");
  ASSERT_EQ(run(store_.begin_exchange(id, version, "https://a.example", "", claim_)), Begun::yes);
  EXPECT_EQ(load(id).spending, "digest") << "a request that spends nothing says nothing of the token";
  CheckRecord record = record_for(load(id));
  record.fields = Sealed{"replaced"};
  ASSERT_TRUE(run(store_.record_check(record)).fields_kept);
  EXPECT_EQ(load(id).spending, "digest");
  EXPECT_EQ(run(store_.begin_exchange(id, version, "https://b.example", "other", claim_)), Begun::gone)
      << "the fields were replaced: nothing may be sent";
  EXPECT_EQ(load(id).origin, "https://a.example");
  EXPECT_EQ(load(id).spending, "digest");
  record = record_for(load(id));
  record.clears_spending = true;
  ASSERT_TRUE(run(store_.record_check(record)).fields_kept);
  EXPECT_EQ(load(id).spending, "");
}

TEST_P(StoreChecksContract, CandidatesStandBesideTheStoredFields) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  EXPECT_EQ(run(store_.mark_candidate_sent(id, sent("candidate"), claim_)), Begun::gone) << "there is none";
  EXPECT_FALSE(run(store_.keep_candidate(id, {"candidate"}, {"refreshed"}))) << "there is none";
  ASSERT_TRUE(run(store_.save_candidate(id, {"candidate"})));
  ASSERT_TRUE(load(id).candidate);
  EXPECT_EQ(load(id).candidate->fields.bytes, "candidate");
  EXPECT_EQ(load(id).candidate->progress, Candidate::Progress::unsent);
  EXPECT_EQ(run(store_.find_revealed(owner_, user, "valley"))->fields.bytes, "sealed fields") << "GET never shows it";
  EXPECT_EQ(run(store_.mark_candidate_sent(id, sent("another"), claim_)), Begun::gone) << "it is not that one";
  EXPECT_EQ(load(id).candidate->progress, Candidate::Progress::unsent);
  ASSERT_EQ(run(store_.mark_candidate_sent(id, sent("candidate"), claim_)), Begun::yes);
  EXPECT_EQ(load(id).candidate->progress, Candidate::Progress::sent);
  EXPECT_FALSE(run(store_.keep_candidate(id, {"another"}, {"refreshed"}))) << "it is not that one";
  ASSERT_TRUE(run(store_.keep_candidate(id, {"candidate"}, {"refreshed"})));
  EXPECT_EQ(load(id).candidate->fields.bytes, "refreshed");
  EXPECT_EQ(load(id).candidate->progress, Candidate::Progress::given);
  ASSERT_TRUE(run(store_.keep_candidate(id, {"refreshed"}, {"again"})));
  const Candidate given{.fields = {"again"}, .progress = Candidate::Progress::given};
  ASSERT_EQ(run(store_.mark_candidate_sent(id, given, claim_)), Begun::yes);
  EXPECT_EQ(load(id).candidate->progress, Candidate::Progress::given) << "what is asked next spends nothing";
  ASSERT_EQ(run(store_.mark_candidate_sent(id, sent("again"), claim_)), Begun::yes);
  ASSERT_TRUE(run(store_.save_candidate(id, {"another"})));
  EXPECT_FALSE(run(store_.keep_candidate(id, {"another"}, {"refreshed"}))) << "it was not sent yet";
  EXPECT_EQ(load(id).candidate->progress, Candidate::Progress::unsent) << "another one was not sent yet";
  CheckRecord record = record_for(load(id));
  record.fields = Sealed{"promoted"};
  record.removes_candidate = Sealed{"refreshed"};
  EXPECT_FALSE(run(store_.record_check(record)).fields_kept) << "another one stands there";
  EXPECT_NE(load(id).fields.bytes, "promoted");
  record.removes_candidate = Sealed{"another"};
  record.environment = "STAGE";
  record.origin = "https://b.example";
  ASSERT_TRUE(run(store_.record_check(record)).fields_kept);
  const StoredCredential after = load(id);
  EXPECT_FALSE(after.candidate);
  CheckRecord late = record_for(after);
  late.fields = Sealed{"late"};
  late.removes_candidate = Sealed{"another"};
  EXPECT_FALSE(run(store_.record_check(late)).fields_kept) << "it is gone";
  EXPECT_EQ(after.fields.bytes, "promoted");
  EXPECT_EQ(after.environment, "STAGE");
  EXPECT_EQ(after.origin, "https://b.example");
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_FALSE(run(store_.save_candidate(id, {"x"}))) << "unlinked is invisible";
}

TEST_P(StoreChecksContract, WhatACandidateWasGivenIsKeptUnlinkedToo) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  ASSERT_TRUE(run(store_.save_candidate(id, {"candidate"})));
  ASSERT_EQ(run(store_.mark_candidate_sent(id, sent("candidate"), claim_)), Begun::yes);
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_FALSE(run(store_.keep_candidate(id, {"candidate"}, {"refreshed"}))) << "and nothing more is to be asked";
  EXPECT_EQ(load(id).candidate->fields.bytes, "refreshed");
}

TEST_P(StoreChecksContract, AfterACrashWhatWasSentIsDueAndOtherCandidatesAreDropped) {
  const CredentialId none = add_with_state(state_of(Status::ok, 0, 9'000)),
                     unsent = add_with_state(state_of(Status::ok, 0, 9'000)),
                     asked = add_with_state(state_of(Status::ok, 0, 9'000)),
                     given = add_with_state(state_of(Status::ok, 0, 9'000)),
                     spending = add_with_state(state_of(Status::ok, 0, 9'000)),
                     bound = add_with_state(state_of(Status::ok, 0, 9'000));
  ASSERT_TRUE(run(store_.save_candidate(unsent, {"a"})));
  ASSERT_TRUE(run(store_.save_candidate(asked, {"b"})));
  ASSERT_EQ(run(store_.mark_candidate_sent(asked, sent("b"), claim_)), Begun::yes);
  ASSERT_TRUE(run(store_.save_candidate(given, {"c"})));
  ASSERT_EQ(run(store_.mark_candidate_sent(given, sent("c"), claim_)), Begun::yes);
  ASSERT_TRUE(run(store_.keep_candidate(given, {"c"}, {"d"})));
  ASSERT_EQ(run(store_.begin_exchange(spending, 1, "https://a.example", "digest", claim_)), Begun::yes);
  ASSERT_EQ(run(store_.begin_exchange(bound, 1, "https://a.example", "", claim_)), Begun::yes);
  run(store_.recover_interrupted(at(10)));
  EXPECT_FALSE(load(unsent).candidate);
  ASSERT_TRUE(load(asked).candidate);
  ASSERT_TRUE(load(given).candidate);
  EXPECT_EQ(load(given).candidate->fields.bytes, "d");
  Ids found = due(10), expected = {asked, given, spending};
  std::ranges::sort(found);
  std::ranges::sort(expected);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(load(none).state.next_check, at(9'000));
}

TEST_P(StoreChecksContract, DueAreThoseWhoseTimeHasComeSoonestFirst) {
  const CredentialId c = add_with_state(state_of(Status::ok, 0, 30)),
                     a = add_with_state(state_of(Status::unauthenticated, 0, 10)),
                     b = add_with_state(state_of(Status::temporarily_unavailable, 0, 20));
  add_with_state(state_of(Status::ok, 0, 31));
  add_with_state(state_of(Status::unauthenticated, 0, std::nullopt));
  const CredentialId sentera = add_with_state(state_of(Status::ok, 0, 0), "sentera");
  const CredentialId stage = add_with_state(state_of(Status::ok, 0, 0), "valley", "STAGE");
  EXPECT_EQ(due(9), Ids{});
  EXPECT_EQ(due(30), (Ids{a, b, c}));
  EXPECT_EQ(due(30, 2), (Ids{a, b}));
  EXPECT_EQ(due(30, 100, {"sentera", ""}), Ids{sentera});
  EXPECT_EQ(due(30, 100, {"valley", "STAGE"}), Ids{stage});
  EXPECT_EQ(due(30, 100, {"agvance", ""}), Ids{});
}

TEST_P(StoreChecksContract, WhatLiesBeyondItsHorizonIsDueNow) {
  constexpr std::int64_t kOther = 6 * 3'600, kRefused = 86'400;
  const CredentialId far = add_with_state(state_of(Status::ok, 0, kOther + 1)),
                     unavailable = add_with_state(state_of(Status::temporarily_unavailable, 0, kOther + 1)),
                     refused = add_with_state(state_of(Status::unauthenticated, 0, kRefused + 1));
  add_with_state(state_of(Status::ok, 0, kOther));
  add_with_state(state_of(Status::unauthenticated, 0, kRefused));
  Ids found = due(0), expected = {far, unavailable, refused};
  std::ranges::sort(found);
  std::ranges::sort(expected);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(due(1), Ids{}) << "now they are not that far";
}

TEST_P(StoreChecksContract, UnlinkedAreNeverDue) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  EXPECT_EQ(due(0), Ids{id});
  EXPECT_EQ(run(store_.list_probes({.lane = lane_, .owner = {}}, at(0), 5)), Ids{id});
  ASSERT_TRUE(change(user, unlink()));
  run(store_.record_not_sent(load(id), Reason::rate_limited, at(0)));
  run(store_.respread({.lane = lane_, .owner = {}}, at(0), at(0), seconds(1)));
  run(store_.accept_new_origin("valley", at(0), seconds(1)));
  run(store_.recover_interrupted(at(0)));
  EXPECT_EQ(due(1'000), Ids{});
  EXPECT_EQ(run(store_.list_probes({.lane = lane_, .owner = {}}, at(0), 5)), Ids{});
}

TEST_P(StoreChecksContract, ProbesTakeWhatWaitedLongest) {
  EXPECT_EQ(run(store_.list_probes({.lane = lane_, .owner = {}}, at(0), 5)), Ids{});
  const CredentialId last = add_with_state(state_of(Status::ok, 0, 20));
  const CredentialId first = add_with_state(state_of(Status::ok, 0, 10));
  add_with_state(state_of(Status::unauthenticated, 0, std::nullopt));
  const CredentialId refused = add_with_state(state_of(Status::unauthenticated, 0, 5));
  add_with_state(state_of(Status::ok, 0, 1), "sentera");
  CheckState unavailable = state_of(Status::ok, 0, 15);
  unavailable.failures = 1;
  const CredentialId held_back = add_with_state(unavailable);
  EXPECT_EQ(run(store_.list_probes({.lane = lane_, .owner = {}}, at(4), 5)), (Ids{first, last}))
      << "a refused login keeps its place";
  EXPECT_EQ(run(store_.list_probes({.lane = lane_, .owner = {}}, at(5), 5)), (Ids{refused, first, last}));
  EXPECT_EQ(run(store_.list_probes({.lane = lane_, .owner = {}}, at(5), 2)), (Ids{refused, first}));
  EXPECT_EQ(run(store_.list_probes({.lane = lane_, .owner = {}}, at(15), 5)), (Ids{refused, first, held_back, last}))
      << "its Retry-After has passed";
}

TEST_P(StoreChecksContract, NotSentInTimeIsSaid) {
  const CredentialId id = add_with_state(state_of(Status::ok, 5, 900));
  const std::int64_t version = load(id).state_version;
  run(store_.record_not_sent(load(id), Reason::rate_limited, at(7)));
  const CheckState state = load(id).state;
  EXPECT_EQ(state.reason, Reason::rate_limited);
  EXPECT_EQ(state.next_check, at(7));
  EXPECT_EQ(state.status, Status::ok);
  EXPECT_EQ(state.since, at(5));
  EXPECT_EQ(state.last_checked, std::nullopt) << "nothing was asked";
  EXPECT_GT(load(id).state_version, version);
}

TEST_P(StoreChecksContract, NotSentInTimeSaysNothingOfWhatMovedMeanwhile) {
  const LeafUserId user = add_user(owner_);
  const CredentialId id = add_credential(owner_, user);
  set_state(id, state_of(Status::unauthenticated, 0, std::nullopt));
  const StoredCredential known = load(id);
  ASSERT_TRUE(change(user, unlink()));
  ASSERT_TRUE(change(user, link(id), 200));
  run(store_.record_not_sent(known, Reason::rate_limited, std::nullopt));
  EXPECT_EQ(load(id).state.next_check, at(200)) << "the link's";
  set_state(id, state_of(Status::temporarily_unavailable, 0, 300));
  run(store_.record_not_sent(known, Reason::rate_limited, at(999)));
  EXPECT_EQ(load(id).state.next_check, at(300));
}

}  // namespace

}  // namespace granary
