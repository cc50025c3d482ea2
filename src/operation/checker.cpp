#include "operation/checker.hpp"

namespace granary {

Task<> Turns::wait_free(CredentialId id) {
  for (auto found = running_.find(id); found != running_.end(); found = running_.find(id)) {
    if (found->second.is_held) throw StoreUnavailable("an answer for this credential waits for the store");
    const auto changed = found->second.changed;
    co_await changed->wait();
  }
}

void Turns::mark_held(CredentialId id, bool is_held) {
  const auto turn = running_.find(id);
  if (turn == running_.end()) return;
  const auto before = std::exchange(turn->second, {.changed = std::make_shared<Signal>(executor_), .is_held = is_held});
  before.changed->fire();
}

Turns::Hold::Hold(Turns& turns, CredentialId id) : turns_(turns), id_(id) {
  turns_.running_[id] = {.changed = std::make_shared<Signal>(turns.executor_)};
}

Turns::Hold::~Hold() {
  if (const auto turn = turns_.running_.extract(id_)) turn.mapped().changed->fire();
}

LaneState* Checker::find_lane(const std::string& provider, const std::string& environment) {
  const auto found = lanes.find({provider, environment});
  return found == lanes.end() ? nullptr : &found->second;
}

Result<void> prepare_lanes(Checker& checker, const std::map<Lane, BreakerState>& breakers) {
  constexpr milliseconds kDefaultInterval{std::chrono::hours(6)};
  for (const Provider& provider : checker.catalog.all()) {
    const std::string name(provider.short_name());
    auto plan = plan_flow(provider);
    if (!plan) return fail(ErrorCode::invalid_field, name + ": " + plan.error().detail);
    checker.plans.emplace(name, std::move(*plan));
    const milliseconds interval = provider.interval.value_or(checker.settings.interval.value_or(kDefaultInterval));
    for (const Environment& environment : provider.environments) {
      const Lane lane{name, environment.name};
      const auto known = breakers.find(lane);
      checker.lanes.emplace(lane,
                            LaneState{.lane = lane,
                                      .provider = &provider,
                                      .base_url = environment.base_url ? &*environment.base_url : nullptr,
                                      .interval = interval,
                                      .limits = LaneLimits(checker.executor, checker.clock, provider.rate, provider.concurrency),
                                      .breaker = Breaker(checker.settings.breaker, interval,
                                                         known == breakers.end() ? BreakerState{} : known->second),
                                      .last_success = {},
                                      .stored_success = {}});
    }
  }
  return {};
}

}  // namespace granary
