// The open connections of one listener: what each is at, and which of them closes when its time is over, when the listener
// stops, or when another connection needs its place. Made for one thread; only close_longest_idle and longest_idle_since are
// called from others.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <optional>

#include "base/task.hpp"

namespace granary::http {

struct Connection {
  enum class Phase {
    waiting,       // for a request: its head is not whole yet
    reading_body,  // the rest of a request
    writing,       // a response that its client does not take at once
    answering,     // a request: a handler is at work
    evicted,       // another connection has its place; it closes soon
  };
  Phase phase = Phase::waiting;
  std::chrono::steady_clock::time_point since;     // of the phase
  std::chrono::steady_clock::time_point deadline;  // closes the connection, which ends its session
  std::function<void()> close;                     // on the listener's thread
  std::function<void()> give_place_back;           // to the limits, once; usable from every thread
};

class Connections {
 public:
  using Place = std::list<Connection>::iterator;
  using TimePoint = std::chrono::steady_clock::time_point;

  // `closer` runs a closing on the listener's thread, as long as the listener lives.
  explicit Connections(std::function<void(std::function<void()>)> closer) : closer_(std::move(closer)) {}

  // The connection waits for its first request.
  Place add(std::function<void()> close, std::function<void()> give_place_back);
  // Gives its place back if that has not happened yet.
  void remove(Place place);
  // Does nothing to one that is evicted.
  void enter(Place place, Connection::Phase phase);

  bool empty() const {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() && transferring_.empty() && busy_.empty() && evicted_.empty();
  }
  void close_overdue(TimePoint now);
  // Those without a whole request.
  void close_unanswered();
  void close_all();

  // Who makes room: first those that wait for a request; then those that read a body or write a response, the one that began
  // first.
  enum class Idle { waiting, transferring };
  // Since when the longest idle one is; nullopt when none is.
  std::optional<TimePoint> longest_idle_since(Idle idle);
  // It gives its place back at once, and closes soon. False when none is.
  bool close_longest_idle(Idle idle);

 private:
  void close_if(const std::function<bool(const Connection&)>& is_to_close);
  std::list<Connection>& list_of(const Connection& connection);
  std::list<Connection>& list_of(Idle idle) { return idle == Idle::waiting ? waiting_ : transferring_; }

  std::function<void(std::function<void()>)> closer_;
  mutable std::mutex mutex_;       // of the lists, and of phase and give_place_back of each connection
  std::list<Connection> waiting_;  // in this and the next list, who is idle longest comes first
  std::list<Connection> transferring_;
  std::list<Connection> busy_;     // a request of each is being answered
  std::list<Connection> evicted_;  // each closes soon
};

}  // namespace granary::http
