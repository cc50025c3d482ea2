#include "operation/health.hpp"

#include "check/breakers.hpp"
#include "check/check.hpp"
#include "check/request_place.hpp"
#include "check/secrets.hpp"
#include "operation/parts.hpp"

namespace granary {

namespace {

HealthReport report_of(const Catalog& catalog, const CredentialSummary& summary) {
  const Provider* provider = catalog.find_short_name(summary.provider);
  HealthReport report{.id = summary.key.id,
                      .owner = summary.key.owner,
                      .leaf_user = summary.leaf_user,
                      .provider = summary.provider,
                      .status = summary.health.status,
                      .since = summary.health.since,
                      .reason = summary.health.reason,
                      .last_checked = summary.health.last_checked,
                      .next_check = summary.health.next_check,
                      .action = summary.health.action,
                      .last_success = summary.health.last_success,
                      .failures_in_row = summary.health.failures_in_row,
                      .proved_by = summary.health.proved_by,
                      .grant_ends = summary.health.grant_ends};
  if (!provider || !provider->is_configured(summary.environment)) report.next_check.reset();
  report.message = message_for(report.status, report.reason, summary.health.action, provider ? provider->name : summary.provider,
                               report.next_check ? NextTry::by_itself : NextTry::none);
  return report;
}

Page<HealthReport> reports_of(const Catalog& catalog, const Page<CredentialSummary>& found) {
  Page<HealthReport> out{.items = {}, .total = found.total};
  for (const auto& summary : found.items) out.items.push_back(report_of(catalog, summary));
  return out;
}

// Runs on the checks' executor, where the lanes are.
Task<std::vector<ProviderHealth>> lanes_here(CheckContext& context) {
  std::vector<ProviderHealth> out;
  const auto counts = co_await context.store.count_by_status();
  for (const auto& [key, lane] : context.lanes) {
    ProviderHealth health{.provider = key.provider,
                          .environment = key.environment,
                          .is_configured = lane.base_url != nullptr,
                          .last_success = lane.last_success};
    for (const auto& [owner, its] : lane.breakers) {
      if (!its.breaker.is_open()) continue;
      const WallTime opened = its.breaker.state().opened_at;
      health.breaker_opened = std::min(health.breaker_opened.value_or(opened), opened);
    }
    for (const auto& [owner, its] : lane.fuses)
      if (const auto blown = its.fuse.state().blown_at) health.fuse_blown = std::min(health.fuse_blown.value_or(*blown), *blown);
    for (const StatusCount& count : counts)
      if (count.lane == key) health.credentials.emplace_back(count.status, count.count);
    out.push_back(std::move(health));
  }
  co_return out;
}

Task<Result<CheckEnd>> check_here(CheckContext& context, CredentialKey key) {
  const auto place = RequestPlace::take(context, key.owner);
  if (!place) co_return std::unexpected(place.error());
  co_return co_await check_now(context, key);
}

Task<Result<void>> close_here(CheckContext& context, const std::string& provider) {
  if (!context.catalog.find_short_name(provider)) co_return fail(ErrorCode::not_found);
  std::vector<LaneState*> closed;
  // All of them, before the store can fail: what it is not told now is owed to it.
  for (auto& [key, lane] : context.lanes)
    if (key.provider == provider && close_breakers_of(context, lane)) closed.push_back(&lane);
  for (LaneState* lane : closed) co_await tend_breakers(context, *lane);
  co_return Result<void>();
}

}  // namespace

Task<Result<HealthReport>> find_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider) {
  const auto summary = co_await parts.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  // What does not open is not asked about: no reason that a provider gives would be true of it.
  const auto credential = co_await parts.store.find_credential(summary->key);
  if (credential && !open_secrets(parts.sealer, parts.catalog, *credential)) co_return fail(ErrorCode::seal_broken);
  co_return report_of(parts.catalog, *summary);
}

Task<Result<HealthReport>> check_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider) {
  const auto summary = co_await parts.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  const auto end = co_await run_on(parts.checks.executor, [&] { return check_here(parts.checks, summary->key); });
  if (!end) co_return std::unexpected(end.error());
  if (*end == CheckEnd::seal_broken) co_return fail(ErrorCode::seal_broken);
  // What was deleted meanwhile is gone, whatever was made in its place; what was unlinked may be linked again.
  auto report = co_await find_health(parts, owner, user, provider);
  if (report && report->id != summary->key.id) co_return fail(ErrorCode::not_found);
  co_return report;
}

Task<Page<HealthReport>> list_health(Parts& parts, OwnerId owner, const CredentialFilter& filter, PageRequest page) {
  co_return reports_of(parts.catalog, co_await parts.store.list_summaries(owner, filter, page));
}

Task<Page<HealthReport>> list_all_health(Parts& parts, const CredentialFilter& filter, PageRequest page) {
  co_return reports_of(parts.catalog, co_await parts.store.list_all_summaries(filter, page));
}

Task<std::vector<ProviderHealth>> list_provider_health(Parts& parts) {
  co_return co_await run_on(parts.checks.executor, [&] { return lanes_here(parts.checks); });
}

Task<Result<void>> close_breakers(Parts& parts, std::string provider) {
  co_return co_await run_on(parts.checks.executor, [&] { return close_here(parts.checks, provider); });
}

}  // namespace granary
