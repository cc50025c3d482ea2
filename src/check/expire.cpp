#include "check/expire.hpp"

#include "check/context.hpp"
#include "domain/event.hpp"

namespace granary {

namespace {
constexpr std::int64_t kBatch = 200;
constexpr std::chrono::days kUnlinkedKept{30};
}  // namespace

Task<bool> expire_some(CheckContext& context) {
  const WallTime now = context.clock.now();
  const std::int64_t events = co_await context.store.expire_events(day_of(now) - kEventDays, kBatch);
  const std::int64_t unlinked = co_await context.store.expire_unlinked(now - kUnlinkedKept, kBatch);
  const auto kept = std::chrono::duration_cast<microseconds>(context.settings.history_kept);
  const std::int64_t history = co_await context.store.expire_history(now - kept, kBatch);
  co_return (events < kBatch && unlinked < kBatch && history < kBatch);
}

}  // namespace granary
