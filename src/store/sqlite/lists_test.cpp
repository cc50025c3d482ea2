// Every list that the API offers is a walk along an index: SQLite is asked how it would go about each.
#include "store/sqlite/lists.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_fixture.hpp"
#include "store/sqlite/open.hpp"
#include "store/sqlite/reader.hpp"

namespace granary::sqlite {

namespace {

using testing::HasSubstr;
using testing::Not;

class ListsTest : public testing::Test {
 protected:
  std::string plan_of(const std::string& sql) {
    auto steps = db_->prepare_text("EXPLAIN QUERY PLAN " + sql);
    std::string plan;
    while (steps.step()) plan += steps.text(3) + "\n";
    return plan;
  }
  static std::string prepared(const std::string& file) {
    prepare(file, [] { return RingRow{.version = 1, .wrapped = {"ring key"}}; }, WallTime());
    return file;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Connection> db_ = open_for_reading(prepared(folder_ / "granary.db"));
};

constexpr UserSortKey kKeys[] = {UserSortKey::id, UserSortKey::name, UserSortKey::email, UserSortKey::external_id,
                                 UserSortKey::created_time};
constexpr Direction kDirections[] = {Direction::ascending, Direction::descending};

TEST_F(ListsTest, EachSortByOneKeyIsAWalkAndEachCountToo) {
  std::vector<std::vector<UserSort>> sorts{{}};
  for (const UserSortKey key : kKeys)
    for (const Direction direction : kDirections) sorts.push_back({{key, direction}});
  for (const auto& sort : sorts) {
    const ListSql sql = sql_of_users({}, sort);
    EXPECT_THAT(plan_of(sql.count), HasSubstr("USING COVERING INDEX")) << sql.count;
    EXPECT_THAT(plan_of(sql.page), HasSubstr("USING COVERING INDEX")) << sql.page;
    EXPECT_THAT(plan_of(sql.page), Not(HasSubstr("TEMP B-TREE"))) << sql.page;
  }
}

TEST_F(ListsTest, AFilterIsFoundByItsIndexHoweverTheRestIsSorted) {
  const UserFilter filters[] = {{.email = "a"}, {.name = "a"}, {.external_id = "a"}};
  for (const UserFilter& filter : filters) {
    const ListSql plain = sql_of_users(filter, {});
    EXPECT_THAT(plan_of(plain.count), HasSubstr("USING COVERING INDEX")) << plain.count;
    EXPECT_THAT(plan_of(plain.page), HasSubstr("USING COVERING INDEX")) << plain.page;
    EXPECT_THAT(plan_of(plain.page), Not(HasSubstr("TEMP B-TREE"))) << plain.page;
    for (const UserSortKey key : kKeys)
      for (const Direction direction : kDirections)
        EXPECT_THAT(plan_of(sql_of_users(filter, {{key, direction}}).page), HasSubstr("=? AND ")) << plain.page;
  }
  const ListSql all = sql_of_users({.email = "a", .name = "b", .external_id = "c"}, {{UserSortKey::name, Direction::descending}});
  EXPECT_THAT(plan_of(all.count), HasSubstr("(owner_id=? AND external_id=?)"));
  EXPECT_THAT(plan_of(all.page), HasSubstr("(owner_id=? AND external_id=?)"));
}

TEST_F(ListsTest, SortsBySeveralKeysStayWithinTheOwner) {
  for (const UserSortKey first : kKeys)
    for (const UserSortKey second : kKeys) {
      const ListSql sql = sql_of_users({}, {{first, Direction::ascending}, {second, Direction::descending}});
      EXPECT_THAT(plan_of(sql.page), HasSubstr("(owner_id=?)")) << sql.page;
    }
}

// By one value each, in the order of the list; of several, by the index of the first that is named here.
TEST_F(ListsTest, CredentialsAreFoundByIndexNewestFirst) {
  const auto [statuses, providers] = std::pair(std::vector{Status::ok}, std::vector<std::string>{"valley"});
  const struct {
    CredentialFilter filter;
    const char* index;
  } rows[] = {{{}, "by_change"},
              {{.statuses = statuses}, "by_status"},
              {{.statuses = statuses, .providers = providers}, "by_provider"},
              {{.providers = providers}, "by_provider"},
              {{.reasons = {Reason::timeout}}, "by_reason"},
              {{.statuses = statuses, .providers = providers, .reasons = {Reason::timeout}}, "by_reason"},
              {{.statuses = statuses, .actions = {Action::reconnect}, .reasons = {Reason::refused}}, "by_action"}};
  for (const auto& row : rows)
    for (const auto& since : {std::optional<WallTime>(), std::optional(WallTime())}) {
      CredentialFilter filter = row.filter;
      filter.changed_since = since;
      const ListSql sql = sql_of_credentials(filter);
      for (const std::string& text : {sql.count, sql.page}) {
        EXPECT_THAT(plan_of(text), HasSubstr("SEARCH credential USING INDEX")) << text;
        EXPECT_THAT(plan_of(text), HasSubstr("(owner_id=?")) << text;
        EXPECT_THAT(plan_of(text), Not(HasSubstr("TEMP B-TREE"))) << text;
        EXPECT_THAT(plan_of(text), HasSubstr(row.index)) << text;
      }
    }
}

// What is found is sorted; nothing else is gone through.
TEST_F(ListsTest, SeveralValuesAndOtherOrdersAreFoundByIndexToo) {
  const LeafUserId user;
  const struct {
    CredentialFilter filter;
    const char* search;
  } rows[] = {{{.statuses = {Status::ok, Status::unauthenticated}}, "by_status (owner_id=? AND status=?)"},
              {{.providers = {"valley", "sentera"}}, "by_provider (owner_id=? AND provider=?)"},
              {{.actions = {Action::wait, Action::reconnect}}, "by_action (owner_id=? AND action=?)"},
              {{.reasons = {Reason::timeout, Reason::refused}}, "by_reason (owner_id=? AND reason=?)"},
              {{.expiring_before = WallTime()}, "by_end (owner_id=? AND grant_ends<?)"},
              {{.statuses = {Status::ok}, .expiring_before = WallTime()}, "by_end (owner_id=? AND grant_ends<?)"},
              {{.leaf_users = {user}}, "of_user (leaf_user_id=?)"},
              {{.actions = {Action::wait}, .leaf_users = {user, user}}, "of_user (leaf_user_id=?)"},
              {{.external_id = "x"}, "of_user (leaf_user_id=?)"},
              {{.external_id = "x"}, "COVERING INDEX leaf_user_by_external_id"}};
  for (const auto& row : rows) {
    const ListSql sql = sql_of_credentials(row.filter);
    for (const std::string& text : {sql.count, sql.page}) EXPECT_THAT(plan_of(text), HasSubstr(row.search)) << text;
  }
}

TEST_F(ListsTest, WhatAnOwnerHasIsCountedFromTheIndexAlone) {
  EXPECT_THAT(plan_of(kCountOfOwner), HasSubstr("USING COVERING INDEX credential_of_lane (owner_id=?)"));
  EXPECT_THAT(plan_of(kCountOfOwner), Not(HasSubstr("TEMP B-TREE")));
}

TEST_F(ListsTest, WhatOneUserHasIsFoundByTheUser) {
  EXPECT_THAT(plan_of(kRevealedOfUser), HasSubstr("USING INDEX credential_of_user (leaf_user_id=?)"));
}

}  // namespace

}  // namespace granary::sqlite
