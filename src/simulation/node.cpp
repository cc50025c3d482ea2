#include "simulation/node.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "check/breakers.hpp"
#include "check/check.hpp"
#include "check/fuses.hpp"

namespace granary::simulation {

namespace {

constexpr seconds kGrid{1};

http::Exchange failed(http::ExchangeFailure failure, bool was_sent) {
  http::Exchange exchange;
  exchange.failure = failure;
  exchange.was_sent = was_sent;
  return exchange;
}

http::Exchange plain(int status, std::string body) {
  http::Exchange exchange{.status = status, .headers = {{"Content-Type", "text/html"}}, .body = std::move(body)};
  exchange.was_sent = true;
  return exchange;
}

std::string whose(const Flight& flight) { return "account " + std::to_string(flight.account); }

}  // namespace

WallTime World::wall() const {
  return WallTime(std::chrono::days(20'000)) + timeline.now().time_since_epoch() + conditions.wall_offset;
}

// Wakes on whole seconds only: a tick of the scheduler that finds nothing is most of what a history costs.
class Node::NodeClock final : public Clock {
 public:
  explicit NodeClock(Node& node) : node_(node) {}
  WallTime now() override { return node_.world_.wall(); }
  SteadyTime elapsed() override { return node_.world_.timeline.now(); }
  std::int64_t boot() override { return 1; }
  Task<> sleep_until(SteadyTime when) override {
    const SteadyTime next = std::max(when, elapsed() + microseconds(1));
    co_await node_.wait_until(std::chrono::ceil<seconds>(next.time_since_epoch()) + SteadyTime());
  }

 private:
  Node& node_;
};

class Node::NodeWeather final : public StoreWeather {
 public:
  explicit NodeWeather(Node& node) : node_(node) {}
  Task<> before_read() override {
    refuse_if_failing();
    co_await wait(4);
  }
  Task<> before_write() override {
    refuse_if_failing();
    co_await wait(1);
    refuse_if_failing();
    if (node_.world_.chance.percent(node_.world_.conditions.failed_commits)) refuse();
  }
  Task<> after_write() override {
    co_await wait(2);
    // The commit was made; that it was made is what is not known.
    refuse_if_failing();
    if (node_.world_.chance.percent(node_.world_.conditions.unknown_commits)) refuse();
  }

 private:
  void refuse_if_failing() const {
    if (node_.world_.timeline.now() < node_.store_fails_until_) refuse();
  }
  [[noreturn]] void refuse() const {
    node_.world_.oracle.store_failed(node_.process_);
    throw StoreUnavailable("simulated");
  }
  Task<> wait(std::uint64_t part) {
    World& world = node_.world_;
    if (!world.chance.percent(world.conditions.store_waits / part)) co_return;
    co_await node_.wait_until(world.timeline.now() + world.chance.span(milliseconds(1), milliseconds(40)));
  }

  Node& node_;
};

class Node::NodeTransport final : public http::HttpTransport {
 public:
  explicit NodeTransport(Node& node) : node_(node) {}

  Task<http::Exchange> exchange(http::OutboundRequest request) override {
    World& world = node_.world_;
    Chance& chance = world.chance;
    const Conditions& sky = world.conditions;
    // As the product's transport does: a process that stood still before it sent sends no more.
    if (world.timeline.now() >= request.deadline) {
      world.oracle.ended_unsent(world.providers.account_in(request));
      co_return failed(http::ExchangeFailure::timeout, false);
    }
    const auto flight = std::make_shared<Flight>();
    flight->process = node_.process_;
    const bool is_fair = world.providers.take_off(request, flight);
    world.oracle.sent(flight);
    if (!is_fair) world.oracle.spent_token_sent(*flight);
    world.tell(whose(*flight) + " asks with " + world.providers.login_in(request));
    const SteadyTime now = world.timeline.now(), deadline = request.deadline;
    const bool is_down = now < sky.outage_until;
    http::Exchange answer;
    if (is_down || chance.percent(sky.errors)) {
      answer = refused_by_weather();
      co_await node_.wait_until(now + chance.span(milliseconds(1), milliseconds(300)));
    } else {
      const bool is_lost = chance.percent(sky.lost_requests), answer_lost = chance.percent(sky.lost_answers);
      const bool is_late = chance.percent(sky.late_requests), is_slow = chance.percent(sky.slow);
      const SteadyTime arrives = is_late ? deadline + chance.span(milliseconds(1), milliseconds(3000))
                                         : now + chance.span(milliseconds(1), milliseconds(is_slow ? 6000 : 200));
      if (!is_lost)
        world.timeline.at(arrives, kNobody, [&world, flight, request = std::move(request)] { arrive(world, flight, request); });
      const SteadyTime back = arrives + chance.span(milliseconds(1), milliseconds(is_slow ? 6000 : 200));
      const bool is_cut = answer_lost && chance.percent(50);
      co_await node_.wait_until(is_lost || (answer_lost && !is_cut) ? deadline : std::min(back, deadline));
      flight->answered = flight->processed && back <= deadline && !answer_lost;
      if (flight->answered) answer = flight->answer;
      else answer = failed(is_cut ? http::ExchangeFailure::cut : http::ExchangeFailure::timeout, true);
    }
    flight->returned = true;
    flight->lost = answer.failure.has_value() && answer.was_sent;
    world.tell(whose(*flight) + " is told " + (answer.failure ? "nothing" : std::to_string(answer.status)));
    world.oracle.delivered(flight, answer);
    co_return answer;
  }

 private:
  static void arrive(World& world, const std::shared_ptr<Flight>& flight, const http::OutboundRequest& request) {
    flight->answer = world.providers.process(request, flight, world.timeline.now());
    flight->processed = true;
    world.tell("the provider answers account " + std::to_string(flight->account) + " with " +
               std::to_string(flight->answer.status));
  }

  http::Exchange refused_by_weather() {
    switch (node_.world_.chance.below(8)) {
      case 0: return plain(500, "<h1>500</h1>");
      case 1: return plain(502, "");
      case 2: return plain(503, R"({"error":"invalid_grant"})");
      case 3: return plain(429, "");
      case 4: return plain(200, "<html>a captive portal</html>");
      case 5: return plain(408, "");
      case 6: return failed(http::ExchangeFailure::tls, false);
      default: return failed(http::ExchangeFailure::unreachable, false);
    }
  }

  Node& node_;
};

Node::Node(World& world, ProcessId process)
    : world_(world),
      process_(process),
      clock_(mutate(world.mutant, std::make_unique<NodeClock>(*this), world.conditions.wall_offset)),
      weather_(std::make_unique<NodeWeather>(*this)),
      transport_(mutate(world.mutant, std::make_unique<NodeTransport>(*this), *clock_, world.timeline)),
      store_(make_store(world.mutant, world.database, *weather_, process)),
      checks_(context_->get_executor(), *store_, world.sealer, *clock_, world.chance, world.catalog, *transport_, world.log,
              world.metrics, world.settings),
      scheduler_(checks_),
      parts_{.store = *store_,
             .sealer = world.sealer,
             .clock = *clock_,
             .random = world.chance,
             .catalog = world.catalog,
             .log = world.log,
             .passwords = world.passwords,
             .logins = world.logins,
             .checks = checks_,
             .tokens = tokens_,
             .turns = turns_,
             .store_is_damaged = store_is_damaged_} {
  checks_.digest_key = Plaintext(std::string(32, 'd'));
  check(prepare_lanes(checks_, world.database.breakers).has_value(), "the descriptors are in order");
  asio::co_spawn(*context_, live(), [](std::exception_ptr) {});
}

Node::~Node() {
  guard_.reset();
  world_.timeline.drop(process_);
  context_.reset();
}

Task<> Node::live() {
  // A store that fails at the start is tried again, as an operator's supervisor would.
  while (true) {
    try {
      co_await store_->recover_interrupted(clock_->now());
      co_await restore_breakers(checks_);
      co_await restore_fuses(checks_);
      is_up_ = true;
    } catch (const StoreUnavailable&) {
    }
    if (is_up_) break;
    co_await wait_until(world_.timeline.now() + kGrid);
  }
  co_await scheduler_.run();
}

void Node::poll() {
  if (world_.timeline.now() < paused_until_) return;
  context_->restart();
  context_->poll();
}

Task<> Node::wait_until(SteadyTime when) {
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
      [&](auto handler) {
        world_.timeline.at(when, process_, [executor = context_->get_executor(), handler = std::move(handler)]() mutable {
          asio::post(executor, std::move(handler));
        });
      },
      use_task);
}

}  // namespace granary::simulation
