// The contract of every store, third part: the commit in which a check or a PUT writes, who may take a token, what is kept of
// spent ones, and the history.
#include <algorithm>

#include "store/store_fixture.hpp"

namespace granary {

namespace {

using End = Committed::End;
using Needs = CredentialWrite::Needs;

class StoreCommitContract : public StoreContract {
 protected:
  static GrantClaim claim(std::string digest, bool is_guarded = true) {
    return {.digest = std::move(digest), .is_guarded = is_guarded};
  }
  // Digests of sixteen bytes, as they are.
  static std::string digest(int number) {
    const std::string text = std::to_string(number);
    return std::string(kDigestBytes - text.size(), 'd') + text;
  }
  CredentialKey add_with_token(const std::string& token, bool is_guarded = true) {
    const StoredCredential row = make_credential(owner_, add_user(owner_));
    EXPECT_TRUE(add(row, claim(token, is_guarded)));
    return row.key;
  }
  // Its provider has given `held` in place of what was held before, which is `spent`.
  void rotate(CredentialKey key, const std::string& held, std::vector<std::string> spent, WallTime now) {
    CredentialWrite write = write_for(load(key));
    write.secrets = Sealed{"rotated"};
    write.tokens = TokenDigests{.held = held, .spent = std::move(spent), .secrets = {}, .now = now};
    EXPECT_EQ(commit(write).end, End::done);
  }
  Committed put(CredentialKey key, const GrantClaim& token) {
    CredentialWrite write = write_for(load(key), Needs::link);
    write.candidate = Candidate{.secrets = {"candidate"}};
    write.candidate_claim = token;
    return commit(write);
  }
  std::vector<std::string> past(CredentialKey key) {
    auto digests = run(store_.list_past_secrets(key));
    std::ranges::sort(digests);
    return digests;
  }
  std::vector<StatusChange> history(CredentialKey key, PageRequest page = {}) {
    return run(store_.list_history(key, page)).items;
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreCommitContract, kStoreKinds, name_of_kind);

TEST_P(StoreCommitContract, AllOfAWriteIsMadeAtOnce) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  const StoredCredential loaded = load(key);
  CredentialWrite write = write_for(loaded);
  write.secrets = Sealed{"new secrets"};
  write.secrets_key = Sealed{"new key"};
  write.environment = "STAGE";
  write.origin = "https://a.example";
  write.grant = GrantState::doubtful;
  write.health = becomes(health_of(Status::ok, 9, 99));
  write.candidate = Candidate{.secrets = {"candidate"}, .state = CandidateState::given};
  write.events = EventsWrite{.day = 1, .events_key = Sealed{"events key"}, .segments = {{.day = 1, .count = 2, .data = {"x"}}}};
  const Committed committed = commit(write);
  EXPECT_EQ(committed.end, End::done);
  EXPECT_TRUE(committed.is_applied);
  EXPECT_EQ(committed.before, loaded.health);
  const StoredCredential after = load(key);
  EXPECT_EQ(committed.after, after.health);
  EXPECT_EQ(after.secrets.bytes, "new secrets");
  EXPECT_EQ(after.secrets_key.bytes, "new key");
  EXPECT_EQ(after.secrets_version, loaded.secrets_version + 1);
  EXPECT_EQ(after.link_version, loaded.link_version);
  EXPECT_EQ(after.environment, "STAGE");
  EXPECT_EQ(after.origin, "https://a.example");
  EXPECT_EQ(after.grant, GrantState::doubtful);
  EXPECT_EQ(after.health, health_of(Status::ok, 9, 99));
  EXPECT_EQ(after.candidate->secrets.bytes, "candidate");
  EXPECT_EQ(after.candidate->state, CandidateState::given);
  EXPECT_EQ(after.events_key.bytes, "events key");
  EXPECT_EQ(events_of(key), 2);
}

TEST_P(StoreCommitContract, WhatAWriteDoesNotNameStays) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  CredentialWrite write = write_for(load(key));
  write.grant = GrantState::sending;
  write.origin = "https://a.example";
  write.candidate = Candidate{.secrets = {"candidate"}, .state = CandidateState::sending};
  ASSERT_EQ(commit(write).end, End::done);
  const StoredCredential before = load(key);
  ASSERT_EQ(commit(write_for(before)).end, End::done);
  const StoredCredential after = load(key);
  EXPECT_EQ(after.secrets.bytes, before.secrets.bytes);
  EXPECT_EQ(after.secrets_version, before.secrets_version);
  EXPECT_EQ(after.origin, "https://a.example");
  EXPECT_EQ(after.grant, GrantState::sending);
  EXPECT_EQ(after.candidate->state, CandidateState::sending);
  EXPECT_EQ(after.health, before.health);
}

// Fault 3: the commit succeeded, and the answer to it was lost. Made once more, it neither writes twice nor says that the row has
// moved.
TEST_P(StoreCommitContract, AWriteThatIsMadeOnceMoreChangesNothing) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  CredentialWrite write = write_for(load(key));
  write.secrets = Sealed{"rotated"};
  write.tokens = TokenDigests{.held = digest(2), .spent = {digest(1)}, .secrets = {}, .now = at(1)};
  write.health = [](const CredentialHealth& health, Random&) {
    CredentialHealth after = health;
    after.status = Status::unauthenticated;
    ++after.refusals;
    return std::optional(after);
  };
  write.events = EventsWrite{.day = 1, .segments = {{.day = 1, .count = 1, .data = {"x"}}}};
  ASSERT_EQ(commit(write).end, End::done);
  const StoredCredential once = load(key);
  for (int i = 0; i < 2; ++i) {
    const Committed again = commit(write);
    EXPECT_EQ(again.end, End::done) << "its own write is no race that is lost";
    EXPECT_EQ(again.after, once.health);
  }
  const StoredCredential after = load(key);
  EXPECT_EQ(after.secrets_version, once.secrets_version);
  EXPECT_EQ(after.health, once.health);
  EXPECT_EQ(after.health.refusals, 1);
  EXPECT_EQ(history(key).size(), 1U);
  EXPECT_EQ(events_of(key), 1);
  // Another write in between: it is not the last one any more, and its place is taken.
  ASSERT_EQ(commit(write_for(after)).end, End::done);
  EXPECT_EQ(commit(write).end, End::gone);
}

