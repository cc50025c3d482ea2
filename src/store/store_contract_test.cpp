// The contract of every store, first part: settings, owners, Leaf users, links and credentials as their owner sees them.
#include <algorithm>

#include "store/store_fixture.hpp"

namespace granary {

namespace {

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, kStoreKinds, name_of_kind);

CredentialKey unknown_key() { return {}; }

std::vector<std::string> names_of(const Page<LeafUser>& page) {
  std::vector<std::string> names;
  for (const auto& user : page.items) names.push_back(user.name.value_or("-"));
  return names;
}

using Names = std::vector<std::string>;

TEST_P(StoreContract, IsWritableWhileNothingAilsIt) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(run(store_.is_writable()));
}

TEST_P(StoreContract, SettingsAndDayKeys) {
  EXPECT_EQ(run(store_.find_setting("a")), std::nullopt);
  run(store_.save_setting("a", std::string_view("x\0y", 3)));
  EXPECT_EQ(run(store_.find_setting("a")), std::string("x\0y", 3));
  run(store_.save_setting("a", ""));
  EXPECT_EQ(run(store_.find_setting("a")), "");
  EXPECT_EQ(run(store_.find_setting("A")), std::nullopt);

  EXPECT_EQ(run(store_.ensure_setting("made once", std::string_view("1\0st", 4))), std::string("1\0st", 4));
  EXPECT_EQ(run(store_.ensure_setting("made once", "second")), std::string("1\0st", 4)) << "the first value stays";
  EXPECT_EQ(run(store_.find_setting("made once")), std::string("1\0st", 4));
  EXPECT_EQ(run(store_.ensure_setting("a", "other")), "") << "an empty value is a value";

  EXPECT_FALSE(run(store_.find_day_key(7)));
  EXPECT_EQ(run(store_.ensure_day_key(7, {"first"}, {})).bytes, "first");
  EXPECT_EQ(run(store_.ensure_day_key(7, {"second"}, {})).bytes, "first") << "a day's key never changes";
  EXPECT_EQ(run(store_.ensure_day_key(7, {"second"}, Sealed{"other"})).bytes, "first") << "but for the one that is damaged";
  EXPECT_EQ(run(store_.ensure_day_key(7, {"second"}, Sealed{"first"})).bytes, "second");
  EXPECT_EQ(run(store_.find_day_key(7))->bytes, "second");
  EXPECT_FALSE(run(store_.find_day_key(8)));
}

TEST_P(StoreContract, OwnersAreKnownByOneEmail) {
  const auto found = run(store_.find_owner("owner@example.com"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, owner_);
  EXPECT_EQ(found->password_hash, "hash");
  EXPECT_EQ(run(store_.find_owner(owner_))->email, "owner@example.com");
  EXPECT_FALSE(run(store_.find_owner("nobody@example.com")));
  EXPECT_FALSE(run(store_.find_owner(OwnerId::random(random_))));

  const Owner again{.id = OwnerId::random(random_), .email = "owner@example.com", .password_hash = "other", .password_epoch = 1};
  const auto added = run(store_.add_owner(again));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::already_exists);
  EXPECT_EQ(run(store_.find_owner("owner@example.com"))->password_hash, "hash");
}

