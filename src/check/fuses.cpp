#include "check/fuses.hpp"

#include <algorithm>

namespace granary {

namespace {

LaneFuse& fuse_of_all(LaneState& lane) { return lane.fuses[std::nullopt]; }

const LaneFuse* find_fuse(const LaneState& lane, std::optional<OwnerId> owner) {
  const auto found = lane.fuses.find(owner);
  return found == lane.fuses.end() ? nullptr : &found->second;
}

// The one that holds this owner's tokens: where nobody's are spent, that of all owners. Null: none does.
const LaneFuse* find_blown(const LaneState& lane, OwnerId owner) {
  for (const auto& whose : {std::optional<OwnerId>(), std::optional(owner)})
    if (const LaneFuse* its = find_fuse(lane, whose); its && its->fuse.is_blown()) return its;
  return nullptr;
}

bool is_blown(const LaneState& lane, std::optional<OwnerId> owner) {
  const LaneFuse* its = find_fuse(lane, owner);
  return its && its->fuse.is_blown();
}

void log_fuse(CheckContext& context, const LaneState& lane, std::optional<OwnerId> owner, LogLevel level,
              std::string_view message) {
  context.log.write(
      level, message,
      {{"provider", lane.lane.provider}, {"environment", lane.lane.environment}, {"owner", owner ? owner->text() : "all"}});
}

void log_blown(CheckContext& context, const LaneState& lane, std::optional<OwnerId> owner) {
  log_fuse(context, lane, owner, LogLevel::error,
           "the fuse blew: this provider's answers to token requests do not come or cannot be read, so no more tokens are spent "
           "but one at a time");
}

void log_mended(CheckContext& context, const LaneState& lane, std::optional<OwnerId> owner) {
  log_fuse(context, lane, owner, LogLevel::warning, "the fuse is mended: this provider gives tokens again");
}

// Where two owners' are blown, nobody's tokens are spent.
void blow_of_all(CheckContext& context, LaneState& lane, Reason reason) {
  const auto is_owners = [](const auto& entry) { return entry.first && entry.second.fuse.is_blown(); };
  if (std::ranges::count_if(lane.fuses, is_owners) < kFuseOwners) return;
  LaneFuse& of_all = fuse_of_all(lane);
  if (!of_all.fuse.blow(reason, context.clock.now())) return;
  of_all.is_owed = true;
  log_blown(context, lane, std::nullopt);
}

// While nobody's are spent, whoever's request succeeds mends for all.
void mend(CheckContext& context, LaneState& lane, OwnerId owner) {
  const bool mends_all = is_blown(lane, std::nullopt);
  for (auto& [whose, its] : lane.fuses) {
    const bool is_concerned = mends_all || whose == owner;
    if (!is_concerned || !its.fuse.mend()) continue;
    its.is_owed = true;
    log_mended(context, lane, whose);
  }
}

}  // namespace

Task<> restore_fuses(CheckContext& context) {
  for (const auto& [scope, state] : co_await context.store.load_fuses()) {
    const auto lane = context.lanes.find(scope.lane);
    if (lane != context.lanes.end()) lane->second.fuses[scope.owner] = {.fuse = Fuse(state)};
  }
}

void record_token_request(CheckContext& context, LaneState& lane, CredentialKey key, const TokenRequest& request, Reason reason) {
  if (request.outcome == TokenOutcome::succeeded) mend(context, lane, key.owner);
  if (!request.counts) return;
  LaneFuse& own = lane.fuses[key.owner];
  const bool was_kept = own.fuse.state().is_worth_keeping();
  const Fuse::Change changed = own.fuse.record(key.id, request.outcome, reason, context.clock.now());
  own.is_owed = own.is_owed || was_kept || own.fuse.state().is_worth_keeping();
  if (changed != Fuse::Change::blown) return;
  log_blown(context, lane, key.owner);
  blow_of_all(context, lane, reason);
}

Task<> save_fuses(CheckContext& context, LaneState& lane) {
  std::vector<std::optional<OwnerId>> owed;
  for (const auto& [owner, its] : lane.fuses)
    if (its.is_owed) owed.push_back(owner);
  for (const auto& owner : owed) {
    LaneFuse& its = lane.fuses[owner];
    const BreakerScope scope{.lane = lane.lane, .owner = owner};
    const FuseState saved = its.fuse.state();
    co_await context.store.save_fuse(scope, saved);
    its.is_owed = its.fuse.state() != saved;  // it may have moved on meanwhile
  }
}

bool owes_fuses(const LaneState& lane) {
  return std::ranges::any_of(lane.fuses, [](const auto& entry) { return entry.second.is_owed; });
}

std::optional<Reason> held_by_fuse(const LaneState& lane, OwnerId owner) {
  const LaneFuse* blown = find_blown(lane, owner);
  return blown ? std::optional(blown->fuse.state().reason) : std::nullopt;
}

bool is_trial_due(const LaneState& lane, OwnerId owner, WallTime now) {
  const LaneFuse* blown = find_blown(lane, owner);
  return blown && blown->fuse.is_trial_due(now);
}

Task<bool> take_trial(CheckContext& context, LaneState& lane, OwnerId owner) {
  LaneFuse& its = lane.fuses[is_blown(lane, std::nullopt) ? std::nullopt : std::optional(owner)];
  if (!its.fuse.take_trial(context.clock.now())) co_return false;
  its.is_owed = true;
  co_await save_fuses(context, lane);
  co_return true;
}

std::vector<std::optional<OwnerId>> list_due_trials(const LaneState& lane, WallTime now) {
  std::vector<std::optional<OwnerId>> due;
  for (const auto& [owner, its] : lane.fuses) {
    const bool is_held_for_all = owner && is_blown(lane, std::nullopt);
    if (!is_held_for_all && its.fuse.is_trial_due(now)) due.push_back(owner);
  }
  return due;
}

}  // namespace granary
