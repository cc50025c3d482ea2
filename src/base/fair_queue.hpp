// A queue in which the keys take turns: a key with a thousand values waiting delays another key's first value by one.
// Used where many parties wait for few places: slots of a provider, threads that read lists, threads that hash passwords.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace granary {

// Not locked. The caller limits how much may wait. `Key` is ordered by `<`.
template <class Key, class Value>
class FairQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // How many values of this key wait.
  std::size_t count(const Key& key) const {
    const auto found = waiting_.find(key);
    return found == waiting_.end() ? 0 : found->second.size();
  }

  // How many keys have something waiting.
  std::size_t keys() const { return waiting_.size(); }
  // How many values would be popped before one of this key that is pushed now, were nothing else pushed.
  std::size_t ahead_of(const Key& key) const {
    const std::size_t own = count(key);
    std::size_t ahead = own;
    for (const auto& [other, values] : waiting_)
      if (other != key) ahead += std::min(values.size(), own + 1);
    return ahead;
  }

  void push(const Key& key, Value value) {
    auto& values = waiting_[key];
    if (values.empty()) turns_.push_back(key);
    values.push_back(std::move(value));
    ++size_;
  }

  // The oldest value of the key whose turn it is; the key then goes behind the others.
  std::optional<std::pair<Key, Value>> pop() {
    return pop_if([](const Key&) { return true; });
  }
  // As pop, but passes over the keys that `may_have` refuses; those keep their turn. nullopt when none may.
  template <class MayHave>
  std::optional<std::pair<Key, Value>> pop_if(MayHave may_have) {
    const auto turn = std::ranges::find_if(turns_, may_have);
    if (turn == turns_.end()) return std::nullopt;
    Key key = std::move(*turn);
    turns_.erase(turn);
    const auto found = waiting_.find(key);
    std::pair<Key, Value> next(std::move(key), std::move(found->second.front()));
    found->second.pop_front();
    --size_;
    if (found->second.empty()) waiting_.erase(found);
    else turns_.push_back(next.first);
    return next;
  }

  // How many values wait of the key that has most.
  std::size_t longest() const { return waiting_.empty() ? 0 : most()->second.size(); }
  // What is given up where the queue is full: the newest value of the key that has most.
  std::optional<std::pair<Key, Value>> pop_newest_of_longest() {
    if (waiting_.empty()) return std::nullopt;
    const auto entry = most();
    std::pair<Key, Value> given_up(entry->first, std::move(entry->second.back()));
    entry->second.pop_back();
    --size_;
    if (entry->second.empty()) remove(entry);
    return given_up;
  }

  // Removes the values for which `is_over(value)` is true.
  template <class IsOver>
  void erase_if(IsOver is_over) {
    for (auto entry = waiting_.begin(); entry != waiting_.end();) {
      size_ -= std::erase_if(entry->second, is_over);
      entry = entry->second.empty() ? remove(entry) : std::next(entry);
    }
  }

 private:
  using Entry = std::map<Key, std::deque<Value>>::iterator;

  auto most() {
    return std::ranges::max_element(waiting_, {}, [](const auto& entry) { return entry.second.size(); });
  }
  auto most() const {
    return std::ranges::max_element(waiting_, {}, [](const auto& entry) { return entry.second.size(); });
  }
  Entry remove(Entry entry) {
    turns_.erase(std::ranges::find(turns_, entry->first));
    return waiting_.erase(entry);
  }

  std::map<Key, std::deque<Value>> waiting_;  // none of the deques is empty
  std::deque<Key> turns_;                     // each key of waiting_ once, whose turn comes first in front
  std::size_t size_ = 0;
};

}  // namespace granary