TEST_P(StoreContract, ANewPasswordMovesTheEpoch) {
  const OwnerId other = add_owner("other@example.com");
  ASSERT_TRUE(run(store_.set_password("owner@example.com", "new hash")));
  EXPECT_EQ(run(store_.find_owner(owner_))->password_hash, "new hash");
  EXPECT_EQ(run(store_.find_owner(owner_))->password_epoch, 2);
  EXPECT_EQ(run(store_.find_owner(other))->password_epoch, 1);
  const auto missing = run(store_.set_password("nobody@example.com", "x"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST_P(StoreContract, TheLastNetworksOfAnOwnersLoginsAreKept) {
  const OwnerId other = OwnerId::random(random_);
  const auto at = [](std::int64_t second) { return from_micros(second * 1'000'000); };
  EXPECT_FALSE(run(store_.find_last_login(owner_, "1.1.1.1")));
  run(store_.save_login(owner_, "1.1.1.1", at(1)));
  EXPECT_EQ(run(store_.find_last_login(owner_, "1.1.1.1")), at(1));
  EXPECT_FALSE(run(store_.find_last_login(owner_, "1.1.1.2")));
  EXPECT_FALSE(run(store_.find_last_login(other, "1.1.1.1")));
  run(store_.save_login(other, "1.1.1.1", at(2)));
  run(store_.save_login(owner_, "2.2.2.2", at(2)));
  run(store_.save_login(owner_, "1.1.1.1", at(3)));
  for (std::int64_t i = 0; i < kNetworksMax - 1; ++i) run(store_.save_login(owner_, "2001:db8:" + std::to_string(i), at(4 + i)));
  EXPECT_EQ(run(store_.find_last_login(owner_, "1.1.1.1")), at(3)) << "used again since";
  EXPECT_FALSE(run(store_.find_last_login(owner_, "2.2.2.2"))) << "the one used longest ago gives way";
  EXPECT_EQ(run(store_.find_last_login(other, "1.1.1.1")), at(2));
}

TEST_P(StoreContract, UsersAreTheirOwnersAlone) {
  LeafUser user = make_user(owner_, "Ada");
  user.email = "ada@example.com";
  user.external_id = "7";
  ASSERT_TRUE(run(store_.add_user(user, {})));
  const OwnerId other = add_owner("other@example.com");
  const auto found = run(store_.find_user(owner_, user.id));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "Ada");
  EXPECT_EQ(found->email, "ada@example.com");
  EXPECT_EQ(found->phone, std::nullopt);
  EXPECT_EQ(found->external_id, "7");
  EXPECT_EQ(found->created, at(0));

  EXPECT_FALSE(run(store_.find_user(other, user.id)));
  EXPECT_FALSE(run(store_.find_user(owner_, LeafUserId::random(random_))));
  EXPECT_FALSE(run(store_.delete_user(other, user.id)));
  const auto changed = run(store_.change_user(other, user.id, {.name = std::optional<std::string>("Eve")}, {}, at(1)));
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::not_found);
  EXPECT_EQ(run(store_.list_users(other, {}, {}, {})).total, 0);
  EXPECT_EQ(run(store_.find_user(owner_, user.id))->name, "Ada");
}

TEST_P(StoreContract, AChangeMergesAndLeavesOneName) {
  const LeafUserId id = add_user(owner_, "Ada");
  const FieldChange cleared = std::optional<std::string>();
  auto changed = run(store_.change_user(
      owner_, id, {.email = std::optional<std::string>("a@b"), .phone = std::optional<std::string>("1")}, {}, at(1)));
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->name, "Ada");
  EXPECT_EQ(changed->email, "a@b");
  changed = run(store_.change_user(owner_, id, {.name = cleared, .phone = cleared}, {}, at(1)));
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->name, std::nullopt);
  EXPECT_EQ(changed->phone, std::nullopt);
  // Name, email and externalId cannot all be cleared; then nothing changes.
  changed = run(store_.change_user(owner_, id, {.email = cleared, .address = std::optional<std::string>("street")}, {}, at(1)));
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::invalid_field);
  EXPECT_EQ(run(store_.find_user(owner_, id))->email, "a@b");
  EXPECT_EQ(run(store_.find_user(owner_, id))->address, std::nullopt);
  EXPECT_TRUE(run(store_.change_user(owner_, id, {.email = cleared, .external_id = std::optional<std::string>("x")}, {}, at(1))));
}

