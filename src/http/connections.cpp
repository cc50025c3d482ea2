#include "http/connections.hpp"

namespace granary::http {

std::list<Connection>& Connections::list_of(const Connection& connection) {
  switch (connection.phase) {
    case Connection::Phase::waiting: return waiting_;
    case Connection::Phase::reading_body:
    case Connection::Phase::writing: return transferring_;
    case Connection::Phase::answering: break;
    case Connection::Phase::evicted: return evicted_;
  }
  return busy_;
}

Connections::Place Connections::add(std::function<void()> close, std::function<void()> give_place_back) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(
      {.since = std::chrono::steady_clock::now(), .close = std::move(close), .give_place_back = std::move(give_place_back)});
  return std::prev(waiting_.end());
}

void Connections::remove(Place place) {
  const std::lock_guard lock(mutex_);
  if (place->give_place_back) place->give_place_back();
  list_of(*place).erase(place);
}

void Connections::enter(Place place, Connection::Phase phase) {
  const std::lock_guard lock(mutex_);
  if (place->phase == Connection::Phase::evicted) return;
  auto& from = list_of(*place);
  place->phase = phase;
  place->since = std::chrono::steady_clock::now();
  auto& to = list_of(*place);
  to.splice(to.end(), from, place);
}

// A closed socket ends its session later, from the event loop: no list changes here.
void Connections::close_if(const std::function<bool(const Connection&)>& is_to_close) {
  const std::lock_guard lock(mutex_);
  for (auto* list : {&waiting_, &transferring_, &busy_, &evicted_})
    for (Connection& connection : *list)
      if (is_to_close(connection)) connection.close();
}

void Connections::close_overdue(TimePoint now) {
  close_if([&](const Connection& connection) { return connection.deadline < now; });
}

void Connections::close_unanswered() {
  close_if([](const Connection& connection) {
    return connection.phase == Connection::Phase::waiting || connection.phase == Connection::Phase::reading_body;
  });
}

void Connections::close_all() {
  close_if([](const Connection&) { return true; });
}

std::optional<Connections::TimePoint> Connections::longest_idle_since(Idle idle) {
  const std::lock_guard lock(mutex_);
  const auto& list = list_of(idle);
  return list.empty() ? std::nullopt : std::optional(list.front().since);
}

bool Connections::close_longest_idle(Idle idle) {
  {
    const std::lock_guard lock(mutex_);
    auto& list = list_of(idle);
    if (list.empty()) return false;
    const Place longest = list.begin();
    longest->phase = Connection::Phase::evicted;
    evicted_.splice(evicted_.end(), list, longest);
    if (longest->give_place_back) std::exchange(longest->give_place_back, nullptr)();
  }
  closer_([this] {
    const std::lock_guard closing(mutex_);
    for (Connection& connection : evicted_) connection.close();
  });
  return true;
}

}  // namespace granary::http