TEST_P(StoreCommitContract, ACandidateThatIsCommittedOnceMoreHoldsItsOwnToken) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  CredentialWrite write = write_for(load(key), Needs::link);
  write.candidate = Candidate{.secrets = {"candidate"}};
  write.candidate_claim = claim(digest(1));
  ASSERT_EQ(commit(write).end, End::done);
  EXPECT_EQ(commit(write).end, End::done);
}

TEST_P(StoreCommitContract, SecretsReplacedMeanwhileAreALostRace) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  CredentialWrite late = write_for(load(key)), first = write_for(load(key));
  first.secrets = Sealed{"first"};
  ASSERT_EQ(commit(first).end, End::done);
  late.secrets = Sealed{"late"};
  late.health = becomes(health_of(Status::unauthenticated));
  late.grant = GrantState::unknown;
  late.events = EventsWrite{.day = 1, .segments = {{.day = 1, .number = 0, .count = 1, .data = {"x"}}}};
  late.candidate = Candidate{.secrets = {"candidate"}};
  EXPECT_EQ(commit(late).end, End::gone);
  EXPECT_EQ(load(key).secrets.bytes, "first");
  EXPECT_EQ(load(key).grant, GrantState::held);
  EXPECT_FALSE(load(key).candidate);
  EXPECT_NE(health(key).status, Status::unauthenticated);
  EXPECT_EQ(events_of(key), 0);
}