TEST_P(StoreContract, ListsAreOldestFirstFilteredAndPaged) {
  const OwnerId other = add_owner("other@example.com");
  add_user(other, "b", 0);
  for (const auto& [name, created] : {std::pair{"c", 30}, {"a", 10}, {"d", 40}, {"b", 20}, {"a", 50}})
    add_user(owner_, name, created);
  EXPECT_EQ(names_of(run(store_.list_users(owner_, {}, {}, {}))), (Names{"a", "b", "c", "d", "a"}));
  EXPECT_EQ(names_of(run(store_.list_users(owner_, {}, {}, {.page = 1, .size = 2}))), (Names{"c", "d"}));
  EXPECT_EQ(names_of(run(store_.list_users(owner_, {}, {}, {.page = 2, .size = 2}))), Names{"a"});
  const auto beyond = run(store_.list_users(owner_, {}, {}, {.page = 9, .size = 2}));
  EXPECT_TRUE(beyond.items.empty());
  EXPECT_EQ(beyond.total, 5);
  const auto filtered = run(store_.list_users(owner_, {.name = "a"}, {}, {.page = 0, .size = 1}));
  EXPECT_EQ(filtered.total, 2);
  EXPECT_EQ(filtered.items.front().created, at(10));
}

TEST_P(StoreContract, FiltersAreExactAndAllApply) {
  LeafUser user = make_user(owner_, "Ada");
  user.email = "ada@example.com";
  user.external_id = "x%";
  ASSERT_TRUE(run(store_.add_user(user, {})));
  add_user(owner_, "Adam");
  const auto count = [&](const UserFilter& filter) { return run(store_.list_users(owner_, filter, {}, {})).total; };
  EXPECT_EQ(count({.name = "Ada"}), 1);
  EXPECT_EQ(count({.email = "ada@example.com", .name = "Ada", .external_id = "x%"}), 1);
  for (const UserFilter& filter : {UserFilter{.name = "ada"},
                                   {.name = "Ad"},
                                   {.name = "Ada%"},
                                   {.name = ""},
                                   {.name = "' OR 1=1 --"},
                                   {.email = "ADA@example.com"},
                                   {.email = "ada@example.com", .name = "Adam"},
                                   {.external_id = "%"},
                                   {.external_id = "x"},
                                   {.email = "Ada"}})
    EXPECT_EQ(count(filter), 0) << filter.name.value_or("") << filter.email.value_or("");
}

TEST_P(StoreContract, SortsBySeveralKeysWithTheAgeLast) {
  for (const auto& [name, created] : {std::pair{"b", 10}, {"a", 20}, {"b", 5}, {"a", 1}}) {
    LeafUser user = make_user(owner_, name, created);
    user.external_id = std::to_string(created);
    ASSERT_TRUE(run(store_.add_user(user, {})));
  }
  const auto order = [&](const std::vector<UserSort>& sort) {
    Names out;
    for (const auto& user : run(store_.list_users(owner_, {}, sort, {})).items) out.push_back(*user.name + *user.external_id);
    return out;
  };
  using enum UserSortKey;
  using enum Direction;
  EXPECT_EQ(order({{name, ascending}}), (Names{"a1", "a20", "b5", "b10"}));
  EXPECT_EQ(order({{name, descending}}), (Names{"b5", "b10", "a1", "a20"}));
  EXPECT_EQ(order({{name, ascending}, {created_time, descending}}), (Names{"a20", "a1", "b10", "b5"}));
  EXPECT_EQ(order({{created_time, descending}}), (Names{"a20", "b10", "b5", "a1"}));
  EXPECT_EQ(order({{external_id, ascending}}), (Names{"a1", "b10", "a20", "b5"}));
  EXPECT_EQ(order({{email, ascending}}), (Names{"a1", "b5", "b10", "a20"})) << "all without: the age decides";
  EXPECT_EQ(order({{name, ascending}, {name, descending}}), (Names{"a1", "a20", "b5", "b10"})) << "the first time counts";
  EXPECT_EQ(order({{created_time, descending}, {created_time, ascending}, {name, ascending}}), (Names{"a20", "b10", "b5", "a1"}));
  EXPECT_EQ(order({{id, descending}, {name, ascending}}), order({{id, descending}}));
  auto by_id = order({{id, ascending}}), turned = order({{id, descending}});
  std::ranges::reverse(turned);
  EXPECT_EQ(by_id, turned);
}

