// What is recorded around a breaker: an answer that was judged before it opened and stored after that, and one that comes between
// its closing and what that does to the store.
#include <gtest/gtest.h>

#include "base/embedded.hpp"
#include "domain/fake_random.hpp"
#include "operation/check.hpp"
#include "operation/checker.hpp"
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

class RefusingTransport final : public http::HttpTransport {
 public:
  Task<http::Exchange> exchange(http::OutboundRequest) override {
    http::Exchange answer{
        .status = 400, .headers = {{"Content-Type", "application/json"}}, .body = R"({"error":"invalid_grant"})"};
    answer.was_sent = true;
    co_return answer;
  }
};

// Holds back the write after the next so many, once told to, until it is let go on.
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
  Task<> after_write() override { co_return; }
  void hold_after(int writes) { countdown_ = writes; }
  void release() { released_.fire(); }

 private:
  std::optional<int> countdown_;
  Signal released_;
};

class LateRecordTest : public testing::Test {
 protected:
  LateRecordTest() {
    for (const auto& [name, text] : embedded::kProviders)
      if (name.contains("ag-leader")) add_provider(*parse_descriptor(*Json::parse(text)));
    database_.now = [this] { return clock_.elapsed(); };
    EXPECT_TRUE(prepare_lanes(checker_, {}));
    for (int i = 0; i < kGrowers; ++i) add_grower(i);
  }

  void add_provider(Provider provider) {
    provider.environments.front().base_url = Url::parse("https://provider.example");
    EXPECT_TRUE(catalog_.add(std::move(provider)));
  }
  void add_grower(int number) {
    StoredCredential row;
    row.id = CredentialId::random(random_);
    row.leaf_user = LeafUserId::random(random_);
    row.provider = "ag-leader";
    Fields fields;
    fields.set("refreshToken", Plaintext("token-" + std::to_string(number)));
    fields.set("publicKey", Plaintext(std::string("client")));
    fields.set("privateKey", Plaintext(std::string("secret")));
    row.fields_key = sealer_.new_fields_key(scope_of(row), random_);
    row.fields = sealer_.seal_fields(scope_of(row), row.fields_key, row.fields_version, fields.pack(), random_);
    row.state.status = Status::ok;
    row.state.reason.reset();
    growers_.push_back(row.id);
    database_.credentials[row.id].row = std::move(row);
  }
  void check_grower(int number) {
    const CredentialId id = growers_[static_cast<std::size_t>(number)];
    asio::co_spawn(context_, check_now(checker_, id), [](std::exception_ptr error, CheckEnd) { EXPECT_FALSE(error); });
    poll();
  }
  void poll() {
    context_.restart();
    context_.poll();
  }
  const CheckState& state(int number) { return database_.find(growers_[static_cast<std::size_t>(number)])->row.state; }
  // Of the one owner there is.
  LaneBreaker& own_breaker() {
    auto& breakers = checker_.find_lane("ag-leader", "")->breakers;
    return breakers.rbegin()->second;
  }

  asio::io_context context_{1};
  SetClock clock_;
  FakeRandom random_;
  const Plaintext root_key_{std::string(32, 'r')};
  const Sealer sealer_ = *Sealer::open(root_key_, {Sealer::first_ring_key(root_key_, random_)});
  Catalog catalog_;
  RefusingTransport transport_;
  Log log_{clock_, LogLevel::none};
  Metrics metrics_;
  Database database_;
  HoldingWeather weather_{context_.get_executor()};
  MemoryStore store_{database_, &weather_, 1};
  Checker checker_{context_.get_executor(), store_, sealer_, clock_, random_, catalog_, transport_, log_, metrics_, {}};
  std::vector<CredentialId> growers_;
};

TEST_F(LateRecordTest, AStatusJudgedBeforeTheBreakerOpenedAndStoredAfterThatIsTakenBack) {
  check_grower(0);
  ASSERT_EQ(state(0).reason, Reason::refused_once);
  clock_.advance(seconds(61));

  weather_.hold_after(1);  // the note that a token is about to be sent goes through
  check_grower(0);
  ASSERT_EQ(state(0).status, Status::ok) << "the second refusal is judged, and not stored yet";
  for (int i = 1; i < kGrowers; ++i) check_grower(i);
  ASSERT_TRUE(own_breaker().breaker.is_open());

  weather_.release();
  poll();
  EXPECT_EQ(state(0).status, Status::temporarily_unavailable);
  EXPECT_EQ(state(0).reason, Reason::provider_refuses_many);
}

TEST_F(LateRecordTest, UntilAClosingIsStoredNothingIsConfirmed) {
  check_grower(0);
  ASSERT_EQ(state(0).reason, Reason::refused_once);
  clock_.advance(seconds(61));
  own_breaker().closing_owed = clock_.now();
  check_grower(0);
  EXPECT_EQ(state(0).status, Status::ok) << "the first refusal may have been the provider's fault";

  own_breaker().closing_owed.reset();
  check_grower(0);
  EXPECT_EQ(state(0).status, Status::unauthenticated);
}

}  // namespace

}  // namespace granary::simulation
