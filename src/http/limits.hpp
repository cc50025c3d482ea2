// What all listeners of a server share: places for connections, and memory for the bodies of requests.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/connections.hpp"

namespace granary::http {

// Counts connections over all listeners, as a whole and by the client's network (network_of). Usable from every thread.
class ConnectionLimits {
 public:
  ConnectionLimits(std::size_t total, std::size_t per_address) : total_max_(total), per_address_max_(per_address) {}

  enum class Entry {
    entered,  // leave() gives the place back
    full,     // no place is left for anybody
    too_many  // this network has its share
  };
  Entry enter(const std::string& network);
  // A trusted proxy has no share of its own: what it forwards is counted by enter_forwarded.
  Entry enter_proxy();
  void leave(const std::string& network);
  void leave_proxy();

  // A request that a trusted proxy forwards counts as one connection of its client while it is answered. False: too many.
  bool enter_forwarded(const std::string& network);
  void leave_forwarded(const std::string& network);

  // The connections that may have to make room. They must outlive the last call of make_room().
  void add(Connections& connections);
  // Closes the connection that is idle longest, on whichever thread, and gives its place back. False when every one is at work.
  bool make_room();

 private:
  bool count_in(const std::string& network);
  void count_out(const std::string& network);

  std::mutex mutex_;
  std::size_t total_max_, per_address_max_, total_ = 0;
  std::map<std::string, std::size_t> by_network_;
  std::vector<Connections*> all_;
};

// The memory of all bodies that are being read or answered. `payer` is whose share a body takes: an owner, or for those who
// have not logged in a network. One payer has at most a quarter of it. Usable from every thread.
class BodyMemory {
 public:
  explicit BodyMemory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // False when there is no room for so many more bytes.
  bool take(const std::string& payer, std::size_t bytes);
  void give_back(const std::string& payer, std::size_t bytes);
  // What is taken now.
  std::size_t bytes();
  std::size_t payers();

 private:
  std::mutex mutex_;
  std::size_t bytes_max_, bytes_ = 0;
  std::map<std::string, std::size_t> by_payer_;
};

}  // namespace granary::http
