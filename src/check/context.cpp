#include "check/context.hpp"

namespace granary {

LaneState* CheckContext::find_lane(const std::string& provider, const std::string& environment) {
  const auto found = lanes.find({provider, environment});
  return found == lanes.end() ? nullptr : &found->second;
}

std::string_view one_use_field(const CheckContext& context, const Provider& provider) {
  return context.plans.find(provider.short_name())->second->one_use_field();
}

LaneBreaker& ensure_breaker(const CheckContext& context, LaneState& lane, std::optional<OwnerId> owner, BreakerState state) {
  const auto watches = owner ? Breaker::Watches::one_owner : Breaker::Watches::all_owners;
  const auto [entry, is_new] =
      lane.breakers.try_emplace(owner, LaneBreaker{.breaker = Breaker(watches, context.settings.breaker, lane.interval, state)});
  // A server that died while it took back what had turned goes on with it.
  if (is_new && state.open) entry->second.opening_owed = state.window_start;
  return entry->second;
}

CheckPolicy policy_for(CheckContext& context, const LaneState& lane, OwnerId owner, Cause cause) {
  const WallTime now = context.clock.now();
  return {.interval = lane.interval,
          .confirm_after = context.settings.confirm_after,
          .outage_after = context.settings.outage_after,
          .login = lane.provider->login_kind(),
          .breaker_open = any_breaker(lane, owner, [](const LaneBreaker& its) { return its.breaker.is_open(); }),
          .holds_confirmations = any_breaker(
              lane, owner, [&](const LaneBreaker& its) { return its.breaker.is_in_doubt(now) || its.is_closing(now); }),
          .cause = cause};
}

Result<void> prepare_lanes(CheckContext& context, const std::map<BreakerScope, BreakerState>& breakers) {
  constexpr milliseconds kDefaultInterval{std::chrono::hours(6)};
  for (const Provider& provider : context.catalog.all()) {
    const std::string name(provider.short_name());
    auto plan = plan_flow(provider);
    if (!plan) return fail(ErrorCode::invalid_field, name + ": " + plan.error().detail);
    context.plans.emplace(name, std::move(*plan));
    const milliseconds interval = provider.interval.value_or(context.settings.interval.value_or(kDefaultInterval));
    for (const Environment& environment : provider.environments) {
      const Lane lane{name, environment.name};
      context.lanes.emplace(lane,
                            LaneState{.lane = lane,
                                      .provider = &provider,
                                      .base_url = environment.base_url ? &*environment.base_url : nullptr,
                                      .interval = interval,
                                      .limits = LaneLimits(context.executor, context.clock, provider.rate, provider.concurrency),
                                      .breakers = {},
                                      .fuses = {},
                                      .last_success = {},
                                      .stored_success = {}});
      LaneState& made = context.lanes.at(lane);
      for (const auto& [scope, state] : breakers)
        if (scope.lane == lane) ensure_breaker(context, made, scope.owner, state);
      ensure_breaker(context, made, std::nullopt);
    }
  }
  return {};
}

}  // namespace granary
