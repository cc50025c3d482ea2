#include "operation/health.hpp"

#include "check/breakers.hpp"
#include "check/check.hpp"
#include "check/fuses.hpp"
#include "check/request_place.hpp"
#include "check/secrets.hpp"
#include "operation/parts.hpp"
#include "operation/readiness.hpp"

namespace granary {

namespace {

HealthReport report_of(const Parts& parts, const CredentialSummary& summary) {
  const Provider* provider = parts.catalog.find_short_name(summary.provider);
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
                      .grant_ends = summary.health.grant_ends,
                      .external_id = summary.external_id,
                      .leaf_user_name = summary.leaf_user_name};
  const bool is_asked = provider && provider->is_configured(summary.environment) && asks_providers(parts);
  if (!is_asked) report.next_check.reset();
  report.message = message_for(report.status, report.reason, summary.health.action, provider ? provider->name : summary.provider,
                               report.next_check ? NextTry::by_itself : NextTry::none);
  return report;
}

Page<HealthReport> reports_of(const Parts& parts, const Page<CredentialSummary>& found) {
  Page<HealthReport> out{.items = {}, .total = found.total};
  for (const auto& summary : found.items) out.items.push_back(report_of(parts, summary));
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

Task<Result<CheckEnd>> check_here(CheckContext& context, CredentialKey key, Cause cause) {
  const auto place = RequestPlace::take(context, key.owner);
  if (!place) co_return std::unexpected(place.error());
  co_return co_await check_now(context, key, cause);
}

// Whether a client's report of a refusal may tell something new, and costs nothing that is held back.
bool is_worth_a_check(CheckContext& context, const StoredCredential& row) {
  const CredentialHealth& health = row.health;
  const WallTime now = context.clock.now();
  const bool was_refused = health.status == Status::unauthenticated || health.pending == Pending::refused ||
                           health.reason == Reason::refused || health.reason == Reason::refused_once ||
                           health.reason == Reason::refresh_outcome_unknown;
  if (was_refused || (health.retry_at && *health.retry_at > now)) return false;
  const LaneState* lane = context.find_lane(row.provider, row.environment);
  if (!lane) return true;
  return !held_by_fuse(*lane, row.key.owner) &&
         !any_breaker(*lane, row.key.owner, [&](const LaneBreaker& its) { return its.holds_back(now); });
}

Task<Result<void>> check_reported(CheckContext& context, CredentialKey key) {
  const auto row = co_await context.store.find_credential(key);
  if (!row || !is_worth_a_check(context, *row)) co_return Result<void>();
  if (!context.reports.take(key.id, context.clock.elapsed())) co_return Result<void>();
  const auto end = co_await check_here(context, key, Cause::report);
  if (!end) co_return std::unexpected(end.error());
  co_return Result<void>();
}

// What an owner's own checks tell; an open breaker or a blown fuse always is one.
std::optional<Incident> incident_of(const LaneState& lane, OwnerId owner, const std::optional<WallTime>& breaker_opened,
                                    WallTime now) {
  const auto found = lane.recent.find(owner);
  const RecentChecks& recent = found == lane.recent.end() ? RecentChecks() : found->second;
  if (breaker_opened)
    return Incident{.since = *breaker_opened,
                    .reason = Reason::provider_refuses_many,
                    .share = recent.share(AnswerKind::refused, AnswerKind::forbidden, now, lane.interval)};
  for (const auto& whose : {std::optional(owner), std::optional<OwnerId>()}) {
    const auto fuse = lane.fuses.find(whose);
    if (fuse == lane.fuses.end() || !fuse->second.fuse.is_blown()) continue;
    const FuseState& state = fuse->second.fuse.state();
    return Incident{.since = *state.blown_at,
                    .reason = state.reason,
                    .share = recent.share(AnswerKind::unavailable, AnswerKind::unavailable, now, lane.interval)};
  }
  return recent.incident(now, lane.interval);
}

// Runs on the checks' executor, where the lanes are.
Task<std::vector<OwnProvider>> own_lanes_here(CheckContext& context, OwnerId owner) {
  std::vector<OwnProvider> out;
  const auto counts = co_await context.store.count_of_owner(owner);
  const WallTime now = context.clock.now();
  for (const auto& [key, lane] : context.lanes) {
    OwnProvider own{.provider = key.provider, .environment = key.environment, .is_configured = lane.base_url != nullptr};
    any_breaker(lane, owner, [&](const LaneBreaker& its) {
      if (!its.breaker.is_open()) return false;
      const WallTime opened = its.breaker.state().opened_at;
      own.breaker_opened = std::min(own.breaker_opened.value_or(opened), opened);
      return false;
    });
    for (const StatusCount& count : counts) {
      if (count.lane != key) continue;
      own.credentials.emplace_back(count.status, count.count);
      own.last_success = std::max(own.last_success, count.last_success);
    }
    own.incident = incident_of(lane, owner, own.breaker_opened, now);
    out.push_back(std::move(own));
  }
  co_return out;
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

namespace {

// What was deleted meanwhile is gone, whatever was made in its place; what was unlinked may be linked again.
Task<Result<HealthReport>> find_health_of(Parts& parts, CredentialKey key, LeafUserId user, const Provider& provider) {
  auto report = co_await find_health(parts, key.owner, user, provider);
  if (report && report->id != key.id) co_return fail(ErrorCode::not_found);
  co_return report;
}

}  // namespace

Task<Result<HealthReport>> find_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider) {
  const auto summary = co_await parts.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  // What does not open is not asked about: no reason that a provider gives would be true of it.
  const auto credential = co_await parts.store.find_credential(summary->key);
  if (credential && !open_secrets(parts.sealer, parts.catalog, *credential)) co_return fail(ErrorCode::seal_broken);
  co_return report_of(parts, *summary);
}

Task<Result<HealthReport>> check_health(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider) {
  const auto summary = co_await parts.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  const auto end = co_await run_on(parts.checks.executor, [&] { return check_here(parts.checks, summary->key, Cause::request); });
  if (!end) co_return std::unexpected(end.error());
  if (*end == CheckEnd::seal_broken) co_return fail(ErrorCode::seal_broken);
  co_return co_await find_health_of(parts, summary->key, user, provider);
}

Task<Result<HealthReport>> report_answer(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider,
                                         std::int64_t status_code) {
  const auto summary = co_await parts.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  if (status_code == 401 || (status_code == 403 && provider.has_probe())) {
    const auto end = co_await run_on(parts.checks.executor, [&] { return check_reported(parts.checks, summary->key); });
    if (!end) co_return std::unexpected(end.error());
  }
  co_return co_await find_health_of(parts, summary->key, user, provider);
}

Task<Result<Page<StatusChange>>> list_history(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider,
                                              PageRequest page) {
  const auto summary = co_await parts.store.find_summary(owner, user, provider.short_name());
  if (!summary) co_return fail(ErrorCode::not_found);
  co_return co_await parts.store.list_history(summary->key, page);
}

Task<Result<Page<StatusChange>>> list_history(Parts& parts, CredentialId id, PageRequest page) {
  const auto key = co_await parts.store.find_key(id);
  if (!key) co_return fail(ErrorCode::not_found);
  co_return co_await parts.store.list_history(*key, page);
}

Task<Page<HealthReport>> list_health(Parts& parts, OwnerId owner, const CredentialFilter& filter, PageRequest page) {
  co_return reports_of(parts, co_await parts.store.list_summaries(owner, filter, page));
}

Task<Page<HealthReport>> list_all_health(Parts& parts, const CredentialFilter& filter, PageRequest page) {
  co_return reports_of(parts, co_await parts.store.list_all_summaries(filter, page));
}

Task<Followed> follow_changes(Parts& parts, std::optional<std::int64_t> after) {
  constexpr std::int64_t kAtOnce = 100;
  Followed out;
  if (!after) {
    out.last = co_await parts.store.last_change_number();
    co_return out;
  }
  out.last = *after;
  for (const auto& [number, change] : co_await parts.store.list_changes(*after, kAtOnce)) {
    out.last = number;
    const auto row = co_await parts.store.find_credential(change.key);
    if (!row || !row->leaf_user) continue;
    const auto summary = co_await parts.store.find_summary(change.key.owner, *row->leaf_user, row->provider);
    if (summary) out.changes.push_back({.change = change, .now = report_of(parts, *summary)});
  }
  co_return out;
}

Task<std::vector<OwnProvider>> list_own_providers(Parts& parts, OwnerId owner) {
  co_return co_await run_on(parts.checks.executor, [&] { return own_lanes_here(parts.checks, owner); });
}

Task<std::vector<ProviderHealth>> list_provider_health(Parts& parts) {
  co_return co_await run_on(parts.checks.executor, [&] { return lanes_here(parts.checks); });
}

Task<Result<void>> close_breakers(Parts& parts, std::string provider) {
  co_return co_await run_on(parts.checks.executor, [&] { return close_here(parts.checks, provider); });
}

}  // namespace granary
