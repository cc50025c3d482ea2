#include "simulation/mass.hpp"

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/embedded.hpp"
#include "domain/fields.hpp"
#include "simulation/node.hpp"

namespace granary::simulation {

namespace {

constexpr seconds kConfirmAfter{60};
constexpr std::chrono::hours kGivesUp{2};
constexpr int kRevokedMax = 9;  // one less than what opens the breaker

class Mass {
 public:
  Mass(int growers, milliseconds interval, std::uint64_t seed)
      : growers_(growers),
        interval_(interval),
        world_{.timeline = {},
               .chance = Chance(seed),
               .conditions = {},
               .providers = ProviderWorld(Reuse::no_rotation, false),
               .database = {},
               .oracle = Oracle(world_.providers, world_.database, sealer_, world_.timeline,
                                {.confirm_after = kConfirmAfter,
                                 .interval = interval,
                                 .outage_after = std::chrono::minutes(15),
                                 .timeout = std::chrono::seconds(10)}),
               .catalog = catalog_,
               .sealer = sealer_,
               .log = log_,
               .metrics = metrics_,
               .passwords = passwords_,
               .logins = logins_,
               .settings = {.interval = interval, .confirm_after = kConfirmAfter},
               .trace = {}} {
    for (const auto& [file, text] : embedded::kProviders) {
      auto provider = parse_descriptor(*Json::parse(text));
      if (!file.contains("ag-leader")) continue;
      provider->rate = 5'000;
      provider->concurrency = 1'000;
      check(catalog_.add(std::move(*provider)).has_value(), "one provider");
    }
    world_.providers.token_lifetime = std::chrono::days(7);  // so that the interval alone says when
    world_.database.observer = &world_.oracle;
    for (int i = 0; i < growers_; ++i) add_grower();
    node_ = std::make_unique<Node>(world_, 1);
    node_->poll();
  }

  // Lets time pass, and looks each second.
  void run_until(SteadyTime end) {
    while (now() < end) look_at(std::min(now() + seconds(1), end));
  }
  // These two give up after two hours; false then.
  bool run_until_open(Trial trial) {
    const SteadyTime begin = now();
    SteadyTime kill = begin;
    while (!is_open() && now() < begin + kGivesUp) {
      if (trial == Trial::killed && now() >= kill) {
        kill_server();
        kill = now() + seconds(30);
      }
      look_at(now() + seconds(1));
    }
    return is_open();
  }
  bool run_until_closed() {
    const SteadyTime begin = now();
    while (is_open() && now() < begin + kGivesUp) look_at(now() + seconds(1));
    return !is_open();
  }
  void refuse_all() { set_all(false); }
  void accept_all() { set_all(true); }
  // As if checks had found so a moment ago. The others are due within a minute.
  void turn_all_but(int others) {
    for (int i = 0; i < growers_; ++i) {
      CredentialEntry& entry = *world_.database.find(ids_[static_cast<std::size_t>(i)]);
      CredentialHealth& health = entry.row.health;
      health.next_check = world_.wall() + world_.chance.span(milliseconds(0), std::chrono::minutes(1));
      if (i < others) continue;
      entry.history.push_back({.key = entry.row.key,
                               .time = world_.wall(),
                               .from = health.status,
                               .to = Status::unauthenticated,
                               .reason = Reason::refused,
                               .cause = Cause::check});
      health.status = Status::unauthenticated;
      health.status_cause = health.answer_cause = Cause::check;
      health.since = world_.wall();
      health.last_checked = world_.wall();
      health.reason = Reason::refused;
      health.was_last_ok = false;
      health.pending_since = {.wall = health.since - kConfirmAfter, .steady = now() - kConfirmAfter, .boot = 1};
      health.refusals = 2;
      health.next_check = world_.wall() + std::chrono::minutes(10);
    }
  }
  void kill_server() {
    world_.oracle.crashed(1);
    node_.reset();
    node_ = std::make_unique<Node>(world_, 1);
    node_->poll();
  }
  milliseconds since(SteadyTime begin) const { return std::chrono::duration_cast<milliseconds>(now() - begin); }
  SteadyTime now() const { return world_.timeline.now(); }

  int count(Status status) const {
    return static_cast<int>(std::ranges::count_if(
        world_.database.credentials, [&](const auto& credential) { return credential.second.row.health.status == status; }));
  }
  // Refusals that reached Granary between two moments.
  int refusals(SteadyTime from, SteadyTime to) {
    int sum = 0;
    for (int i = 0; i < growers_; ++i)
      sum += static_cast<int>(std::ranges::count_if(account(i).refusals, [&](SteadyTime at) { return at >= from && at < to; }));
    return sum;
  }
  // There is one owner: its breaker is the one that counts.
  bool is_open() {
    const auto& breakers = node_->parts().checks.find_lane("ag-leader", "")->breakers;
    return std::ranges::any_of(breakers, [](const auto& entry) { return entry.second.breaker.is_open(); });
  }
  Account& account(int number) { return world_.providers.account(number); }
  const CredentialEntry& credential(int number) { return *world_.database.find(ids_[static_cast<std::size_t>(number)]); }
  World& world() { return world_; }
  // How often one has become UNAUTHENTICATED, for however short.
  int turned() const { return world_.oracle.turned(); }
  bool has_opened() const { return has_opened_; }

