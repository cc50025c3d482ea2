#include "simulation/history.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "base/embedded.hpp"
#include "operation/check.hpp"
#include "operation/credentials.hpp"
#include "operation/leaf_users.hpp"
#include "simulation/node.hpp"

namespace granary::simulation {

namespace {

using Kind = Action::Kind;
using Presence = Slot::Presence;

constexpr seconds kRestart{3}, kCalm{420};
constexpr milliseconds kInterval{std::chrono::seconds(100)}, kConfirmAfter{std::chrono::seconds(20)};
const std::string kSecretSeed(32, 'r');

// What tells histories apart beside their plans, by seed.
struct Setting {
  Reuse reuse;
  std::size_t nodes;     // one of them alone has no claims: the product as it is shipped
  bool permission_ends;  // of growers who would have left
};

Setting setting_of(const Plan& plan) {
  Setting setting{.reuse = static_cast<Reuse>(plan.seed % 3), .nodes = kNodesMax, .permission_ends = false};
  switch (plan.seed / 6 % 12) {
    case 4: setting.nodes = 1; break;
    case 5: setting.permission_ends = true; break;
    case 8:
      setting.nodes = 1;
      setting.permission_ends = true;
      break;
    case 11:
      if (setting.reuse == Reuse::kills_family) setting.reuse = Reuse::refuses;
      break;
    default: break;
  }
  if (plan.processes == Processes::one) setting.nodes = 1;
  return setting;
}

std::string seconds_text(SteadyTime at) { return std::to_string(static_cast<double>(at.time_since_epoch().count()) / 1e6); }

// What is the same in every history of a thread.
struct Shared {
  Catalog plain;     // Ag Leader as it is shipped: each check refreshes
  Catalog probing;   // with a probe, and so few exchanges a second that some check has none left for its second request
  Catalog tolerant;  // that, and the token before the stored one may be tried
  Chance chance{1};
  Plaintext root_key{kSecretSeed};
  Sealer sealer = *Sealer::open(root_key, {Sealer::first_ring_key(root_key, chance)});
  SystemClock clock;
  Log silent{clock, LogLevel::none};
  Metrics metrics;
  crypto::PasswordPool passwords;
  LoginLimits logins{1};

  Shared() {
    for (const auto& [file, text] : embedded::kProviders) {
      if (!file.contains("ag-leader") && !file.contains("sentera")) continue;
      Json descriptor = *Json::parse(text);
      Json parameters = *descriptor.find("parameters");
      add(plain, descriptor);
      if (file.contains("ag-leader")) {
        parameters.set("probe", *Json::parse(R"({"method":"GET","path":"/me","headers":{"Authorization":"{accessToken}"}})"));
        descriptor.set("parameters", parameters);
        descriptor.set("limits", *Json::parse(R"({"rate":0.33,"concurrency":8})"));
      }
      add(probing, descriptor);
      if (file.contains("ag-leader")) {
        parameters.set("previous_token_valid", true);
        descriptor.set("parameters", std::move(parameters));
      }
      add(tolerant, descriptor);
    }
  }

  static void add(Catalog& catalog, const Json& descriptor) {
    check(catalog.add(*parse_descriptor(descriptor)).has_value(), "catalog");
  }

  const Catalog& catalog_for(const Plan& plan) const {
    if (plan.seed / 3 % 2 == 0) return plain;
    return setting_of(plan).reuse == Reuse::grace_for_the_last ? tolerant : probing;
  }
};

// Holds the change for as long as the operation, which only refers to it.
Task<Result<LeafUser>> change_links(Parts& parts, OwnerId owner, LeafUserId user, LinkChange links) {
  co_return co_await change_user(parts, owner, user, {}, links);
}

class History {
 public:
  History(const Plan& plan, bool with_trace)
      : plan_(plan),
        setting_(setting_of(plan)),
        world_{.timeline = {},
               .chance = Chance(plan.seed),
               .conditions = {},
               .providers = ProviderWorld(setting_.reuse, &shared().catalog_for(plan) == &shared().tolerant),
               .database = {},
               .oracle = Oracle(world_.providers, shared().sealer, world_.timeline, kConfirmAfter, kInterval),
               .catalog = shared().catalog_for(plan),
               .sealer = shared().sealer,
               .log = shared().silent,
               .metrics = shared().metrics,
               .passwords = shared().passwords,
               .logins = shared().logins,
               .settings = {.interval = kInterval, .confirm_after = kConfirmAfter, .outage_after = std::chrono::seconds(60)},
               .trace = {}} {
    if (with_trace)
      world_.trace = [this](const std::string& line) {
        outcome_.trace.push_back(seconds_text(world_.timeline.now()) + " " + line);
      };
    world_.oracle.trace = world_.trace;
    if (&world_.catalog != &shared().plain) world_.providers.token_lifetime = seconds(120);
    if (setting_.nodes > 1) world_.database.now = [this] { return world_.timeline.now(); };
    world_.database.observer = &world_.oracle;
  }

