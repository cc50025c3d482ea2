#include "store/credential_write.hpp"

#include <algorithm>

#include "base/seeded_random.hpp"

namespace granary {

std::string text_of(const GrantHolder& holder) {
  return "This refresh token is held, or was spent, by credential " + holder.id.text() + " of Leaf user " +
         holder.leaf_user.text() + ".";
}

std::optional<CredentialHealth> apply_rule(const HealthRule& rule, CredentialKey key, const CredentialHealth& health,
                                           std::uint64_t seed) {
  SeededRandom random(seed ^ std::hash<CredentialId>()(key.id));
  return rule(health, random);
}

HealthChange with_history(CredentialKey key, const CredentialHealth& before, CredentialHealth after,
                          std::optional<WallTime> last_change, Cause cause) {
  HealthChange changed{.health = settle_action(before, std::move(after)), .change = {}};
  // The first answer is a change from nothing, whatever it is.
  const bool is_first = !before.answer_cause && !last_change && changed.health.answer_cause;
  if (changed.health.status == before.status && !is_first) return changed;
  // Rows of history stand in the order of their commits, whatever the clock does.
  if (last_change) changed.health.since = std::max(changed.health.since, *last_change + microseconds(1));
  changed.change = StatusChange{.key = key,
                                .time = changed.health.since,
                                .from = is_first ? std::nullopt : std::optional(before.status),
                                .to = changed.health.status,
                                .reason = changed.health.reason,
                                .cause = changed.health.status_cause.value_or(cause)};
  return changed;
}

HealthRule rule_of_news(const LoginNews& news, std::string_view sent) {
  const SentFields fields = sent == news.login.sent ? SentFields::equal : SentFields::other;
  return [&news, fields](const CredentialHealth& health, Random& random) { return after_news(health, news, fields, random); };
}

WritePlan plan_write(const CredentialWrite& write, const RowFacts& row) {
  using End = Committed::End;
  WritePlan plan;
  Committed& committed = plan.committed;
  committed.before = committed.after = row.health;
  if (row.last_write == write.id) {
    committed.was_made_before = true;
    committed.is_applied = !write.secrets || row.secrets_version != write.secrets_version;
    return plan;
  }
  const bool is_same_link = row.is_linked && row.link_version == write.link_version;
  if (row.secrets_version != write.secrets_version) committed.end = End::gone;
  else if (!is_same_link) committed.end = End::unlinked;
  if (committed.end == End::gone || (committed.end == End::unlinked && write.needs == CredentialWrite::Needs::link)) return plan;
  plan.writes = true;
  plan.writes_events = is_same_link && write.events;
  const auto share = [&](const CredentialHealth* after) {
    if (is_same_link && write.share && !write.share->login.login.empty())
      committed.news = news_of(*write.share, write.key.id, after);
  };
  if (is_same_link && write.health) {
    const auto seed = static_cast<std::uint64_t>(write.id);
    auto after = apply_rule(write.health, write.key, row.health, seed);
    committed.is_applied = after.has_value();
    share(after ? &*after : nullptr);
    if (!after) return plan;
    HealthChange changed = with_history(write.key, row.health, std::move(*after), row.last_change, write.cause);
    committed.after = changed.health;
    committed.change = std::move(changed.change);
    plan.health = std::move(changed.health);
  } else {
    share(nullptr);
  }
  plan.writes_secrets = true;
  plan.secrets = write.secrets ? &*write.secrets : nullptr;
  if (write.secrets_without_permission && committed.after.status == Status::missing_permission)
    plan.secrets = &*write.secrets_without_permission;
  return plan;
}

}  // namespace granary