// The rule is applied to what stands there, not to what was loaded.
TEST_P(StoreCommitContract, HealthThatMovedMeanwhileIsDecidedAnew) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  CredentialWrite late = write_for(load(key));
  CredentialHealth moved = health_of(Status::temporarily_unavailable, 3);
  moved.refusals = 5;
  set_health(key, moved);
  late.secrets = Sealed{"rotated"};
  late.health = [](const CredentialHealth& health, Random&) {
    CredentialHealth after = health;
    ++after.refusals;
    return std::optional(after);
  };
  const Committed committed = commit(late);
  EXPECT_EQ(committed.end, End::done);
  EXPECT_EQ(committed.before.refusals, 5);
  EXPECT_EQ(health(key).refusals, 6);
  EXPECT_EQ(load(key).secrets.bytes, "rotated") << "a rotated token is never lost";
}

TEST_P(StoreCommitContract, UnlinkedMeanwhileTheTokenIsKeptAndNothingElse) {
  const LeafUserId user = add_user(owner_);
  const CredentialKey key = add_credential(owner_, user);
  add_events(key, 20'000, {5});
  const CredentialWrite loaded = write_for(load(key));
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_EQ(events_of(key), 0) << "gone at once";
  EXPECT_TRUE(load(key).events_key.empty()) << "and their key with them";
  CredentialWrite late = loaded;
  late.secrets = Sealed{"rotated"};
  late.grant = GrantState::doubtful;
  late.tokens = TokenDigests{.held = digest(2), .spent = {digest(1)}, .secrets = {}, .now = at(1)};
  late.health = becomes(health_of(Status::ok, 4, 50));
  late.events = EventsWrite{.day = 20'000, .segments = {{.day = 20'000, .number = 0, .count = 1, .data = {"x"}}}};
  EXPECT_EQ(commit(late).end, End::unlinked);
  EXPECT_EQ(load(key).leaf_user, std::nullopt);
  EXPECT_EQ(load(key).secrets.bytes, "rotated") << "linked again, it must still work";
  EXPECT_EQ(load(key).grant, GrantState::doubtful);
  EXPECT_EQ(past(key), std::vector{digest(1)});
  EXPECT_EQ(health(key).next_check, std::nullopt);
  EXPECT_NE(health(key).status, Status::ok);
  EXPECT_TRUE(history(key).empty());
  EXPECT_EQ(events_of(key), 0) << "an answer never brings anything back";
  // Linked again in between, it is another link.
  ASSERT_TRUE(change(user, link(key), 200));
  CredentialWrite later = write_for(load(key));
  later.link_version = loaded.link_version;
  later.secrets = Sealed{"rotated again"};
  later.health = becomes(health_of(Status::unauthenticated));
  EXPECT_EQ(commit(later).end, End::unlinked);
  EXPECT_EQ(load(key).secrets.bytes, "rotated again");
  EXPECT_EQ(health(key).next_check, at(200));
}

TEST_P(StoreCommitContract, WhatNeedsTheLinkIsNotWrittenWithoutIt) {
  const LeafUserId user = add_user(owner_);
  const CredentialKey key = add_credential(owner_, user);
  CredentialWrite late = write_for(load(key), Needs::link);
  late.secrets = Sealed{"a PUT's"};
  late.candidate = Candidate{.secrets = {"candidate"}};
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_EQ(commit(late).end, End::unlinked);
  EXPECT_EQ(load(key).secrets.bytes, "sealed secrets");
  EXPECT_FALSE(load(key).candidate);
  ASSERT_TRUE(change(user, link(key)));
  EXPECT_EQ(commit(late).end, End::unlinked) << "linked anew";
}

TEST_P(StoreCommitContract, DeletedMeanwhileNothingComesBack) {
  const LeafUserId user = add_user(owner_);
  const CredentialKey key = add_credential(owner_, user);
  CredentialWrite late = write_for(load(key));
  late.secrets = Sealed{"rotated"};
  late.candidate = Candidate{.secrets = {"candidate"}};
  ASSERT_TRUE(run(store_.delete_credential(owner_, user, "valley")));
  EXPECT_EQ(commit(late).end, End::gone);
  EXPECT_FALSE(exists(key));
}