TEST_P(StoreContract, PagesOfUsersOfOneAgeAreWholeAndWithoutRepeats) {
  std::vector<LeafUserId> seen;
  for (int i = 0; i < 25; ++i) add_user(owner_, "same", 0);
  for (int page = 0; page < 4; ++page)
    for (const auto& user : run(store_.list_users(owner_, {}, {}, {.page = page, .size = 7})).items) seen.push_back(user.id);
  EXPECT_EQ(seen.size(), 25U);
  EXPECT_TRUE(std::ranges::is_sorted(seen)) << "id breaks ties";
  EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
}

TEST_P(StoreContract, ACredentialNeedsAUserOfItsOwnerAndARoomOfItsOwn) {
  const LeafUserId user = add_user(owner_);
  const OwnerId other = add_owner("other@example.com");
  const LeafUserId others = add_user(other);
  add_credential(owner_, user, "valley");
  struct Row {
    const char* what;
    StoredCredential credential;
    std::optional<ErrorCode> code;
  };
  const Row rows[] = {
      {"the same provider again", make_credential(owner_, user, "valley"), ErrorCode::already_exists},
      {"a user unknown", make_credential(owner_, LeafUserId::random(random_)), ErrorCode::not_found},
      {"another owner's user", make_credential(owner_, others), ErrorCode::not_found},
      {"by another owner", make_credential(other, user, "sentera"), ErrorCode::not_found},
      {"by another owner, where one is", make_credential(other, user, "valley"), ErrorCode::not_found},
      {"another provider", make_credential(owner_, user, "sentera"), {}},
      {"another user", make_credential(owner_, add_user(owner_)), {}},
  };
  for (const Row& row : rows) {
    const auto added = add(row.credential);
    EXPECT_EQ(added.has_value(), !row.code) << row.what;
    if (!added && row.code) EXPECT_EQ(added.error().code, *row.code) << row.what;
    EXPECT_EQ(exists(row.credential.key), !row.code) << row.what;
  }
}

TEST_P(StoreContract, OfManyAtOnceExactlyOneIsAdded) {
  const LeafUserId user = add_user(owner_);
  int added = 0, refused = 0;
  std::vector<StoredCredential> credentials;
  for (int i = 0; i < 8; ++i) credentials.push_back(make_credential(owner_, user));
  for (const auto& credential : credentials)
    asio::co_spawn(context_, store_.add_credential({.row = credential, .token = {}, .told_as = {}}),
                   [&](std::exception_ptr error, Result<void> result) {
                     EXPECT_FALSE(error);
                     ++(result ? added : refused);
                     if (!result) EXPECT_EQ(result.error().code, ErrorCode::already_exists);
                   });
  context_.run();
  context_.restart();
  EXPECT_EQ(added, 1);
  EXPECT_EQ(refused, 7);
}

TEST_P(StoreContract, CredentialsAreRevealedToTheirOwnerAlone) {
  const LeafUserId user = add_user(owner_);
  const OwnerId other = add_owner("other@example.com");
  const CredentialKey id = add_credential(owner_, user);
  const auto row = run(store_.find_revealed(owner_, user, "valley"));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->key, id);
  EXPECT_EQ(row->secrets.bytes, "sealed secrets");
  EXPECT_EQ(row->secrets_key.bytes, "sealed key");
  EXPECT_FALSE(run(store_.find_revealed(other, user, "valley")));
  EXPECT_FALSE(run(store_.find_revealed(owner_, user, "sentera")));
  EXPECT_FALSE(run(store_.find_revealed(owner_, user, "")));
  EXPECT_FALSE(run(store_.find_revealed(owner_, LeafUserId::random(random_), "valley")));
  EXPECT_TRUE(run(store_.find_summary(owner_, user, "valley")));
  EXPECT_FALSE(run(store_.find_summary(other, user, "valley")));
  EXPECT_EQ(run(store_.list_revealed(owner_, std::array{user})).size(), 1U);
  EXPECT_TRUE(run(store_.list_revealed(other, std::array{user})).empty());
  EXPECT_FALSE(run(store_.delete_credential(other, user, "valley")));
  EXPECT_FALSE(run(store_.delete_credential(owner_, user, "sentera")));
  EXPECT_TRUE(run(store_.delete_credential(owner_, user, "valley")));
  EXPECT_FALSE(run(store_.delete_credential(owner_, user, "valley")));
  EXPECT_FALSE(exists(id));
}

