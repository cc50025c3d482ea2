// What a write does to the row that it finds: pure functions, so that no store can decide it otherwise.
#include "store/credential_write.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

// A rule, and the row of history that comes with what it makes of the health.
std::optional<HealthChange> changed_by(const HealthRule& rule, CredentialKey key, const CredentialHealth& health,
                                       std::optional<WallTime> last_change, Cause cause, std::uint64_t seed) {
  auto after = apply_rule(rule, key, health, seed);
  if (!after) return std::nullopt;
  return with_history(key, health, std::move(*after), last_change, cause);
}

using End = Committed::End;
using Needs = CredentialWrite::Needs;

WallTime at(std::int64_t offset) { return WallTime(std::chrono::days(20'000)) + seconds(offset); }

CredentialHealth health_of(Status status, std::int64_t since = 0) {
  CredentialHealth health;
  health.status = status;
  health.since = at(since);
  health.reason.reset();
  health.answer_cause = Cause::check;
  health.action.reset();
  if (status == Status::unauthenticated) health.reason = Reason::refused;
  return settle_action({}, health);
}

HealthRule becomes(const CredentialHealth& health) {
  return [health](const CredentialHealth&, Random&) { return std::optional(health); };
}
HealthRule leaves_it() {
  return [](const CredentialHealth&, Random&) { return std::optional<CredentialHealth>(); };
}

// A write with everything in it, of version 3 of the secrets and version 5 of the link.
CredentialWrite whole_write() {
  CredentialWrite write;
  write.id = 77;
  write.secrets_version = 3;
  write.link_version = 5;
  write.secrets = Sealed{"secrets"};
  write.health = becomes(health_of(Status::unauthenticated, 10));
  write.events = EventsWrite{.day = 1};
  return write;
}

RowFacts row() {
  return {.secrets_version = 3,
          .link_version = 5,
          .last_write = 1,
          .is_linked = true,
          .health = health_of(Status::ok),
          .last_change = at(0)};
}

TEST(PlanWrite, WhatIsWrittenWhere) {
  struct Row {
    const char* what;
    RowFacts row;
    Needs needs;
    End end;
    bool secrets, health, events;
  };
  const auto with = [](auto change) {
    RowFacts facts = row();
    change(facts);
    return facts;
  };
  const RowFacts replaced = with([](RowFacts& facts) { facts.secrets_version = 4; });
  const RowFacts older = with([](RowFacts& facts) { facts.secrets_version = 2; });
  const RowFacts unlinked = with([](RowFacts& facts) {
    facts.is_linked = false;
    facts.link_version = 6;
  });
  const RowFacts linked_anew = with([](RowFacts& facts) { facts.link_version = 7; });
  const RowFacts replaced_and_unlinked = with([](RowFacts& facts) {
    facts.is_linked = false;
    facts.link_version = 6;
    facts.secrets_version = 4;
  });
  const Row rows[] = {
      {"as it was loaded", row(), Needs::row, End::done, true, true, true},
      {"as it was loaded, needs the link", row(), Needs::link, End::done, true, true, true},
      {"secrets replaced", replaced, Needs::row, End::gone, false, false, false},
      {"secrets replaced, needs the link", replaced, Needs::link, End::gone, false, false, false},
      {"an older row put back", older, Needs::row, End::gone, false, false, false},
      {"unlinked: what the provider gave is kept", unlinked, Needs::row, End::unlinked, true, false, false},
      {"unlinked, needs the link", unlinked, Needs::link, End::unlinked, false, false, false},
      {"linked anew", linked_anew, Needs::row, End::unlinked, true, false, false},
      {"linked anew, needs the link", linked_anew, Needs::link, End::unlinked, false, false, false},
      {"unlinked and replaced", replaced_and_unlinked, Needs::row, End::gone, false, false, false},
  };
  for (const Row& expected : rows) {
    CredentialWrite write = whole_write();
    write.needs = expected.needs;
    const WritePlan plan = plan_write(write, expected.row);
    EXPECT_EQ(plan.committed.end, expected.end) << expected.what;
    EXPECT_EQ(plan.writes_secrets, expected.secrets) << expected.what;
    EXPECT_EQ(plan.secrets != nullptr, expected.secrets) << expected.what;
    EXPECT_EQ(plan.health.has_value(), expected.health) << expected.what;
    EXPECT_EQ(plan.committed.change.has_value(), expected.health) << expected.what;
    EXPECT_EQ(plan.writes_events, expected.events) << expected.what;
    EXPECT_FALSE(plan.committed.was_made_before) << expected.what;
    EXPECT_EQ(plan.committed.before, expected.row.health) << expected.what;
    EXPECT_EQ(plan.committed.after, expected.health ? health_of(Status::unauthenticated, 10) : expected.row.health)
        << expected.what;
  }
}

// Fault 3: whatever else the row says, a write that it has made already is done.
TEST(PlanWrite, TheSameWriteTwiceChangesNothing) {
  RowFacts made = row();
  made.last_write = 77;
  made.secrets_version = 4;  // by itself
  made.health = health_of(Status::unauthenticated, 10);
  for (const bool is_linked : {true, false})
    for (const Needs needs : {Needs::row, Needs::link}) {
      made.is_linked = is_linked;
      CredentialWrite write = whole_write();
      write.needs = needs;
      const WritePlan plan = plan_write(write, made);
      EXPECT_TRUE(plan.committed.was_made_before);
      EXPECT_EQ(plan.committed.end, End::done);
      EXPECT_FALSE(plan.writes_secrets || plan.writes_events || plan.health || plan.secrets);
      EXPECT_FALSE(plan.committed.change) << "it was told";
      EXPECT_EQ(plan.committed.after, made.health);
    }
}

TEST(PlanWrite, ARuleThatGivesNothingLeavesAllButTheEvents) {
  CredentialWrite write = whole_write();
  write.health = leaves_it();
  const WritePlan plan = plan_write(write, row());
  EXPECT_EQ(plan.committed.end, End::done);
  EXPECT_FALSE(plan.committed.is_applied);
  EXPECT_FALSE(plan.writes_secrets);
  EXPECT_FALSE(plan.health);
  EXPECT_FALSE(plan.committed.change);
  EXPECT_TRUE(plan.writes_events);
}

TEST(PlanWrite, WithoutARuleTheHealthStays) {
  CredentialWrite write = whole_write();
  write.health = {};
  const WritePlan plan = plan_write(write, row());
  EXPECT_TRUE(plan.committed.is_applied);
  EXPECT_TRUE(plan.writes_secrets);
  EXPECT_FALSE(plan.health);
  EXPECT_FALSE(plan.committed.change);
}

TEST(PlanWrite, WithoutPermissionTheOtherSecretsAreChosen) {
  for (const Status status : kAllStatuses)
    for (const bool has_secrets : {true, false}) {
      CredentialWrite write = whole_write();
      if (!has_secrets) write.secrets.reset();
      write.secrets_without_permission = Sealed{"less"};
      write.health = becomes(health_of(status, 10));
      const WritePlan plan = plan_write(write, row());
      const std::string chosen = plan.secrets ? plan.secrets->bytes : "";
      EXPECT_EQ(chosen, status == Status::missing_permission ? "less" : has_secrets ? "secrets" : "") << name_of(status);
    }
}

TEST(ApplyRule, ARowOfHistoryComesWithEachChangeOfStatus) {
  CredentialHealth after = health_of(Status::unauthenticated, 10);
  after.reason = Reason::refused;
  after.status_cause = Cause::request;
  const CredentialKey key{.owner = {}, .id = {{1, 2}}};
  auto changed = changed_by(becomes(after), key, health_of(Status::ok), at(0), Cause::check, 1);
  ASSERT_TRUE(changed && changed->change);
  EXPECT_EQ(*changed->change, (StatusChange{key, at(10), Status::ok, Status::unauthenticated, Reason::refused, Cause::request}));
  after.status_cause.reset();
  changed = changed_by(becomes(after), key, health_of(Status::ok), at(0), Cause::operator_, 1);
  EXPECT_EQ(changed->change->cause, Cause::operator_) << "the write's, where the health does not say it";

  CredentialHealth same = health_of(Status::ok, 10);
  same.reason = Reason::refused_once;
  same.action = Action::wait;
  changed = changed_by(becomes(same), key, health_of(Status::ok), at(0), Cause::check, 1);
  ASSERT_TRUE(changed);
  EXPECT_FALSE(changed->change) << "none for the reason alone";
  EXPECT_EQ(changed->health, same);
  EXPECT_FALSE(changed_by(leaves_it(), key, health_of(Status::ok), at(0), Cause::check, 1));
}

TEST(ApplyRule, ARowStandsAMicrosecondAfterTheOneBeforeAtLeast) {
  struct Row {
    const char* what;
    std::int64_t since;
    WallTime expected;
  };
  const Row rows[] = {
      {"later", 101, at(101)},
      {"at the same moment", 100, at(100) + microseconds(1)},
      {"a clock set back", 7, at(100) + microseconds(1)},
  };
  for (const Row& row : rows) {
    const auto changed =
        changed_by(becomes(health_of(Status::unauthenticated, row.since)), {}, health_of(Status::ok), at(100), Cause::check, 1);
    ASSERT_TRUE(changed && changed->change) << row.what;
    EXPECT_EQ(changed->change->time, row.expected) << row.what;
    EXPECT_EQ(changed->health.since, row.expected) << row.what << ": the row's time is the status's `since`";
  }
}

TEST(ApplyRule, TheFirstAnswerIsAChangeFromNothing) {
  CredentialHealth fresh;
  fresh.since = at(0);
  for (const Status status : kAllStatuses) {
    const auto changed = changed_by(becomes(health_of(status, 5)), {}, fresh, {}, Cause::created, 1);
    ASSERT_TRUE(changed && changed->change) << name_of(status);
    EXPECT_EQ(changed->change->from, std::nullopt) << name_of(status);
    EXPECT_EQ(changed->change->to, status);
  }
  // Told already, or no answer yet.
  EXPECT_FALSE(changed_by(becomes(health_of(Status::temporarily_unavailable, 5)), {}, fresh, at(0), Cause::created, 1)->change);
  CredentialHealth counted = fresh;
  counted.refusals = 1;
  EXPECT_FALSE(changed_by(becomes(counted), {}, fresh, {}, Cause::created, 1)->change);
  EXPECT_EQ(changed_by(becomes(health_of(Status::ok, 5)), {}, fresh, at(0), Cause::created, 1)->change->from,
            Status::temporarily_unavailable);
}

TEST(ApplyRule, ChanceDiffersFromRowToRow) {
  const HealthRule rule = [](const CredentialHealth& health, Random& random) {
    CredentialHealth after = health;
    after.refusals = static_cast<std::int32_t>(random.below(1'000'000));
    return std::optional(after);
  };
  const auto drawn = [&](std::uint8_t id, std::uint64_t seed) {
    return changed_by(rule, {.owner = {}, .id = {{id}}}, health_of(Status::ok), at(0), Cause::check, seed)->health.refusals;
  };
  EXPECT_NE(drawn(1, 1), drawn(2, 1));
  EXPECT_NE(drawn(1, 1), drawn(1, 2));
  EXPECT_EQ(drawn(1, 1), drawn(1, 1)) << "a write that is made once more draws the same";
}

TEST(GrantHolder, IsNamedToWhoBringsItsToken) {
  const GrantHolder holder{.id = {{1}}, .leaf_user = {{2}}};
  EXPECT_NE(text_of(holder).find(holder.id.text()), std::string::npos);
  EXPECT_NE(text_of(holder).find(holder.leaf_user.text()), std::string::npos);
}

}  // namespace

}  // namespace granary
