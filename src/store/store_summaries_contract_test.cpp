// The contract of every store, sixth part: the list of credentials by what is known of them.
#include "store/store_fixture.hpp"

namespace granary {

namespace {

class StoreSummariesContract : public StoreContract {};

INSTANTIATE_TEST_SUITE_P(Stores, StoreSummariesContract, kStoreKinds, name_of_kind);

TEST_P(StoreSummariesContract, SummariesAreNewestChangeFirst) {
  const CredentialKey a = add_with_health(health_of(Status::ok, 10)), b = add_with_health(health_of(Status::unauthenticated, 30)),
                      c = add_with_health(health_of(Status::ok, 20), "sentera");
  const auto ids = [&](const CredentialFilter& filter, PageRequest page = {}) {
    std::vector<CredentialKey> out;
    for (const auto& summary : run(store_.list_summaries(owner_, filter, page)).items) out.push_back(summary.key);
    return out;
  };
  using Keys = std::vector<CredentialKey>;
  EXPECT_EQ(ids({}), (Keys{b, c, a}));
  EXPECT_EQ(ids({}, {.page = 1, .size = 2}), Keys{a});
  EXPECT_EQ(ids({.statuses = {Status::ok}}), (Keys{c, a}));
  EXPECT_EQ(ids({.statuses = {Status::missing_permission}}), Keys{});
  EXPECT_EQ(ids({.providers = {"sentera"}}), Keys{c});
  EXPECT_EQ(ids({.providers = {"sentera-credentials"}}), Keys{});
  EXPECT_EQ(ids({.changed_since = at(20)}), (Keys{b, c})) << "changedSince is inclusive";
  EXPECT_EQ(ids({.changed_since = at(20) + microseconds(1)}), Keys{b});
  EXPECT_EQ(ids({.statuses = {Status::ok}, .providers = {"valley"}, .changed_since = at(11)}), Keys{});
  EXPECT_EQ(run(store_.list_summaries(owner_, {.statuses = {Status::ok}}, {.page = 0, .size = 1})).total, 2);
  EXPECT_EQ(ids({.statuses = {Status::ok, Status::unauthenticated}}), (Keys{b, c, a}));
  EXPECT_EQ(ids({.statuses = {Status::missing_permission, Status::unauthenticated}}), Keys{b});
  EXPECT_EQ(ids({.statuses = {Status::ok}, .providers = {"sentera", "agvance"}}), Keys{c});
  const OwnerId other = add_owner("other@example.com");
  EXPECT_EQ(run(store_.list_summaries(other, {}, {})).total, 0);
  auto others = make_credential(other, add_user(other), "agvance");
  others.health.since = at(40);
  ASSERT_TRUE(add(others));
  EXPECT_EQ(run(store_.list_summaries(owner_, {}, {})).total, 3);
  const auto all_ids = [&](const CredentialFilter& filter, PageRequest page = {}) {
    std::vector<CredentialKey> out;
    for (const auto& summary : run(store_.list_all_summaries(filter, page)).items) out.push_back(summary.key);
    return out;
  };
  EXPECT_EQ(all_ids({}), (Keys{others.key, b, c, a}));
  EXPECT_EQ(all_ids({}, {.page = 1, .size = 3}), Keys{a});
  EXPECT_EQ(all_ids({.statuses = {Status::ok}}), (Keys{c, a}));
  EXPECT_EQ(all_ids({.providers = {"agvance"}, .changed_since = at(40)}), Keys{others.key});
}

TEST_P(StoreSummariesContract, SummariesAreFilteredByAllThatIsGiven) {
  std::vector<StoredCredential> made;
  const auto make = [&](const char* name, std::optional<std::string> external_id, std::optional<Reason> reason,
                        std::optional<Action> action, std::optional<std::int64_t> ends) {
    LeafUser user = make_user(owner_, name);
    user.external_id = std::move(external_id);
    ASSERT_TRUE(run(store_.add_user(user, {})));
    auto credential = make_credential(owner_, user.id);
    credential.health = health_of(Status::ok, std::ssize(made));
    credential.health.reason = reason;
    credential.health.action = action;
    if (ends) credential.health.grant_ends = at(*ends);
    ASSERT_TRUE(add(credential));
    made.push_back(credential);
  };
  make("a", "x1", Reason::timeout, Action::wait, 100);
  make("b", "x2", Reason::refused, Action::reconnect, 200);
  make("c", "x2", Reason::rate_limited, Action::wait, {});
  make("d", {}, {}, {}, 300);
  const LeafUserId a = *made[0].leaf_user, c = *made[2].leaf_user, nobody = LeafUserId::random(random_);
  const struct {
    CredentialFilter filter;
    std::vector<int> found;
  } rows[] = {
      {{.actions = {Action::wait}}, {2, 0}},
      {{.actions = {Action::wait, Action::reconnect}}, {2, 1, 0}},
      {{.actions = {Action::operator_}}, {}},
      {{.reasons = {Reason::refused}}, {1}},
      {{.reasons = {Reason::refused, Reason::timeout}}, {1, 0}},
      {{.reasons = {Reason::provider_error, Reason::unreachable}}, {}},
      {{.leaf_users = {a}}, {0}},
      {{.leaf_users = {nobody, c, a, a}}, {2, 0}},
      {{.leaf_users = {nobody}}, {}},
      {{.external_id = "x2"}, {2, 1}},
      {{.external_id = "x"}, {}},
      {{.leaf_users = {a}, .external_id = "x2"}, {}},
      {{.actions = {Action::wait}, .external_id = "x2"}, {2}},
      {{.expiring_before = at(100)}, {}},
      {{.expiring_before = at(100) + microseconds(1)}, {0}},
      {{.expiring_before = at(10'000)}, {3, 1, 0}},
      {{.changed_since = at(1), .expiring_before = at(10'000)}, {3, 1}},
      {{.actions = {Action::wait}, .reasons = {Reason::refused}}, {}},
      {{.statuses = {Status::unauthenticated}, .actions = {Action::wait}}, {}},
      {{.providers = {"sentera", "agvance"}, .reasons = {Reason::refused}}, {}},
      {{.statuses = {Status::ok, Status::unauthenticated}, .providers = {"valley", "sentera"}, .leaf_users = {a, c}}, {2, 0}}};
  for (const auto& row : rows) {
    const auto page = run(store_.list_summaries(owner_, row.filter, {}));
    std::vector<CredentialKey> found, meant;
    for (const auto& summary : page.items) found.push_back(summary.key);
    for (const int number : row.found) meant.push_back(made[static_cast<std::size_t>(number)].key);
    EXPECT_EQ(found, meant) << "row " << &row - std::begin(rows);
    EXPECT_EQ(page.total, std::ssize(meant));
    EXPECT_EQ(run(store_.list_summaries(add_owner("o" + std::to_string(&row - std::begin(rows))), row.filter, {})).total, 0);
  }
  const auto first = run(store_.list_summaries(owner_, {.leaf_users = {a}}, {})).items.front();
  EXPECT_EQ(first.leaf_user_name, "a");
  EXPECT_EQ(first.external_id, "x1");
  EXPECT_EQ(run(store_.list_summaries(owner_, {.reasons = {}, .expiring_before = at(301)}, {.page = 0, .size = 1}))
                .items.front()
                .external_id,
            std::nullopt);
}

}  // namespace

}  // namespace granary
