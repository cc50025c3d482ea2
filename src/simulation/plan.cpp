#include "simulation/plan.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "simulation/chance.hpp"

namespace granary::simulation {

namespace {

using Kind = Action::Kind;

// In the order of Kind: its name, and its share of what happens, of 100.
constexpr struct {
  std::string_view name;
  std::uint64_t share;
} kKinds[] = {
    {"POST", 7},
    {"PUT", 8},
    {"PUT of a login that is refused", 5},
    {"PUT of what was sent last", 5},
    {"PUT of one login twice at once", 3},
    {"POST of another's token", 3},
    {"PUT of another's token", 3},
    {"DELETE", 5},
    {"unlink", 5},
    {"relink", 7},
    {"check", 14},
    {"the grower revokes the login", 7},
    {"crash", 9},
    {"pause", 2},
    {"the store fails", 7},
    {"the provider is down", 5},
    {"the clock jumps", 5},
};
static_assert(std::size(kKinds) == static_cast<std::size_t>(Kind::clock_jumps) + 1);
static_assert(std::accumulate(std::begin(kKinds), std::end(kKinds), 0U,
                              [](auto sum, const auto& kind) { return sum + kind.share; }) == 100);

constexpr std::array<std::int64_t, 4> kJumps = {86'400, -86'400, -7'200, -7'200};

}  // namespace

std::string_view name_of(Kind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

bool is_put(Kind kind) {
  return kind == Kind::put || kind == Kind::put_refused || kind == Kind::put_again || kind == Kind::put_twice ||
         kind == Kind::put_of_another;
}

bool is_connecting(Kind kind) { return kind == Kind::post || kind == Kind::post_of_another || is_put(kind); }

std::string Action::text() const {
  std::string out(name_of(kind));
  if (kind <= Kind::revoke) out += ", slot " + std::to_string(slot);
  if (kind >= Kind::pause) out += ", " + std::to_string(number) + " s";
  return out;
}

Plan make_plan(std::uint64_t seed) {
  // Another draw than the history's own, so that leaving actions out changes nothing else that was decided here.
  Chance chance(~seed);
  Plan plan{.seed = seed, .actions = {}};
  const auto add = [&](Kind kind, seconds from, seconds to) {
    Action action{.at = SteadyTime(chance.span(from, to)), .kind = kind};
    action.slot = chance.below(kUsers * 2);
    if (kind == Kind::pause) action.number = chance.between(1, 80);
    if (kind == Kind::store_fails) action.number = chance.between(1, 8);
    if (kind == Kind::provider_is_down) action.number = chance.between(10, 120);
    if (kind == Kind::clock_jumps) action.number = kJumps[chance.below(kJumps.size())];
    plan.actions.push_back(action);
    return plan.actions.size() - 1;
  };
  for (std::size_t slot = 0; slot < kUsers * 2; ++slot)
    if (chance.percent(80)) plan.actions[add(Kind::post, seconds(1), seconds(30))].slot = slot;
  const std::int64_t count = chance.between(0, 24);
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint64_t draw = chance.below(100);
    std::size_t kind = 0;
    for (; draw >= kKinds[kind].share; ++kind) draw -= kKinds[kind].share;
    add(static_cast<Kind>(kind), seconds(1), kEventful);
  }
  const auto add_beside = [&](const Action& action, Kind kind, microseconds after) {
    Action beside = action;
    beside.kind = kind;
    beside.at = std::max(action.at + after, SteadyTime());
    plan.actions.push_back(beside);
  };
  for (std::size_t i = 0, planned = plan.actions.size(); i < planned; ++i) {
    const Action action = plan.actions[i];
    const bool is_change =
        is_put(action.kind) || action.kind == Kind::remove || action.kind == Kind::unlink || action.kind == Kind::relink;
    // Whatever changes a credential meets a check of it, or a crash.
    if (is_change && chance.percent(50)) add_beside(action, Kind::check, -chance.span(milliseconds(0), milliseconds(2000)));
    if (is_connecting(action.kind) && chance.percent(15))
      add_beside(action, Kind::crash, chance.span(milliseconds(0), milliseconds(2000)));
    // A client that was told nothing, or 503, asks again.
    if (is_put(action.kind) && chance.percent(25))
      add_beside(action, Kind::put_again, chance.span(milliseconds(3000), milliseconds(20000)));
    if (action.kind == Kind::put_twice) add_beside(action, Kind::put_again, chance.span(milliseconds(0), milliseconds(300)));
    // A revoked login is found, and given anew in the moment when that is to be confirmed.
    if (action.kind == Kind::revoke && chance.percent(50)) {
      add_beside(action, Kind::check, seconds(1));
      add_beside(action, Kind::check, seconds(23));
      add_beside(action, Kind::put, seconds(23) + chance.span(milliseconds(0), milliseconds(500)));
    }
  }
  // Two at once, of what races.
  if (chance.percent(40) && !plan.actions.empty()) {
    Action twin = plan.actions[chance.below(plan.actions.size())];
    // An outage would not let the calm be one.
    twin.at = std::min(twin.at + chance.span(milliseconds(0), milliseconds(300)), SteadyTime(kEventful));
    plan.actions.push_back(twin);
  }
  std::ranges::sort(plan.actions, {}, &Action::at);
  return plan;
}

}  // namespace granary::simulation