  Outcome run() {
    prepare();
    for (std::size_t i = 0; i < setting_.nodes; ++i) start(i);
    for (const Action& action : plan_.actions) world_.timeline.at(action.at, kNobody, [this, action] { perform(action); });
    run_until(SteadyTime(kEventful));
    world_.tell("calm");
    world_.oracle.calm_begins();
    world_.conditions = {.store_waits = world_.conditions.store_waits, .wall_offset = world_.conditions.wall_offset};
    for (auto& node : nodes_)
      if (node) {
        node->fail_store_until({});
        node->pause_until({});
        node->poll();
      }
    // One more leaves when nothing stands in the way of noticing it.
    if (const auto last = last_account_.find(plan_.seed % world_.oracle.slots.size()); last != last_account_.end()) {
      Account& account = world_.providers.account(last->second);
      if (std::exchange(account.alive, false)) account.revoked_in_calm = world_.timeline.now();
    }
    run_until(SteadyTime(kEventful + kCalm));
    if (!world_.oracle.violation()) world_.oracle.judge_end(world_.database);
    nodes_.clear();
    outcome_.violation = world_.oracle.violation();
    return std::move(outcome_);
  }

 private:
  static Shared& shared() {
    thread_local Shared shared;
    return shared;
  }

  void prepare() {
    Chance& chance = world_.chance;
    // Each kind of trouble is there in some histories and not in others.
    const auto some = [&](std::uint64_t most) { return chance.percent(50) ? chance.below(most + 1) : 0; };
    world_.conditions = {.lost_requests = some(15),
                         .lost_answers = some(25),
                         .late_requests = some(15),
                         .errors = some(40),
                         .slow = some(60),
                         .store_waits = some(80)};
    for (std::size_t i = 0; i < kUsers; ++i) {
      LeafUser user{.id = LeafUserId::random(chance), .owner = owner_, .name = "grower", .created = world_.wall()};
      world_.database.users.emplace(user.id, user);
      for (const Provider& provider : world_.catalog.all())
        world_.oracle.slots.push_back({.user = user.id,
                                       .provider = std::string(provider.short_name()),
                                       .has_password = provider.login_kind() == LoginKind::password,
                                       .id = {}});
    }
  }

  void start(std::size_t index) {
    nodes_.resize(std::max(nodes_.size(), index + 1));
    nodes_[index] = std::make_unique<Node>(world_, ++processes_);
    world_.tell("process " + std::to_string(processes_) + " starts");
    nodes_[index]->poll();
  }

  void run_until(SteadyTime until) {
    ProcessId process = kNobody;
    while (!world_.oracle.violation() && world_.timeline.step(until, process))
      for (auto& node : nodes_)
        if (node && (process == kNobody || node->process() == process)) node->poll();
  }

