// The contract of every store, fifth part: credentials that hold the same login share what one of them learns.
#include "store/store_fixture.hpp"

namespace granary {

namespace {

class StoreLoginContract : public StoreContract {};

INSTANTIATE_TEST_SUITE_P(Stores, StoreLoginContract, kStoreKinds, name_of_kind);

// 450 with one login are more than one commit takes: the first 200 are told in it, the rest in batches after it.
TEST_P(StoreLoginContract, ARefusalIsSharedByAllThatHoldTheLogin) {
  constexpr int kMany = 450;
  const LoginDigests login{.login = std::string(kDigestBytes, 'a'), .sent = std::string(kDigestBytes, 'b')},
      cousin{.login = std::string(kDigestBytes, 'a'), .sent = std::string(kDigestBytes, 'c')};
  const auto add_holder = [&](const LoginDigests& its) {
    StoredCredential row = make_credential(owner_, add_user(owner_));
    row.login = its;
    row.health = health_of(Status::ok, 0, 500);
    EXPECT_TRUE(add(row));
    return row.key;
  };
  const CredentialKey asked = add_holder(login), other = add_holder(cousin), stranger = add_holder({});
  std::vector<CredentialKey> twins;
  for (int i = 0; i < kMany; ++i) twins.push_back(add_holder(login));
  CredentialWrite write = write_for(load(asked));
  CredentialHealth refused = health_of(Status::unauthenticated, 10, 900);
  refused.reason = Reason::refused;
  refused.refusals = 2;
  write.health = becomes(refused);
  write.share = LoginShare{.login = login, .answer = Answer{.kind = AnswerKind::refused}, .now = at(10)};
  const Committed committed = commit(write);
  ASSERT_TRUE(committed.news);
  EXPECT_LE(std::ssize(committed.others.changes), kHealthBatch);
  std::size_t told = committed.others.changes.size();
  for (std::int64_t after = committed.others.last; after != 0;) {
    const HealthBatch batch = run(store_.share_news(owner_, *committed.news, after));
    told += batch.changes.size();
    after = batch.last;
  }
  EXPECT_EQ(told, kMany) << "each once, and not the one that was asked";
  for (const CredentialKey& twin : twins) {
    ASSERT_EQ(health(twin).status, Status::unauthenticated);
    EXPECT_EQ(health(twin).refusals, 2);
    EXPECT_EQ(run(store_.list_history(twin, {})).items.front().cause, Cause::check);
  }
  EXPECT_EQ(health(other).status, Status::ok) << "another field differs";
  EXPECT_EQ(health(other).refusals, 2);
  EXPECT_EQ(health(stranger).refusals, 0);
  EXPECT_EQ(run(store_.count_tries(owner_, login.login)), 2);
}

}  // namespace

}  // namespace granary