 private:
  void look_at(SteadyTime moment) {
    ProcessId process = kNobody;
    while (world_.timeline.step(moment, process)) node_->poll();
    has_opened_ = has_opened_ || is_open();
  }
  void set_all(bool alive) {
    for (int i = 0; i < growers_; ++i) account(i).alive = alive;
  }
  void add_grower() {
    const Account& account = world_.providers.add_account(false);
    CredentialEntry entry;
    StoredCredential& row = entry.row;
    entry.number = ++world_.database.added;
    row.key.id = CredentialId::random(world_.chance);
    row.leaf_user = LeafUserId::random(world_.chance);
    row.provider = "ag-leader";
    Secrets secrets;
    secrets.login.set("refreshToken", Plaintext(account.refresh_token(0)));
    secrets.login.set("publicKey", Plaintext(std::string("client")));
    secrets.login.set("privateKey", Plaintext(std::string("secret")));
    row.secrets_key = sealer_.new_fields_key(scope_of(row), world_.chance);
    row.secrets = sealer_.seal_fields(scope_of(row), row.secrets_key, row.secrets_version, secrets.pack(), world_.chance);
    row.health.status = Status::ok;
    row.health.reason.reset();
    row.health.was_last_ok = true;
    row.health.answer_cause = row.health.status_cause = Cause::check;
    row.health.since = world_.wall();
    row.health.next_check = world_.wall() + world_.chance.span(milliseconds(0), interval_);
    entry.history.push_back({.key = row.key, .time = row.health.since, .from = {}, .to = Status::ok, .reason = {}});
    ids_.push_back(row.key.id);
    const auto added = world_.database.credentials.emplace(row.key.id, std::move(entry));
    world_.oracle.added(added.first->second);
  }