// What a PUT comes to: its rule gives nothing where the stored login is to stay.
TEST_P(StoreCommitContract, ARuleThatGivesNothingLeavesTheLoginAndRemovesTheCandidate) {
  const CredentialKey key = add_with_token(digest(1));
  ASSERT_EQ(put(key, claim(digest(2))).end, End::done);
  const StoredCredential before = load(key);
  CredentialWrite answer = write_for(before);
  answer.secrets = Sealed{"the candidate's"};
  answer.environment = "STAGE";
  answer.origin = "https://b.example";
  answer.grant = GrantState::unknown;
  answer.tokens = TokenDigests{.held = digest(2), .spent = {}, .secrets = {digest(3)}, .now = at(1)};
  answer.health = leaves_it();
  answer.removes_candidate = true;
  answer.events = EventsWrite{.day = 1, .segments = {{.day = 1, .count = 1, .data = {"x"}}}};
  const Committed committed = commit(answer);
  EXPECT_EQ(committed.end, End::done);
  EXPECT_FALSE(committed.is_applied);
  const StoredCredential after = load(key);
  EXPECT_FALSE(after.candidate);
  EXPECT_EQ(after.secrets.bytes, before.secrets.bytes);
  EXPECT_EQ(after.secrets_version, before.secrets_version);
  EXPECT_EQ(after.environment, before.environment);
  EXPECT_EQ(after.origin, before.origin);
  EXPECT_EQ(after.grant, GrantState::held);
  EXPECT_EQ(after.health, before.health);
  EXPECT_TRUE(past(key).empty());
  EXPECT_EQ(events_of(key), 1) << "each exchange is an event, also when the answer is 422";
  EXPECT_TRUE(add(make_credential(owner_, add_user(owner_)), claim(digest(2)))) << "the candidate's token is free";
  EXPECT_FALSE(add(make_credential(owner_, add_user(owner_)), claim(digest(1)))) << "the stored one is held still";
}

// Sentera's organization is not shown while the login may not see it.
TEST_P(StoreCommitContract, WithoutPermissionTheOtherSecretsAreWritten) {
  for (const Status status : kAllStatuses) {
    const CredentialKey key = add_credential(owner_, add_user(owner_));
    CredentialWrite write = write_for(load(key));
    write.secrets = Sealed{"all"};
    write.secrets_without_permission = Sealed{"less"};
    write.health = becomes(health_of(status));
    ASSERT_EQ(commit(write).end, End::done);
    EXPECT_EQ(load(key).secrets.bytes, status == Status::missing_permission ? "less" : "all");
    EXPECT_EQ(load(key).secrets_version, 2);
  }
}

TEST_P(StoreCommitContract, CandidatesStandBesideTheStoredLogin) {
  const LeafUserId user = add_user(owner_);
  const CredentialKey key = add_credential(owner_, user);
  ASSERT_EQ(put(key, claim("")).end, End::done);
  EXPECT_EQ(load(key).candidate->secrets.bytes, "candidate");
  EXPECT_EQ(load(key).candidate->state, CandidateState::unsent);
  EXPECT_EQ(run(store_.find_revealed(owner_, user, "valley"))->secrets.bytes, "sealed secrets") << "GET never shows it";
  CredentialWrite write = write_for(load(key));
  write.candidate = Candidate{.secrets = {"refreshed"}, .state = CandidateState::given};
  ASSERT_EQ(commit(write).end, End::done);
  EXPECT_EQ(load(key).candidate->secrets.bytes, "refreshed");
  EXPECT_EQ(load(key).candidate->state, CandidateState::given);
  // What was given for it is kept unlinked, too.
  CredentialWrite late = write_for(load(key));
  late.candidate = Candidate{.secrets = {"again"}, .state = CandidateState::given};
  ASSERT_TRUE(change(user, unlink()));
  EXPECT_EQ(commit(late).end, End::unlinked);
  EXPECT_EQ(load(key).candidate->secrets.bytes, "again");
  ASSERT_TRUE(change(user, link(key)));
  CredentialWrite promoted = write_for(load(key));
  promoted.secrets = Sealed{"promoted"};
  promoted.removes_candidate = true;
  ASSERT_EQ(commit(promoted).end, End::done);
  EXPECT_FALSE(load(key).candidate);
  EXPECT_EQ(load(key).secrets.bytes, "promoted");
}