TEST_P(StoreContract, CredentialsOfSeveralUsersComeInTheOrderOfTheUsers) {
  const OwnerId other = add_owner("other@example.com");
  std::vector<LeafUserId> users;
  for (int i = 0; i < 3; ++i) users.push_back(add_user(owner_));
  const LeafUserId without = add_user(owner_), others = add_user(other);
  for (const LeafUserId user : users)
    for (const char* provider : {"valley", "sentera"}) add_credential(owner_, user, provider);
  add_credential(other, others);
  ASSERT_TRUE(change(users[1], unlink("sentera")));
  std::vector<LeafUserId> seen;
  for (const auto& row : run(store_.list_revealed(owner_, std::array{users[2], without, others, users[0], users[1]}))) {
    EXPECT_EQ(row.secrets.bytes, "sealed secrets");
    seen.push_back(row.leaf_user);
  }
  EXPECT_EQ(seen, (std::vector<LeafUserId>{users[2], users[2], users[0], users[0], users[1]}));
  EXPECT_TRUE(run(store_.list_revealed(owner_, {})).empty());
}

TEST_P(StoreContract, LinkingRefusesWhatIsNobodysToGive) {
  const OwnerId other = add_owner("other@example.com");
  const LeafUserId user = add_user(owner_), second = add_user(owner_), others = add_user(other);
  const CredentialKey mine = add_credential(owner_, user, "valley"), of_second = add_credential(owner_, second, "sentera");
  const CredentialKey foreign = add_credential(other, others, "agvance");
  ASSERT_TRUE(run(store_.change_user(other, others, {}, unlink("agvance"), at(1))));
  struct Row {
    const char* what;
    LinkChange links;
  };
  const Row rows[] = {
      {"unknown", link(unknown_key(), "sentera")},
      {"another owner's, even unlinked", link(foreign, "agvance")},
      {"of another provider", link(mine, "sentera")},
      {"on another user", link(of_second, "sentera")},
      {"one of two", {.link = {{"valley", mine.id}, {"sentera", of_second.id}}, .unlink = {}}},
      {"after an unlink", {.link = {{"sentera", of_second.id}}, .unlink = {"valley"}}},
      {"with a PUT", {.link = {{"sentera", of_second.id}}, .unlink = {}, .unlink_others = true}},
  };
  for (const Row& row : rows) {
    const auto changed =
        run(store_.change_user(owner_, user, {.name = std::optional<std::string>("other name")}, row.links, at(100)));
    ASSERT_FALSE(changed) << row.what;
    EXPECT_EQ(changed.error().code, ErrorCode::not_linkable) << row.what;
    // All of it or nothing.
    EXPECT_EQ(run(store_.find_user(owner_, user))->name, "user") << row.what;
    EXPECT_EQ(load(mine).leaf_user, user) << row.what;
    EXPECT_EQ(load(of_second).leaf_user, second) << row.what;
    EXPECT_EQ(load(foreign).leaf_user, std::nullopt) << row.what;
    const LeafUser fresh = make_user(owner_, "fresh");
    EXPECT_FALSE(run(store_.add_user(fresh, row.links))) << row.what;
    EXPECT_FALSE(run(store_.find_user(owner_, fresh.id))) << row.what;
  }
}

