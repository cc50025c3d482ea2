#include "operation/checker.hpp"

#include "operation/check.hpp"

namespace granary {

Task<std::optional<CheckEnd>> Turns::wait_free(CredentialId id) {
  std::optional<CheckEnd> end;
  for (auto found = running_.find(id); found != running_.end(); found = running_.find(id)) {
    const std::shared_ptr<Turn> turn = found->second;
    if (turn->is_held) throw StoreUnavailable("an answer for this credential waits for the store");
    const auto changed = turn->changed;
    co_await changed->wait();
    end = turn->end;
  }
  co_return end;
}

void Turns::mark_held(CredentialId id, bool is_held) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  Turn& turn = *found->second;
  turn.is_held = is_held;
  std::exchange(turn.changed, std::make_shared<Signal>(executor_))->fire();
}

Turns::Hold::Hold(Turns& turns, CredentialId id) : turns_(turns), id_(id) {
  turns_.running_[id] = std::make_shared<Turn>(Turn{.changed = std::make_shared<Signal>(turns.executor_)});
}

Turns::Hold::~Hold() {
  if (const auto turn = turns_.running_.extract(id_)) turn.mapped()->changed->fire();
}

void Turns::Hold::tell(std::optional<CheckEnd> end) {
  if (const auto turn = turns_.running_.find(id_); turn != turns_.running_.end()) turn->second->end = end;
}

LaneState* Checker::find_lane(const std::string& provider, const std::string& environment) {
  const auto found = lanes.find({provider, environment});
  return found == lanes.end() ? nullptr : &found->second;
}

std::string_view one_use_field(const Checker& checker, const Provider& provider) {
  return checker.plans.find(provider.short_name())->second->one_use_field();
}

LaneBreaker& ensure_breaker(const Checker& checker, LaneState& lane, std::optional<OwnerId> owner, BreakerState state) {
  const auto watches = owner ? Breaker::Watches::one_owner : Breaker::Watches::all_owners;
  const auto [entry, is_new] =
      lane.breakers.try_emplace(owner, LaneBreaker{.breaker = Breaker(watches, checker.settings.breaker, lane.interval, state)});
  return entry->second;
}

Result<void> prepare_lanes(Checker& checker, const std::map<BreakerScope, BreakerState>& breakers) {
  constexpr milliseconds kDefaultInterval{std::chrono::hours(6)};
  for (const Provider& provider : checker.catalog.all()) {
    const std::string name(provider.short_name());
    auto plan = plan_flow(provider);
    if (!plan) return fail(ErrorCode::invalid_field, name + ": " + plan.error().detail);
    checker.plans.emplace(name, std::move(*plan));
    const milliseconds interval = provider.interval.value_or(checker.settings.interval.value_or(kDefaultInterval));
    for (const Environment& environment : provider.environments) {
      const Lane lane{name, environment.name};
      checker.lanes.emplace(lane,
                            LaneState{.lane = lane,
                                      .provider = &provider,
                                      .base_url = environment.base_url ? &*environment.base_url : nullptr,
                                      .interval = interval,
                                      .limits = LaneLimits(checker.executor, checker.clock, provider.rate, provider.concurrency),
                                      .breakers = {},
                                      .last_success = {},
                                      .stored_success = {}});
      LaneState& made = checker.lanes.at(lane);
      for (const auto& [scope, state] : breakers)
        if (scope.lane == lane) ensure_breaker(checker, made, scope.owner, state);
      ensure_breaker(checker, made, std::nullopt);
    }
  }
  return {};
}

}  // namespace granary
