#include "simulation/plan.hpp"

#include <algorithm>
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
    {"POST", 8},
    {"PUT", 8},
    {"PUT of a login that is refused", 5},
    {"PUT of what was sent last", 4},
    {"DELETE", 6},
    {"unlink", 6},
    {"relink", 8},
    {"check", 16},
    {"the grower revokes the login", 8},
    {"crash", 9},
    {"pause", 3},
    {"the store fails", 8},
    {"the provider is down", 6},
    {"the clock jumps", 5},
};
static_assert(std::size(kKinds) == static_cast<std::size_t>(Kind::clock_jumps) + 1);
static_assert(std::accumulate(std::begin(kKinds), std::end(kKinds), 0U,
                              [](auto sum, const auto& kind) { return sum + kind.share; }) == 100);
}  // namespace

std::string_view name_of(Kind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

bool is_connecting(Kind kind) {
  return kind == Kind::post || kind == Kind::put || kind == Kind::put_again || kind == Kind::put_refused;
}

std::string Action::text() const {
  std::string out(name_of(kind));
  if (kind <= Kind::revoke) out += ", slot " + std::to_string(slot);
  if (kind != Kind::revoke && kind != Kind::provider_is_down && kind != Kind::clock_jumps)
    out += ", node " + std::to_string(node);
  if (kind == Kind::pause || kind == Kind::store_fails || kind == Kind::provider_is_down || kind == Kind::clock_jumps)
    out += ", " + std::to_string(number) + " s";
  return out;
}

Plan make_plan(std::uint64_t seed, Processes processes) {
  // Another draw than the history's own, so that leaving actions out changes nothing else that was decided here.
  Chance chance(~seed);
  Plan plan{.seed = seed, .actions = {}, .processes = processes};
  const auto add = [&](Kind kind, seconds from, seconds to) {
    Action action{.at = SteadyTime(chance.span(from, to)), .kind = kind};
    action.node = chance.below(kNodesMax);
    action.slot = chance.below(kUsers * 2);
    if (kind == Kind::pause) action.number = chance.between(1, 80);
    if (kind == Kind::store_fails) action.number = chance.between(1, 8);
    if (kind == Kind::provider_is_down) action.number = chance.between(10, 120);
    if (kind == Kind::clock_jumps) action.number = chance.percent(50) ? 86'400 : -86'400;
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
  // Whatever changes a credential meets a check of it, on either node.
  const auto add_beside = [&](const Action& action, Kind kind, microseconds after) {
    Action beside = action;
    beside.kind = kind;
    beside.node = chance.below(kNodesMax);
    beside.at = std::max(action.at + after, SteadyTime());
    plan.actions.push_back(beside);
  };
  for (std::size_t i = 0, planned = plan.actions.size(); i < planned; ++i) {
    const Action action = plan.actions[i];
    const bool is_put = is_connecting(action.kind) && action.kind != Kind::post;
    const bool is_change = is_put || action.kind == Kind::remove || action.kind == Kind::unlink || action.kind == Kind::relink;
    if (is_change && chance.percent(50)) add_beside(action, Kind::check, -chance.span(milliseconds(0), milliseconds(2000)));
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
    twin.node = 1 - twin.node;
    // An outage would not let the calm be one.
    twin.at = std::min(twin.at + chance.span(milliseconds(0), milliseconds(300)), SteadyTime(kEventful));
    plan.actions.push_back(twin);
  }
  std::ranges::sort(plan.actions, {}, &Action::at);
  return plan;
}

}  // namespace granary::simulation