TEST_P(StoreContract, LinkingGivesItBackAndChecksItAtOnce) {
  const LeafUserId user = add_user(owner_), second = add_user(owner_);
  const CredentialKey id = add_credential(owner_, user);
  CredentialHealth health = health_of(Status::unauthenticated, 10, std::nullopt);
  health.refusals = 3;
  set_health(id, health);
  ASSERT_TRUE(change(user, unlink(), 50));
  EXPECT_FALSE(run(store_.find_revealed(owner_, user, "valley"))) << "unlinked is invisible";
  EXPECT_FALSE(run(store_.find_summary(owner_, user, "valley")));
  EXPECT_EQ(run(store_.list_summaries(owner_, {}, {})).total, 0);
  EXPECT_TRUE(exists(id)) << "and kept";
  ASSERT_TRUE(change(second, link(id), 200)) << "unlinked, it is anybody's of its owner";
  const StoredCredential linked = load(id);
  EXPECT_EQ(linked.leaf_user, second);
  EXPECT_EQ(linked.health.next_check, at(200));
  EXPECT_EQ(linked.health.status, Status::unauthenticated) << "as it was";
  EXPECT_EQ(linked.health.since, at(10));
  EXPECT_EQ(linked.health.refusals, 0) << "a link gives its tries back";
  EXPECT_EQ(linked.secrets.bytes, "sealed secrets");
}

TEST_P(StoreContract, TheIdAlreadyLinkedChangesNothing) {
  const LeafUserId user = add_user(owner_);
  const CredentialKey id = add_credential(owner_, user);
  set_health(id, health_of(Status::ok, 0, 500));
  add_events(id, 20'000, {3});
  const StoredCredential before = load(id);
  for (const bool unlink_others : {false, true}) {
    LinkChange links = link(id);
    links.unlink_others = unlink_others;
    ASSERT_TRUE(change(user, links));
    const StoredCredential after = load(id);
    EXPECT_EQ(after.link_version, before.link_version);
    EXPECT_EQ(after.health.next_check, at(500));
    EXPECT_EQ(events_of(id), 3);
  }
}

TEST_P(StoreContract, NamingAnotherUnlinksTheOld) {
  const LeafUserId user = add_user(owner_), second = add_user(owner_);
  const CredentialKey old = add_credential(owner_, user), fresh = add_credential(owner_, second),
                      sentera = add_credential(owner_, user, "sentera");
  ASSERT_TRUE(change(second, unlink()));
  ASSERT_TRUE(change(user, link(fresh)));
  EXPECT_EQ(load(old).leaf_user, std::nullopt);
  EXPECT_EQ(load(old).health.next_check, std::nullopt) << "unlinked is unchecked";
  EXPECT_EQ(load(fresh).leaf_user, user);
  EXPECT_EQ(load(sentera).leaf_user, user) << "PATCH changes what it names";
  // PUT unlinks every credential it does not name.
  ASSERT_TRUE(change(user, {.link = {{"valley", fresh.id}}, .unlink = {}, .unlink_others = true}));
  EXPECT_EQ(load(fresh).leaf_user, user);
  EXPECT_EQ(load(sentera).leaf_user, std::nullopt);
}

TEST_P(StoreContract, DeletingAUserDestroysWhatItHasAndLastHad) {
  const LeafUserId user = add_user(owner_), second = add_user(owner_);
  const CredentialKey linked = add_credential(owner_, user), unlinked = add_credential(owner_, user, "sentera"),
                      moved = add_credential(owner_, user, "agvance"), others = add_credential(owner_, second);
  add_events(linked, 20'000, {2});
  ASSERT_TRUE(change(user, {.link = {}, .unlink = {"sentera", "agvance"}}));
  ASSERT_TRUE(change(second, link(moved, "agvance")));
  EXPECT_TRUE(run(store_.delete_user(owner_, user)));
  EXPECT_FALSE(run(store_.find_user(owner_, user)));
  EXPECT_FALSE(exists(linked));
  EXPECT_FALSE(exists(unlinked));
  EXPECT_TRUE(exists(moved)) << "it has another user by now";
  EXPECT_TRUE(exists(others));
  EXPECT_EQ(events_of(linked), 0);
  EXPECT_FALSE(run(store_.delete_user(owner_, user)));
  // An unlinked one that was last another's stays until that user goes.
  ASSERT_TRUE(change(second, unlink("agvance")));
  EXPECT_TRUE(run(store_.delete_user(owner_, second)));
  EXPECT_FALSE(exists(moved));
}

}  // namespace

}  // namespace granary
