#include "check/outages.hpp"

#include <algorithm>

#include "check/commit.hpp"

namespace granary {

namespace {

// Places in a queue by when the access tokens end; one that is not known has none to lose.
class Places {
 public:
  void add(const CredentialHealth& health) { ends_.push_back(end_of(health)); }
  void sort() { std::ranges::sort(ends_); }
  std::size_t count() const { return ends_.size(); }
  // Among equals at random.
  double place_of(const CredentialHealth& health, Random& random) const {
    const auto [first, last] = std::ranges::equal_range(ends_, end_of(health));
    const auto among = static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(last - first, 1));
    const auto before = static_cast<std::uint64_t>(first - ends_.begin());
    return static_cast<double>(before + random.below(among)) / static_cast<double>(ends_.size());
  }

 private:
  static WallTime end_of(const CredentialHealth& health) { return health.access_ends.value_or(WallTime::max()); }
  std::vector<WallTime> ends_;
};

}  // namespace

bool needs_waking(const LaneState& lane) { return lane.outage.has_ended(); }

Task<> wake_lane(CheckContext& context, LaneState& lane) {
  const std::size_t out = lane.outage.take_ended();
  if (out < kOutOfOrder && co_await context.store.has_more_linked(lane.lane, static_cast<std::int64_t>(out))) co_return;
  const WallTime now = context.clock.now();
  const BreakerScope all{.lane = lane.lane, .owner = {}};
  const auto places = std::make_shared<Places>();
  co_await change_health(
      context, all, Rows::all,
      [places, now](const CredentialHealth& health, Random&) -> std::optional<CredentialHealth> {
        if (after_outage(health, now, microseconds(0), 0)) places->add(health);
        return std::nullopt;
      },
      Cause::check);
  if (places->count() == 0) co_return;
  places->sort();
  // Half of the rate stays for what is due anyhow.
  const microseconds needed(static_cast<std::int64_t>(static_cast<double>(places->count()) / (lane.provider->rate / 2) * 1e6));
  const microseconds spread = std::max<microseconds>(kWakeSpread, needed);
  context.log.info("a provider answers again: what waited is checked soon",
                   {{"provider", lane.lane.provider}, {"credentials", static_cast<std::int64_t>(places->count())}});
  co_await change_health(
      context, all, Rows::all,
      [places, now, spread](const CredentialHealth& health, Random& random) {
        return after_outage(health, now, spread, places->place_of(health, random));
      },
      Cause::check);
}

}  // namespace granary