  const int growers_;
  const milliseconds interval_;
  SystemClock clock_;
  Chance key_chance_{1};
  const Plaintext root_key_{std::string(32, 'r')};
  const Sealer sealer_ = *Sealer::open(root_key_, {Sealer::first_ring_key(root_key_, key_chance_)});
  Log log_{clock_, LogLevel::none};
  Metrics metrics_;
  crypto::PasswordPool passwords_;
  LoginLimits logins_{1};
  Catalog catalog_;
  World world_;
  std::vector<CredentialId> ids_;
  bool has_opened_ = false;
  std::unique_ptr<Node> node_;
};

// Five probes, and then the checks, spread over ten minutes or the interval.
milliseconds time_to_heal(milliseconds interval) {
  return std::chrono::minutes(6) + 2 * std::min<milliseconds>(interval, std::chrono::minutes(10));
}

// Few enough to be probed in a day, where they are to be.
constexpr int growers_of(Trial trial) { return trial == Trial::flapping ? 1'000 : 5'000; }

std::string_view manner_of(Trial trial) {
  switch (trial) {
    case Trial::plain: return "";
    case Trial::outage: return " after an outage";
    case Trial::flapping: return " again";
    case Trial::killed: return " by a server killed every 30 s";
  }
  return "";
}

std::string text_of(milliseconds time) { return fmt::format("{} s", std::chrono::duration_cast<seconds>(time).count()); }

}  // namespace

MassOutcome refuse_all(milliseconds interval, milliseconds lasts, Trial trial, std::uint64_t seed) {
  const int growers = growers_of(trial);
  Mass mass(growers, interval, seed);
  mass.run_until(SteadyTime() + interval);
  bool was_as_said = mass.count(Status::ok) == growers;
  if (trial == Trial::outage) {
    const SteadyTime over = mass.now() + interval + std::chrono::hours(1);
    mass.world().conditions.outage_until = over;
    mass.run_until(over);
    // Those that are OK still are held by the fuse, which the outage has blown, and their access tokens work.
    was_as_said = was_as_said && mass.count(Status::temporarily_unavailable) + mass.count(Status::ok) == growers;
  }
  if (trial == Trial::flapping) {
    mass.refuse_all();
    was_as_said = was_as_said && mass.run_until_open(trial);
    mass.run_until(mass.now() + std::chrono::hours(24));  // a probe a minute marks each
    mass.accept_all();
    was_as_said = was_as_said && mass.run_until_closed();
    mass.run_until(mass.now() + std::chrono::minutes(6));
  }
  const SteadyTime begin = mass.now(), end = begin + lasts;
  mass.refuse_all();
  const bool has_opened = mass.run_until_open(trial);
  const SteadyTime opened = mass.now(), settled = opened + std::chrono::minutes(2);
  mass.run_until(end);
  const int revoked_at_end = mass.count(Status::unauthenticated), turned = mass.turned();
  const double minutes = std::chrono::duration<double, std::ratio<60>>(end - settled).count();
  const double probes = mass.refusals(settled, end) / minutes;
  mass.accept_all();
  mass.run_until(end + time_to_heal(interval));
  const int healed = mass.count(Status::ok);
  const auto& violation = mass.world().oracle.violation();
  // The outage has blown the fuse: until it is mended so few tokens are spent that no breaker need open.
  const bool is_held = trial == Trial::outage;
  return {.is_as_promised = was_as_said && (has_opened || is_held) && turned <= kRevokedMax && revoked_at_end == 0 &&
                            probes < 2 && healed == growers && !mass.is_open() && !violation,
          .row = fmt::format("interval {}, all {} refused for {}{}: the breaker opened after {:.0f} s and {} refusals, {} became "
                             "UNAUTHENTICATED, {} were when it ended, {:.1f} probes a minute, {} OK {} later{}",
                             text_of(interval), growers, text_of(lasts), manner_of(trial),
                             std::chrono::duration<double>(opened - begin).count(), mass.refusals(begin, opened), turned,
                             revoked_at_end, probes, healed, text_of(time_to_heal(interval)),
                             violation ? "; " + violation->what : "")};
}

MassOutcome kill_while_opening(std::uint64_t seed) {
  constexpr int kGrowers = growers_of(Trial::plain), kOthers = 100, kTurned = kGrowers - kOthers;
  constexpr std::chrono::hours kInterval{1};
  Mass mass(kGrowers, kInterval, seed);
  mass.run_until(SteadyTime() + kInterval);
  mass.refuse_all();
  mass.turn_all_but(kOthers);
  mass.world().conditions.store_waits = 100;
  // Until some of the commits are made.
  const SteadyTime begin = mass.now();
  while (mass.count(Status::unauthenticated) > kTurned / 2 && mass.now() < begin + std::chrono::minutes(5))
    mass.run_until(mass.now() + milliseconds(10));
  const int left = mass.count(Status::unauthenticated);
  mass.kill_server();
  mass.run_until(mass.now() + std::chrono::minutes(1));
  const int left_later = mass.count(Status::unauthenticated);
  mass.accept_all();
  mass.run_until(mass.now() + time_to_heal(kInterval));
  const int healed = mass.count(Status::ok);
  const auto& violation = mass.world().oracle.violation();
  return {
      .is_as_promised = left > 0 && left < kTurned && left_later == 0 && healed == kGrowers && !violation,
      .row = fmt::format("{} of {} called UNAUTHENTICATED, the breaker opens, the server is killed with {} of them left to take "
                         "back: {} are left a minute after the start, {} OK {} later{}",
                         kTurned, kGrowers, left, left_later, healed, text_of(time_to_heal(kInterval)),
                         violation ? "; " + violation->what : "")};
}

MassOutcome revoke_some(milliseconds interval, int one_in, std::uint64_t seed) {
  constexpr int kGrowers = growers_of(Trial::plain);
  Mass mass(kGrowers, interval, seed);
  const int revoked = kGrowers / one_in;
  const SteadyTime begin = SteadyTime() + interval;
  for (int i = 0; i < revoked; ++i)  // far from each other
    mass.world().timeline.at(begin + mass.world().chance.span(milliseconds(0), interval), kNobody,
                             [&mass, i, one_in] { mass.account(i * one_in).alive = false; });
  const auto found = [&] {
    int count = 0;
    for (int i = 0; i < revoked; ++i) count += mass.credential(i * one_in).row.health.status == Status::unauthenticated;
    return count;
  };
  const SteadyTime in_time = begin + 2 * interval + 2 * kConfirmAfter;
  mass.run_until(in_time);
  // So many that the breaker opens: then each opening takes some of them out of its count, until the rest is too few.
  while (found() < revoked && mass.has_opened() && mass.now() < in_time + std::chrono::hours(24))
    mass.run_until(mass.now() + std::chrono::minutes(10));
  const int found_in_all = found(), others = mass.count(Status::unauthenticated) - found_in_all;
  const bool is_rare = revoked < kGrowers / 20;
  const auto& violation = mass.world().oracle.violation();
  return {
      .is_as_promised = found_in_all == revoked && others == 0 && !mass.is_open() && mass.has_opened() != is_rare && !violation,
      .row = fmt::format("interval {}, {} of {} revoked within it: {} found within {}, {} others, the breaker {}{}",
                         text_of(interval), revoked, kGrowers, found_in_all, text_of(mass.since(begin)), others,
                         mass.has_opened() ? "opened" : "stayed closed", violation ? "; " + violation->what : "")};
}

}  // namespace granary::simulation
