#include "domain/incident.hpp"

#include <algorithm>
#include <array>
#include <ranges>

namespace granary {

namespace {

bool is_unavailable(const RecentCheck& check) { return check.found == AnswerKind::unavailable; }

auto within(const std::deque<RecentCheck>& checks, WallTime now, milliseconds interval) {
  const microseconds reach = std::max<microseconds>(interval, kIncidentReach);
  return checks | std::views::filter([start = now - reach](const RecentCheck& check) { return check.time >= start; });
}

bool has_ended(const std::deque<RecentCheck>& checks) {
  return std::ranges::none_of(checks | std::views::reverse | std::views::take(kIncidentEnds), is_unavailable);
}

}  // namespace

void RecentChecks::record(RecentCheck check, milliseconds interval) {
  checks_.push_back(check);
  if (checks_.size() > kIncidentChecks) checks_.pop_front();
  const auto found = incident(check.time, interval);
  // What an incident was made of makes no second one.
  if (since_ && has_ended(checks_))
    checks_.erase(checks_.begin(), checks_.end() - std::min(std::ssize(checks_), std::ptrdiff_t{kIncidentEnds}));
  since_ = found ? std::optional(found->since) : std::nullopt;
}

std::optional<Incident> RecentChecks::incident(WallTime now, milliseconds interval) const {
  std::array<std::int64_t, kReasonCount> reasons{};
  std::int64_t checked = 0, unavailable = 0;
  std::optional<WallTime> first;
  for (const RecentCheck& check : within(checks_, now, interval)) {
    ++checked;
    if (!is_unavailable(check)) continue;
    ++unavailable;
    ++reasons[static_cast<std::size_t>(check.reason)];
    if (!first) first = check.time;
  }
  if (unavailable < kIncidentMinimum || unavailable * kIncidentShare < checked || has_ended(checks_)) return std::nullopt;
  const auto most = std::ranges::max_element(reasons) - reasons.begin();
  return Incident{.since = since_.value_or(*first),
                  .reason = static_cast<Reason>(most),
                  .share = static_cast<double>(unavailable) / static_cast<double>(checked)};
}

double RecentChecks::share(AnswerKind one, AnswerKind other, WallTime now, milliseconds interval) const {
  std::int64_t checked = 0, found = 0;
  for (const RecentCheck& check : within(checks_, now, interval)) {
    ++checked;
    found += check.found == one || check.found == other ? 1 : 0;
  }
  return checked == 0 ? 0 : static_cast<double>(found) / static_cast<double>(checked);
}

}  // namespace granary