  void perform(const Action& action) {
    world_.tell(action.text());
    Node* node = nodes_[node_of(action)].get();
    Slot& slot = world_.oracle.slots[action.slot];
    switch (action.kind) {
      case Kind::crash: crash(action); return;
      case Kind::pause:
        if (node) pause(*node, seconds(action.number));
        return;
      case Kind::clock_jumps: world_.conditions.wall_offset += seconds(action.number); return;
      case Kind::provider_is_down: world_.conditions.outage_until = world_.timeline.now() + seconds(action.number); return;
      case Kind::store_fails:
        if (node) node->fail_store_until(world_.timeline.now() + seconds(action.number));
        return;
      case Kind::revoke:
        if (const auto account = last_account_.find(action.slot); account != last_account_.end()) {
          const bool stays = setting_.permission_ends && action.at.time_since_epoch().count() % 2 == 0;
          Account& leaving = world_.providers.account(account->second);
          (stays ? leaving.permits : leaving.alive) = false;
        }
        return;
      default: break;
    }
    if (!node) return;
    Parts& parts = node->parts();
    const Provider& provider = *world_.catalog.find_short_name(slot.provider);
    switch (action.kind) {
      case Kind::post: {
        Fields login = new_login(action.slot, true);
        begin<Revealed>(slot, action, node, connect(parts, owner_, slot.user, provider, std::move(login)),
                        [&slot, account = last_made_](const Result<Revealed>& made) {
                          if (!made) return;
                          slot.presence = Presence::present;
                          slot.id = made->id;
                          slot.is_linked = true;
                          slot.account = account;
                        });
        return;
      }
      case Kind::put:
      case Kind::put_again:
      case Kind::put_refused: {
        const bool is_known = slot.account && slot.operations == 0 && slot.is_linked && slot.presence == Presence::present;
        if (action.kind == Kind::put_again && !is_known) return;
        Fields login =
            action.kind == Kind::put_again ? known_login(slot, action) : new_login(action.slot, action.kind == Kind::put);
        if (action.kind == Kind::put_again) last_made_ = *slot.account;
        begin<Revealed>(slot, action, node, reconnect(parts, owner_, slot.user, provider, std::move(login)),
                        [this, &slot, account = last_made_](const Result<Revealed>& replaced) {
                          const bool may_wait = !slot.has_password && &world_.catalog != &shared().plain;
                          if (replaced) {
                            slot.account = account;
                            slot.id = replaced->id;  // of a POST that was not acknowledged, perhaps
                            return;
                          }
                          // What a refresh gave for it may wait for its probe.
                          if (replaced.error().code == ErrorCode::provider_unavailable && may_wait) slot.account.reset();
                        });
        return;
      }
      case Kind::remove:
        begin<void>(slot, action, node, disconnect(parts, owner_, slot.user, provider), [this, &slot](const Result<void>& done) {
          if (done && slot.operations == 1 && !slot.was_disturbed) world_.oracle.acknowledged_delete(slot, world_.database);
          // Unlinked, it is nobody's to delete: 404, and a link brings it back.
          if (done || (done.error().code == ErrorCode::not_found && slot.is_linked)) slot.presence = Presence::absent;
        });
        return;
      case Kind::unlink:
        begin<LeafUser>(slot, action, node, change_links(parts, owner_, slot.user, {.link = {}, .unlink = {slot.provider}}),
                        [&slot](const Result<LeafUser>& done) {
                          if (done) slot.is_linked = false;
                        });
        return;
      case Kind::relink:
        if (slot.id)
          begin<LeafUser>(slot, action, node,
                          change_links(parts, owner_, slot.user, {.link = {{slot.provider, *slot.id}}, .unlink = {}}),
                          [&slot](const Result<LeafUser>& done) {
                            if (!done) return;
                            slot.is_linked = true;
                            slot.presence = Presence::present;
                          });
        return;
      case Kind::check:
        if (slot.id) {
          world_.oracle.request_began(node->process());
          node->run<CheckEnd>(
              check_now(parts.checker, *slot.id),
              [this, process = node->process()](std::exception_ptr, CheckEnd) { world_.oracle.request_ended(process); });
        }
        return;
      default: return;
    }
  }

  // Runs a client's operation. Two at once on one slot, an exception or a crash leave its end unknown.
  template <class T>
  void begin(Slot& slot, const Action& action, Node* node, Task<Result<T>> task,
             std::move_only_function<void(const Result<T>&)> end) {
    if (is_connecting(action.kind)) ++slot.connecting;
    if (++slot.operations > 1) slot.was_disturbed = true;
    running_.emplace_back(node->process(), &slot, action.kind);
    world_.oracle.request_began(node->process());
    node->run<Result<T>>(std::move(task), [this, &slot, process = node->process(), kind = action.kind, end = std::move(end)](
                                              std::exception_ptr error, Result<T> result) mutable {
      const auto mine = std::ranges::find(running_, std::tuple(process, &slot, kind));
      if (mine != running_.end()) running_.erase(mine);
      world_.oracle.request_ended(process);
      world_.tell("process " + std::to_string(process) + " answers a " + std::string(name_of(kind)) +
                  (error    ? ": 503"
                   : result ? ""
                            : ": error " + std::to_string(static_cast<int>(result.error().code))));
      if (error) slot.was_disturbed = true;
      else end(result);
      finish(slot, kind);
    });
  }

