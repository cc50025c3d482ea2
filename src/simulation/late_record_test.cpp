// Answers that come late: after the credential was unlinked, linked anew or deleted, after a breaker has opened, and to a store
// whose own answer is lost.
#include <gtest/gtest.h>

#include <deque>

#include "base/embedded.hpp"
#include "base/seeded_random.hpp"
#include "check/check.hpp"
#include "check/context.hpp"
#include "check/secrets.hpp"
#include "simulation/memory_store.hpp"

namespace granary::simulation {

namespace {

constexpr int kGrowers = 11;  // ten of them open the breaker

// Moves only when the test says so; what waits for it (the rate) is let go on at once.
class SetClock final : public Clock {
 public:
  WallTime now() override { return WallTime(std::chrono::days(20'000)) + elapsed_.time_since_epoch(); }
  SteadyTime elapsed() override { return elapsed_; }
  std::int64_t boot() override { return 1; }
  Task<> sleep_until(SteadyTime when) override {
    elapsed_ = std::max(elapsed_, when);
    co_return;
  }
  void advance(seconds time) { elapsed_ += time; }

 private:
  SteadyTime elapsed_{};
};

// Refuses, where the test does not say what it answers; and holds the answer back, where it says so.
class ScriptedTransport final : public http::HttpTransport {
 public:
  explicit ScriptedTransport(Executor executor) : released_(executor) {}
  Task<http::Exchange> exchange(http::OutboundRequest request) override {
    sent.push_back(request.body);
    http::Exchange answer{
        .status = 400, .headers = {{"Content-Type", "application/json"}}, .body = R"({"error":"invalid_grant"})"};
    if (!answers_.empty()) {
      answer.status = 200;
      answer.body = answers_.front();
      answers_.pop_front();
    }
    answer.was_sent = true;
    if (std::exchange(is_held_, false)) co_await released_.wait();
    co_return answer;
  }
  void give(std::string body) { answers_.push_back(std::move(body)); }
  void hold() { is_held_ = true; }
  void release() { released_.fire(); }

  std::vector<std::string> sent;

 private:
  std::deque<std::string> answers_;
  bool is_held_ = false;
  Signal released_;
};

// Holds back the write after the next so many, once told to, until it is let go on; loses the answers of others.
class HoldingWeather final : public StoreWeather {
 public:
  explicit HoldingWeather(Executor executor) : released_(executor) {}
  Task<> before_read() override { co_return; }
  Task<> before_write() override {
    if (countdown_ && (*countdown_)-- == 0) {
      countdown_.reset();
      co_await released_.wait();
    }
  }
  Task<> after_write() override {
    if (!lost_after_ || (*lost_after_)-- > 0) co_return;
    lost_after_.reset();
    throw StoreUnavailable("it was written, and nobody hears of it");
  }
  void hold_after(int writes) { countdown_ = writes; }
  void release() { released_.fire(); }
  // Of the write after the next so many.
  void lose_answer_after(int writes) { lost_after_ = writes; }

 private:
  std::optional<int> countdown_, lost_after_;
  Signal released_;
};

class LateRecordTest : public testing::Test {
 protected:
  LateRecordTest() {
    for (const auto& [name, text] : embedded::kProviders)
      if (name.contains("ag-leader")) add_provider(*parse_descriptor(*Json::parse(text)));
    context_.digest_key = Plaintext(std::string(32, 'd'));
    EXPECT_TRUE(prepare_lanes(context_, {}));
    for (int i = 0; i < kGrowers; ++i) add_grower(i);
  }

  void add_provider(Provider provider) {
    provider.environments.front().base_url = Url::parse("https://provider.example");
    EXPECT_TRUE(catalog_.add(std::move(provider)));
  }
  void add_grower(int number) {
    const LeafUser user{.id = LeafUserId::random(random_), .owner = {}, .name = "grower", .created = clock_.now()};
    database_.users[user.id] = user;
    StoredCredential row;
    row.key.id = CredentialId::random(random_);
    row.leaf_user = user.id;
    row.provider = "ag-leader";
    Secrets secrets;
    secrets.login.set("refreshToken", Plaintext("token-" + std::to_string(number)));
    secrets.login.set("publicKey", Plaintext(std::string("client")));
    secrets.login.set("privateKey", Plaintext(std::string("secret")));
    row.secrets_key = sealer_.new_fields_key(scope_of(row), random_);
    row.secrets = sealer_.seal_fields(scope_of(row), row.secrets_key, row.secrets_version, secrets.pack(), random_);
    row.health.status = Status::ok;
    row.health.was_last_ok = true;
    row.health.reason.reset();
    row.health.answer_cause = Cause::check;
    growers_.push_back(row.key);
    users_.push_back(user.id);
    CredentialEntry& entry = database_.credentials[row.key.id];
    entry.number = ++database_.added;
    entry.last_leaf_user = user.id;
    entry.row = std::move(row);
  }
  void check_grower(int number) {
    const CredentialKey key = growers_[static_cast<std::size_t>(number)];
    asio::co_spawn(io_, check_now(context_, key), [this](std::exception_ptr error, CheckEnd end) {
      failed_ = error != nullptr;
      end_ = end;
    });
    poll();
  }
  template <class T>
  void start(Task<T> task) {
    asio::co_spawn(io_, std::move(task), [](std::exception_ptr error, const auto&) { EXPECT_FALSE(error); });
    poll();
  }
  void link(int number) {
    start(store_.change_user({}, users_[static_cast<std::size_t>(number)], {},
                             {.link = {{"ag-leader", growers_[static_cast<std::size_t>(number)].id}}, .unlink = {}},
                             clock_.now()));
  }
  void unlink(int number) {
    start(store_.change_user({}, users_[static_cast<std::size_t>(number)], {}, {.link = {}, .unlink = {"ag-leader"}},
                             clock_.now()));
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  CredentialEntry* entry(int number) { return database_.find(growers_[static_cast<std::size_t>(number)]); }
  const StoredCredential& row(int number) { return entry(number)->row; }
  const CredentialHealth& health(int number) { return row(number).health; }
  std::string token(int number) {
    const auto secrets = open_secrets(sealer_, catalog_, row(number));
    return secrets ? std::string(secrets->value("refreshToken")) : "(does not open)";
  }
  // Of the one owner there is.
  LaneBreaker& own_breaker() {
    auto& breakers = context_.find_lane("ag-leader", "")->breakers;
    return breakers.rbegin()->second;
  }
  static constexpr const char* kRotated = R"({"access_token":"access","refresh_token":"new-token","expires_in":3600})";

  asio::io_context io_{1};
  SetClock clock_;
  SeededRandom random_;
  const Plaintext root_key_{std::string(32, 'r')};
  const Sealer sealer_ = *Sealer::open(root_key_, {Sealer::first_ring_key(root_key_, random_)});
  Catalog catalog_;
  ScriptedTransport transport_{io_.get_executor()};
  Log log_{clock_, LogLevel::none};
  Metrics metrics_;
  Database database_;
  HoldingWeather weather_{io_.get_executor()};
  MemoryStore store_{database_, &weather_, 1};
  CheckContext context_{io_.get_executor(), store_, sealer_, clock_, random_, catalog_, transport_, log_, metrics_, {}};
  std::vector<CredentialKey> growers_;
  std::vector<LeafUserId> users_;
  bool failed_ = false;
  std::optional<CheckEnd> end_;
};

TEST_F(LateRecordTest, AStatusJudgedBeforeTheBreakerOpenedAndStoredAfterThatIsTakenBack) {
  check_grower(0);
  ASSERT_EQ(health(0).reason, Reason::refused_once);
  clock_.advance(seconds(61));

  weather_.hold_after(1);  // that a token is about to be sent goes through
  check_grower(0);
  ASSERT_EQ(health(0).status, Status::ok) << "the second refusal is judged, and not stored yet";
  for (int i = 1; i < kGrowers; ++i) check_grower(i);
  ASSERT_TRUE(own_breaker().breaker.is_open());

  weather_.release();
  poll();
  EXPECT_EQ(health(0).status, Status::temporarily_unavailable);
  EXPECT_EQ(health(0).reason, Reason::provider_refuses_many);
}

TEST_F(LateRecordTest, UntilAClosingIsStoredNothingIsConfirmed) {
  check_grower(0);
  ASSERT_EQ(health(0).reason, Reason::refused_once);
  clock_.advance(seconds(61));
  own_breaker().closing_owed = clock_.now();
  check_grower(0);
  EXPECT_EQ(health(0).status, Status::ok) << "the first refusal may have been the provider's fault";

  own_breaker().closing_owed.reset();
  check_grower(0);
  EXPECT_EQ(health(0).status, Status::unauthenticated);
}

TEST_F(LateRecordTest, AfterAnUnlinkTheTokenIsKeptAndNothingElse) {
  transport_.give(kRotated);
  transport_.hold();
  check_grower(0);
  ASSERT_EQ(row(0).grant, GrantState::sending);
  unlink(0);
  const CredentialHealth before = health(0);
  transport_.release();
  poll();
  EXPECT_EQ(end_, CheckEnd::gone);
  EXPECT_EQ(token(0), "new-token") << "linked again, it must still work";
  EXPECT_EQ(row(0).grant, GrantState::held);
  EXPECT_EQ(health(0), before);
  EXPECT_EQ(entry(0)->events(), 0);
  link(0);
  transport_.give(R"({"access_token":"access"})");
  check_grower(0);
  EXPECT_NE(transport_.sent.back().find("new-token"), std::string::npos);
  EXPECT_EQ(health(0).status, Status::ok);
}

TEST_F(LateRecordTest, AfterAnUnlinkARefusalIsKeptOfTheTokenAlone) {
  transport_.hold();
  check_grower(0);
  unlink(0);
  transport_.release();
  poll();
  EXPECT_EQ(row(0).grant, GrantState::held) << "its answer was heard: nothing is unknown of it";
  EXPECT_EQ(health(0).pending, Pending::none);
  EXPECT_EQ(health(0).refusals, 0);
}

TEST_F(LateRecordTest, AfterALinkAnewTheAnswerIsNotTheNewLinks) {
  transport_.give(kRotated);
  transport_.hold();
  check_grower(0);
  unlink(0);
  link(0);
  const WallTime due = *health(0).next_check;
  transport_.release();
  poll();
  EXPECT_EQ(token(0), "new-token");
  EXPECT_EQ(health(0).next_check, due) << "it is checked at once";
  EXPECT_EQ(health(0).due_cause, Cause::linked);
  EXPECT_EQ(health(0).last_checked, std::nullopt);
  EXPECT_EQ(entry(0)->events(), 0);
}

TEST_F(LateRecordTest, AfterADeletionNothingComesBack) {
  transport_.give(kRotated);
  transport_.hold();
  check_grower(0);
  start(store_.delete_credential({}, users_[0], "ag-leader"));
  transport_.release();
  poll();
  EXPECT_EQ(end_, CheckEnd::gone);
  EXPECT_FALSE(entry(0));
  EXPECT_FALSE(context_.locks.is_taken(growers_[0].id));
}

// Fault 3: the store has written, and its answer is lost. It is asked once more, as the same write.
TEST_F(LateRecordTest, ACommitWhoseOutcomeIsUnknownIsMadeOnceMoreAndCountsOnce) {
  transport_.give(kRotated);
  check_grower(1);  // the day's key is made with the first event
  transport_.give(kRotated);
  weather_.lose_answer_after(1);
  check_grower(0);
  EXPECT_FALSE(failed_);
  EXPECT_EQ(end_, CheckEnd::recorded);
  EXPECT_EQ(token(0), "new-token");
  EXPECT_EQ(row(0).secrets_version, 2);
  EXPECT_EQ(row(0).grant, GrantState::held);
  EXPECT_EQ(entry(0)->events(), 1);
  EXPECT_EQ(context_.held_answers, 0);
  EXPECT_EQ(context_.held_tokens, 0);
  EXPECT_EQ(transport_.sent.size(), 2U) << "nobody asks again";
}

// A request's answer without a token is not held: who asked is told of the store, and asks again.
TEST_F(LateRecordTest, AnAnswerWithoutATokenIsNotHeldForARequest) {
  transport_.give(kRotated);
  check_grower(1);
  weather_.lose_answer_after(1);
  check_grower(0);
  EXPECT_TRUE(failed_);
  EXPECT_EQ(context_.held_answers, 0);
  EXPECT_EQ(health(0).refusals, 1) << "it was written all the same";
  EXPECT_EQ(row(0).grant, GrantState::held);
}

// That it is about to be sent may be written, or not: it is not sent.
TEST_F(LateRecordTest, WhatMayNotBeNotedIsNotSent) {
  weather_.lose_answer_after(0);
  check_grower(0);
  EXPECT_TRUE(failed_);
  EXPECT_TRUE(transport_.sent.empty());
  transport_.give(kRotated);
  check_grower(0);
  EXPECT_FALSE(failed_);
  EXPECT_EQ(token(0), "new-token");
}

}  // namespace

}  // namespace granary::simulation
