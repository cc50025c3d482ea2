#include "operation/status_counts.hpp"

namespace granary {

namespace {

constexpr seconds kGoodFor{10};  // shorter than the usual time between two scrapes (15 s or more): each of those sees a new count

// Wakes who waits for a count, also where the count fails.
class Counting {
 public:
  Counting(std::shared_ptr<Signal>& slot, Executor executor) : slot_(slot) { slot_ = std::make_shared<Signal>(executor); }
  ~Counting() { std::exchange(slot_, nullptr)->fire(); }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

 private:
  std::shared_ptr<Signal>& slot_;
};

}  // namespace

Task<std::vector<StatusCount>> StatusCounts::find() {
  while (!good_until_ || clock_.elapsed() >= *good_until_) {
    if (const auto running = counting_) {
      co_await running->wait();
      continue;
    }
    const Counting counting(counting_, co_await asio::this_coro::executor);
    const SteadyTime began = clock_.elapsed();
    counts_ = co_await count_();
    good_until_ = began + kGoodFor;
    break;  // a count that took longer than it is good for is still the newest there is
  }
  co_return counts_;
}

}  // namespace granary
