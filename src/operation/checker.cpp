#include "operation/checker.hpp"

namespace granary {

Task<> Turns::wait_free(CredentialId id) {
  for (auto found = running_.find(id); found != running_.end(); found = running_.find(id)) {
    const auto ended = found->second;
    co_await ended->wait();
  }
}

Turns::Hold::Hold(Turns& turns, CredentialId id) : turns_(turns), id_(id), ended_(std::make_shared<Signal>(turns.executor_)) {
  turns_.running_[id] = ended_;
}

Turns::Hold::~Hold() {
  turns_.running_.erase(id_);
  ended_->fire();
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
                                      .last_success = {}});
    }
  }
  return {};
}

}  // namespace granary