// docs/api.md, "One grant, one holder".
TEST_P(StoreCommitContract, ATokenThatAnotherHoldsOrHasSpentIsRefused) {
  const CredentialKey holder = add_with_token(digest(1));
  rotate(holder, digest(2), {digest(1)}, at(1));
  const CredentialKey trying = add_credential(owner_, add_user(owner_));
  ASSERT_EQ(put(trying, claim(digest(3))).end, End::done);
  const OwnerId other = add_owner("other@example.com");
  struct Row {
    const char* what;
    GrantClaim token;
    std::optional<CredentialKey> refused_for;
  };
  const Row rows[] = {
      {"spent", claim(digest(1)), holder},
      {"held", claim(digest(2)), holder},
      {"a candidate's", claim(digest(3)), trying},
      {"nobody's", claim(digest(4)), {}},
      {"held, where several may share it", claim(digest(2), false), {}},
      {"none", claim(""), {}},
  };
  for (const Row& row : rows) {
    const LeafUserId user = add_user(owner_);
    const StoredCredential fresh = make_credential(owner_, user);
    const auto posted = add(fresh, row.token);
    EXPECT_EQ(posted.has_value(), !row.refused_for) << row.what;
    EXPECT_EQ(exists(fresh.key), !row.refused_for) << row.what;
    if (!posted) {
      EXPECT_EQ(posted.error().code, ErrorCode::grant_in_use) << row.what;
      EXPECT_NE(posted.error().detail.find(row.refused_for->id.text()), std::string::npos) << row.what;
      EXPECT_NE(posted.error().detail.find(load(*row.refused_for).leaf_user->text()), std::string::npos) << row.what;
      ASSERT_TRUE(add(fresh)) << "and the user has none";
    }
    ASSERT_TRUE(run(store_.delete_credential(owner_, user, "valley")));

    const CredentialKey putting = add_credential(owner_, add_user(owner_));
    const Committed tried = put(putting, row.token);
    EXPECT_EQ(tried.end, row.refused_for ? End::token_in_use : End::done) << row.what;
    EXPECT_EQ(load(putting).candidate.has_value(), !row.refused_for) << row.what;
    ASSERT_EQ(tried.holder.has_value(), row.refused_for.has_value()) << row.what;
    if (tried.holder) EXPECT_EQ(tried.holder->id, row.refused_for->id) << row.what;
    CredentialWrite drop = write_for(load(putting));
    drop.removes_candidate = true;
    ASSERT_EQ(commit(drop).end, End::done);
    EXPECT_TRUE(add(make_credential(other, add_user(other)), row.token)) << row.what << ": across owners nothing is guarded";
  }
}

TEST_P(StoreCommitContract, AnUnlinkedHolderHoldsItStillAndADeletedOneDoesNot) {
  const LeafUserId user = add_user(owner_);
  const StoredCredential row = make_credential(owner_, user);
  ASSERT_TRUE(add(row, claim(digest(1))));
  ASSERT_TRUE(change(user, unlink()));
  const auto refused = add(make_credential(owner_, add_user(owner_)), claim(digest(1)));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find(user.text()), std::string::npos) << "the user it last had";
  ASSERT_TRUE(run(store_.delete_user(owner_, user)));
  EXPECT_TRUE(add(make_credential(owner_, add_user(owner_)), claim(digest(1))));
}

