#include "simulation/history.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "base/embedded.hpp"
#include "check/check.hpp"
#include "operation/credentials.hpp"
#include "operation/leaf_users.hpp"
#include "simulation/node.hpp"

namespace granary::simulation {

namespace {

using Kind = Action::Kind;
using Presence = Slot::Presence;

constexpr seconds kRestart{3}, kCalm{420};
constexpr milliseconds kInterval{std::chrono::seconds(100)}, kConfirmAfter{std::chrono::seconds(20)},
    kOutageAfter{std::chrono::seconds(60)}, kTimeout{std::chrono::seconds(10)};
const std::string kSecretSeed(32, 'r');

// What tells histories apart beside their plans, by seed.
struct Setting {
  Reuse reuse;
  bool permission_ends;  // of growers who would have left
};

Setting setting_of(const Plan& plan) {
  Setting setting{.reuse = static_cast<Reuse>(plan.seed % 3), .permission_ends = false};
  switch (plan.seed / 6 % 12) {
    case 5:
    case 8: setting.permission_ends = true; break;
    case 11:
      if (setting.reuse == Reuse::kills_family) setting.reuse = Reuse::refuses;
      break;
    default: break;
  }
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
  History(const Plan& plan, Mutant mutant, bool with_trace)
      : plan_(plan),
        setting_(setting_of(plan)),
        world_{.timeline = {},
               .chance = Chance(plan.seed),
               .conditions = {},
               .providers = ProviderWorld(setting_.reuse, &shared().catalog_for(plan) == &shared().tolerant),
               .database = {},
               .oracle = Oracle(
                   world_.providers, world_.database, shared().sealer, world_.timeline,
                   {.confirm_after = kConfirmAfter, .interval = kInterval, .outage_after = kOutageAfter, .timeout = kTimeout}),
               .catalog = shared().catalog_for(plan),
               .sealer = shared().sealer,
               .log = shared().silent,
               .metrics = shared().metrics,
               .passwords = shared().passwords,
               .logins = shared().logins,
               .settings = {.interval = kInterval,
                            .confirm_after = kConfirmAfter,
                            .outage_after = kOutageAfter,
                            .timeout = kTimeout},
               .trace = {},
               .mutant = mutant} {
    if (with_trace)
      world_.trace = [this](const std::string& line) {
        outcome_.trace.push_back(seconds_text(world_.timeline.now()) + " " + line);
      };
    world_.oracle.trace = world_.trace;
    world_.providers.wildness = plan.seed * 2 + 1;
    if (&world_.catalog != &shared().plain) world_.providers.token_lifetime = seconds(120);
    world_.database.observer = &world_.oracle;
  }

  Outcome run() {
    prepare();
    start();
    for (const Action& action : plan_.actions) world_.timeline.at(action.at, kNobody, [this, action] { perform(action); });
    run_until(SteadyTime(kEventful));
    world_.tell("calm");
    world_.oracle.calm_begins();
    world_.providers.is_calm = true;
    world_.conditions = {.store_waits = world_.conditions.store_waits, .wall_offset = world_.conditions.wall_offset};
    if (node_) {
      node_->fail_store_until({});
      node_->pause_until({});
      node_->poll();
    }
    // One more leaves when nothing stands in the way of noticing it.
    if (const auto last = last_account_.find(plan_.seed % world_.oracle.slots.size()); last != last_account_.end()) {
      Account& account = world_.providers.account(last->second);
      if (std::exchange(account.alive, false)) account.revoked_in_calm = world_.timeline.now();
    }
    run_until(SteadyTime(kEventful + kCalm));
    if (!world_.oracle.violation()) world_.oracle.judge_end();
    node_.reset();
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
                         .store_waits = some(80),
                         .failed_commits = some(4),
                         .unknown_commits = some(4)};
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

  void start() {
    node_ = std::make_unique<Node>(world_, ++processes_);
    world_.tell("process " + std::to_string(processes_) + " starts");
    node_->poll();
  }

  void run_until(SteadyTime until) {
    ProcessId process = kNobody;
    while (!world_.oracle.violation() && world_.timeline.step(until, process))
      if (node_) node_->poll();
  }

  void perform(const Action& action) {
    world_.tell(action.text());
    switch (action.kind) {
      case Kind::clock_jumps:
        world_.conditions.wall_offset += seconds(action.number);
        if (action.number < 0) world_.oracle.clock_went_back();
        return;
      case Kind::provider_is_down: world_.conditions.outage_until = world_.timeline.now() + seconds(action.number); return;
      case Kind::revoke: revoke(action); return;
      default: break;
    }
    if (!node_) return;
    switch (action.kind) {
      case Kind::crash: crash(); return;
      case Kind::pause: pause(seconds(action.number)); return;
      case Kind::store_fails: node_->fail_store_until(world_.timeline.now() + seconds(action.number)); return;
      default: break;
    }
    if (!node_->is_up()) return;
    Slot& slot = world_.oracle.slots[action.slot];
    switch (action.kind) {
      case Kind::check: check(slot); return;
      case Kind::remove: remove(slot); return;
      case Kind::unlink: unlink(slot); return;
      case Kind::relink: relink(slot); return;
      case Kind::put_twice: put(action, slot); break;
      default: break;
    }
    if (is_put(action.kind)) put(action, slot);
    else post(action, slot);
  }

  void revoke(const Action& action) {
    const auto account = last_account_.find(action.slot);
    if (account == last_account_.end()) return;
    const bool stays = setting_.permission_ends && action.at.time_since_epoch().count() % 2 == 0;
    Account& leaving = world_.providers.account(account->second);
    (stays ? leaving.permits : leaving.alive) = false;
  }

  const Provider& provider_of(const Slot& slot) const { return *world_.catalog.find_short_name(slot.provider); }

  void post(const Action& action, Slot& slot) {
    auto login = login_for(action, slot);
    if (!login) return;
    const int account = last_made_;
    world_.oracle.brought(slot, account);
    begin<Revealed>(slot, action.kind, connect(node_->parts(), owner_, slot.user, provider_of(slot), std::move(*login)),
                    [this, &slot, account](const Result<Revealed>& made) {
                      world_.oracle.post_ended(slot, account, made ? std::nullopt : std::optional(made.error().code));
                      if (!made) return;
                      slot.presence = Presence::present;
                      slot.id = made->id;
                      slot.is_linked = true;
                      slot.account = account;
                    });
  }

  void put(const Action& action, Slot& slot) {
    auto login = login_for(action, slot);
    if (!login) return;
    const int account = last_made_;
    world_.oracle.brought(slot, account);
    begin<Revealed>(slot, action.kind,
                    reconnect(node_->parts(), owner_, slot.user, provider_of(slot), std::move(*login), granary::Account::any),
                    [this, &slot, account](const Result<Revealed>& replaced) {
                      world_.oracle.put_ended(slot, account, replaced ? std::nullopt : std::optional(replaced.error().code));
                      if (!replaced) return;
                      slot.account = account;
                      slot.id = replaced->id;  // of a POST that was not acknowledged, perhaps
                    });
  }

  void remove(Slot& slot) {
    begin<void>(slot, Kind::remove, disconnect(node_->parts(), owner_, slot.user, provider_of(slot)),
                [this, &slot](const Result<void>& done) {
                  if (done) world_.oracle.acknowledged_leave(slot);
                  if (done && slot.operations == 1 && !slot.was_disturbed) world_.oracle.acknowledged_delete(slot);
                  // Unlinked, it is nobody's to delete: 404, and a link brings it back.
                  if (done || (done.error().code == ErrorCode::not_found && slot.is_linked)) slot.presence = Presence::absent;
                });
  }

  void unlink(Slot& slot) {
    begin<LeafUser>(slot, Kind::unlink, change_links(node_->parts(), owner_, slot.user, {.link = {}, .unlink = {slot.provider}}),
                    [this, &slot](const Result<LeafUser>& done) {
                      if (!done) return;
                      world_.oracle.acknowledged_leave(slot);
                      slot.is_linked = false;
                    });
  }

  void relink(Slot& slot) {
    if (!slot.id) return;
    begin<LeafUser>(slot, Kind::relink,
                    change_links(node_->parts(), owner_, slot.user, {.link = {{slot.provider, *slot.id}}, .unlink = {}}),
                    [this, &slot](const Result<LeafUser>& done) {
                      if (!done) return;
                      world_.oracle.acknowledged_leave(slot);  // of another one that was there
                      slot.is_linked = true;
                      slot.presence = Presence::present;
                    });
  }

  void check(Slot& slot) {
    if (!slot.id) return;
    const auto request = world_.oracle.request_began(slot.id);
    node_->run<CheckEnd>(check_now(node_->parts().checks, {.owner = owner_, .id = *slot.id}),
                         [this, request](std::exception_ptr, CheckEnd) { world_.oracle.request_ended(request, "check"); });
  }

  // Runs a client's operation. Two at once on one slot, an exception or a crash leave its end unknown.
  template <class T>
  void begin(Slot& slot, Kind kind, Task<Result<T>> task, std::move_only_function<void(const Result<T>&)> end) {
    if (is_connecting(kind)) ++slot.connecting;
    if (++slot.operations > 1) slot.was_disturbed = true;
    const auto request = world_.oracle.request_began();
    running_.emplace_back(request.number, &slot, kind);
    node_->run<Result<T>>(std::move(task),
                          [this, &slot, request, kind, end = std::move(end)](std::exception_ptr error, Result<T> result) mutable {
                            std::erase_if(running_, [&](const auto& running) { return std::get<0>(running) == request.number; });
                            world_.oracle.request_ended(request, name_of(kind));
                            world_.tell("a " + std::string(name_of(kind)) + " is answered" +
                                        (error    ? ": 503"
                                         : result ? ""
                                                  : ": error " + std::to_string(static_cast<int>(result.error().code))));
                            if (error) {
                              slot.was_disturbed = true;
                              world_.oracle.unanswered(slot);
                            } else {
                              end(result);
                            }
                            finish(slot, kind);
                          });
  }

  void finish(Slot& slot, Kind kind) {
    if (is_connecting(kind) && --slot.connecting == 0) slot.brought.clear();
    if (slot.was_disturbed) {
      slot.presence = Presence::unknown;
      slot.account.reset();
    }
    if (--slot.operations == 0) slot.was_disturbed = false;
  }

  void crash() {
    world_.oracle.crashed(node_->process());
    node_.reset();
    for (auto& [number, slot, kind] : std::exchange(running_, {})) {
      slot->was_disturbed = true;
      world_.oracle.unanswered(*slot);
      finish(*slot, kind);
    }
    world_.timeline.at(world_.timeline.now() + kRestart, kNobody, [this] { start(); });
  }

  // A machine that stands still, and then goes on as if nothing had been.
  void pause(seconds length) {
    const SteadyTime until = world_.timeline.now() + length;
    node_->pause_until(until);
    world_.oracle.paused_until(until);
    world_.timeline.at(until, node_->process(), [] {});  // it is polled again
  }

  // What a POST or PUT brings; nullopt where there is nothing of that kind to bring.
  std::optional<Fields> login_for(const Action& action, const Slot& slot) {
    switch (action.kind) {
      case Kind::put_again: {
        const bool is_known = slot.account && slot.operations == 0 && slot.is_linked && slot.presence == Presence::present;
        // Also what was not accepted, or whose answer never came.
        const auto last = last_brought_.find(action.slot);
        const bool is_retry = last != last_brought_.end() && (!is_known || action.at.time_since_epoch().count() / 4 % 2 == 0);
        if (is_retry) return login_of(world_.providers.account(last_made_ = last->second), 0);
        if (!is_known) return std::nullopt;
        return known_login(*slot.account, world_.oracle.stored_in(slot), action);
      }
      case Kind::post_of_another:
      case Kind::put_of_another: {
        const Slot& other = world_.oracle.slots[(action.slot + 2) % world_.oracle.slots.size()];
        if (slot.has_password || !other.account) return std::nullopt;
        return known_login(*other.account, world_.oracle.stored_in(other), action);
      }
      case Kind::put_twice:
        if (const auto made = std::exchange(made_once_, std::nullopt)) {
          last_made_ = *made;
          return login_of(world_.providers.account(*made), 0);
        }
        made_once_ = new_account(action.slot, true).number;
        return login_of(world_.providers.account(*made_once_), 0);
      default: return login_of(new_account(action.slot, action.kind != Kind::put_refused), 0);
    }
  }

  // One that the provider knows, or one that it never saw valid.
  Account& new_account(std::size_t slot, bool is_good) {
    Account& account = world_.providers.add_account(world_.oracle.slots[slot].has_password);
    account.alive = is_good;
    last_made_ = last_brought_[slot] = account.number;
    if (is_good) last_account_[slot] = account.number;
    return account;
  }

  // What a client has posted, or may have been shown since: half of the times the grant's first token, or else any, spent or not.
  Fields known_login(int account, const Oracle::Login& stored, const Action& action) {
    const std::int64_t draw = action.at.time_since_epoch().count();
    const int newest = stored.account == account ? std::max(stored.token_index, 0) : 0;
    last_made_ = account;
    return login_of(world_.providers.account(account), draw % 2 == 0 ? 0 : static_cast<int>(draw / 2 % (newest + 1)));
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
  std::unique_ptr<Node> node_;
  ProcessId processes_ = 0;
  std::vector<std::tuple<std::int64_t, Slot*, Kind>> running_;  // by request
  std::map<std::size_t, int> last_account_;                     // by slot, of those that were good
  std::map<std::size_t, int> last_brought_;                     // by slot
  int last_made_ = -1;
  std::optional<int> made_once_;  // to be brought once more at once
  Outcome outcome_;
};

}  // namespace

Outcome run_history(const Plan& plan, Mutant mutant, bool with_trace) { return History(plan, mutant, with_trace).run(); }

Plan shrink(const Plan& plan, Mutant mutant, const std::string& invariant) {
  Plan least = plan;
  for (std::size_t size = std::max<std::size_t>(least.actions.size() / 2, 1); size > 0; size /= 2) {
    for (std::size_t from = 0; from < least.actions.size();) {
      Plan less = least;
      const auto begin = less.actions.begin() + static_cast<std::ptrdiff_t>(from);
      less.actions.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(size, less.actions.size() - from)));
      const Outcome outcome = run_history(less, mutant, false);
      if (outcome.violation && outcome.violation->invariant == invariant) least = std::move(less);
      else from += size;
    }
  }
  return least;
}

}  // namespace granary::simulation