  void finish(Slot& slot, Kind kind) {
    if (is_connecting(kind)) --slot.connecting;
    if (slot.was_disturbed) {
      slot.presence = Presence::unknown;
      slot.account.reset();
    }
    if (--slot.operations == 0) slot.was_disturbed = false;
  }

  std::size_t node_of(const Action& action) const { return action.node % setting_.nodes; }

  void crash(const Action& action) {
    const std::size_t index = node_of(action);
    if (!nodes_[index]) return;
    const ProcessId process = nodes_[index]->process();
    world_.oracle.crashed(process);
    nodes_[index].reset();
    std::erase_if(running_, [&](const auto& running) {
      auto& [owner, slot, kind] = running;
      if (owner != process) return false;
      slot->was_disturbed = true;
      finish(*slot, kind);
      return true;
    });
    world_.timeline.at(world_.timeline.now() + kRestart, kNobody, [this, index] { start(index); });
  }

  // A machine that stands still, perhaps for longer than its claim lasts: others take over, and then it goes on as if nothing had
  // been.
  void pause(Node& node, seconds length) {
    const SteadyTime until = world_.timeline.now() + length;
    constexpr seconds kClaimLeft{30};  // at the end of a call
    if (node.pause_until(until) >= kClaimLeft && setting_.nodes > 1) world_.oracle.paused(node.process());
    // Another process may settle what it was at, and it will not know.
    for (auto& [owner, slot, kind] : running_)
      if (owner == node.process()) slot->was_disturbed = true;
    world_.timeline.at(until, node.process(), [] {});  // it is polled again
  }

  // A login that the provider knows, or one that it never saw valid.
  Fields new_login(std::size_t slot, bool is_good) {
    const bool has_password = world_.oracle.slots[slot].has_password;
    Account& account = world_.providers.add_account(has_password);
    account.alive = is_good;
    last_made_ = account.number;
    if (is_good) last_account_[slot] = account.number;
    return login_of(account, 0);
  }

  // What a client has posted, or may have been shown since: half of the times the grant's first token, or else any, spent or not.
  Fields known_login(const Slot& slot, const Action& action) {
    const std::int64_t draw = action.at.time_since_epoch().count();
    const int newest = world_.oracle.stored_token(slot, world_.database);
    return login_of(world_.providers.account(*slot.account), draw % 2 == 0 ? 0 : static_cast<int>(draw / 2 % (newest + 1)));
  }

  static Fields login_of(const Account& account, int token) {
    Fields fields;
    if (account.has_password) {
      fields.set("username", Plaintext(account.username()));
      fields.set("password", Plaintext(std::string("password")));
      fields.set("organizationName", Plaintext(std::string("org")));
    } else {
      fields.set("refreshToken", Plaintext(account.refresh_token(token)));
      fields.set("publicKey", Plaintext(std::string("client")));
      fields.set("privateKey", Plaintext(std::string("secret")));
    }
    return fields;
  }

  const Plan& plan_;
  const Setting setting_;
  World world_;
  OwnerId owner_{};
  std::vector<std::unique_ptr<Node>> nodes_;
  ProcessId processes_ = 0;
  std::vector<std::tuple<ProcessId, Slot*, Kind>> running_;
  std::map<std::size_t, int> last_account_;  // by slot, of those that were good
  int last_made_ = -1;
  Outcome outcome_;
};

}  // namespace

Outcome run_history(const Plan& plan, Fault fault, bool with_trace) {
#ifdef GRANARY_PLANTED_FAULTS
  planted_fault = fault;
#else
  check(fault == Fault::none, "this build has no planted faults");
#endif
  return History(plan, with_trace).run();
}

Plan shrink(const Plan& plan, Fault fault, const std::string& invariant) {
  Plan least = plan;
  for (std::size_t size = std::max<std::size_t>(least.actions.size() / 2, 1); size > 0; size /= 2) {
    for (std::size_t from = 0; from < least.actions.size();) {
      Plan less = least;
      const auto begin = less.actions.begin() + static_cast<std::ptrdiff_t>(from);
      less.actions.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(size, less.actions.size() - from)));
      const Outcome outcome = run_history(less, fault, false);
      if (outcome.violation && outcome.violation->invariant == invariant) least = std::move(less);
      else from += size;
    }
  }
  return least;
}

}  // namespace granary::simulation