TEST_P(StoreCommitContract, OnesOwnTokenMayBePutAgainButNotWhatOneHasSpent) {
  const CredentialKey key = add_with_token(digest(1));
  EXPECT_EQ(put(key, claim(digest(1))).end, End::done) << "one grant with the stored one";
  rotate(key, digest(2), {digest(1)}, at(1));
  const Committed spent = put(key, claim(digest(1)));
  EXPECT_EQ(spent.end, End::token_spent);
  EXPECT_FALSE(spent.holder);
  EXPECT_EQ(put(key, claim(digest(1), false)).end, End::done) << "where several may share it";
  EXPECT_EQ(put(key, claim(digest(2))).end, End::done);
}

TEST_P(StoreCommitContract, ANewTokenTakesTheOldOnesPlace) {
  const CredentialKey key = add_with_token(digest(1));
  rotate(key, digest(2), {}, at(1));  // by a PUT: what the client took back may be shown again
  EXPECT_TRUE(add(make_credential(owner_, add_user(owner_)), claim(digest(1))));
  EXPECT_FALSE(add(make_credential(owner_, add_user(owner_)), claim(digest(2))));
  ASSERT_EQ(put(key, claim(digest(3))).end, End::done);
  ASSERT_EQ(put(key, claim(digest(4))).end, End::done) << "another PUT's";
  EXPECT_TRUE(add(make_credential(owner_, add_user(owner_)), claim(digest(3))));
  EXPECT_FALSE(add(make_credential(owner_, add_user(owner_)), claim(digest(4))));
}

// Fault 19: what is kept of spent tokens is bounded, and never the ones that matter.
TEST_P(StoreCommitContract, OfSpentTokensTheFirstTwoTheLastThirtyAndTwoDaysAreKept) {
  const CredentialKey key = add_with_token(digest(0));
  const WallTime begin = at(0);
  for (int i = 0; i < 60; ++i) rotate(key, digest(i + 1), {digest(i)}, begin + std::chrono::hours(10 * i));
  // At the last one 590 hours have passed: the last five are of two days, the last thirty are kept all the same.
  std::vector<std::string> expected{digest(0), digest(1)};
  for (int i = 30; i < 60; ++i) expected.push_back(digest(i));
  std::ranges::sort(expected);
  EXPECT_EQ(past(key), expected);
  // A busy one: all of two days.
  const CredentialKey busy = add_with_token(digest(1'000));
  for (int i = 0; i < 100; ++i) rotate(busy, digest(1'001 + i), {digest(1'000 + i)}, begin + std::chrono::hours(i));
  expected = {digest(1'000), digest(1'001)};
  for (int i = 51; i < 100; ++i) expected.push_back(digest(1'000 + i));
  std::ranges::sort(expected);
  EXPECT_EQ(past(busy), expected) << "the edge of 48 hours counts";
}

TEST_P(StoreCommitContract, OfSpentTokensNoMoreThanFourThousandAreKept) {
  const CredentialKey key = add_with_token(digest(0));
  constexpr int kMany = static_cast<int>(kSpentMax) + 50;
  std::vector<std::string> batch;
  for (int i = 0; i < kMany; ++i) {
    CredentialWrite write = write_for(load(key));
    write.tokens = TokenDigests{.held = {}, .spent = {digest(i)}, .secrets = {}, .now = at(i)};
    ASSERT_EQ(commit(write).end, End::done);
  }
  const auto kept = run(store_.list_past_secrets(key));
  EXPECT_EQ(std::ssize(kept), kSpentMax);
  EXPECT_NE(std::ranges::find(kept, digest(0)), kept.end());
  EXPECT_NE(std::ranges::find(kept, digest(1)), kept.end());
  EXPECT_EQ(std::ranges::find(kept, digest(2)), kept.end());
  EXPECT_NE(std::ranges::find(kept, digest(kMany - 1)), kept.end());
}

TEST_P(StoreCommitContract, ReplacedSecretsAreKnownAndHoldNothing) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  CredentialWrite write = write_for(load(key));
  write.tokens = TokenDigests{.held = {}, .spent = {digest(1)}, .secrets = {digest(2), digest(2), digest(3)}, .now = at(1)};
  ASSERT_EQ(commit(write).end, End::done);
  EXPECT_EQ(past(key), (std::vector{digest(1), digest(2), digest(3)}));
  EXPECT_EQ(put(key, claim(digest(2))).end, End::done) << "a password that was replaced may come again";
  EXPECT_TRUE(add(make_credential(owner_, add_user(owner_)), claim(digest(3))));
}

TEST_P(StoreCommitContract, EveryChangeOfStatusHasItsRowOfHistory) {
  const StoredCredential row = make_credential(owner_, add_user(owner_));
  ASSERT_TRUE(add(row));
  CredentialHealth health = row.health;
  const auto becomes_by = [&](Status status, std::int64_t since, std::optional<Reason> reason, Cause cause) {
    health = health_of(status, since);
    health.reason = reason;
    health.status_cause = cause;
    set_health(row.key, health);
  };
  becomes_by(Status::ok, 10, {}, Cause::created);
  becomes_by(Status::ok, 10, Reason::refused_once, Cause::created);
  becomes_by(Status::unauthenticated, 20, Reason::refused, Cause::check);
  becomes_by(Status::temporarily_unavailable, 30, Reason::provider_refuses_many, Cause::breaker);
  using Change = StatusChange;
  const std::vector<Change> expected = {
      {row.key, at(30), Status::unauthenticated, Status::temporarily_unavailable, Reason::provider_refuses_many, Cause::breaker},
      {row.key, at(20), Status::ok, Status::unauthenticated, Reason::refused, Cause::check},
      {row.key, at(10), {}, Status::ok, {}, Cause::created},
  };
  EXPECT_EQ(history(row.key), expected) << "newest first; none for the reason alone";
  EXPECT_EQ(history(row.key, {.page = 1, .size = 2}), (std::vector<Change>{expected.back()}));
  EXPECT_TRUE(history(row.key, {.page = 2, .size = 2}).empty());
  EXPECT_EQ(run(store_.list_history(row.key, {.page = 9, .size = 2})).total, 3);
  ASSERT_TRUE(run(store_.delete_credential(owner_, *row.leaf_user, "valley")));
  EXPECT_TRUE(history(row.key).empty());
}

// A clock that stands still or is set back puts no two rows in one place, nor in the wrong order.
TEST_P(StoreCommitContract, RowsOfHistoryStandInTheOrderOfTheirCommits) {
  const CredentialKey key = add_credential(owner_, add_user(owner_));
  const std::int64_t times[] = {100, 100, 50, 200};
  Status status = Status::ok;
  for (const std::int64_t time : times) {
    set_health(key, health_of(status, time));
    status = status == Status::ok ? Status::unauthenticated : Status::ok;
  }
  std::vector<WallTime> seen;
  for (const StatusChange& change : history(key)) seen.push_back(change.time);
  EXPECT_EQ(seen, (std::vector{at(200), at(100) + microseconds(2), at(100) + microseconds(1), at(100)}));
  EXPECT_EQ(health(key).since, at(200));
}

TEST_P(StoreCommitContract, APostMayTellItsFirstRowItself) {
  StoredCredential row = make_credential(owner_, add_user(owner_));
  row.health.reason = Reason::not_configured;
  ASSERT_TRUE(add(row, {}, Cause::created));
  ASSERT_EQ(history(row.key).size(), 1U);
  EXPECT_EQ(history(row.key).front().from, std::nullopt);
  EXPECT_EQ(history(row.key).front().cause, Cause::created);
  EXPECT_EQ(history(row.key).front().reason, Reason::not_configured);
  EXPECT_EQ(history(row.key).front().time, row.health.since);
}

}  // namespace

}  // namespace granary
