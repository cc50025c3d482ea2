#include "crypto/password_pool.hpp"

namespace granary::crypto {

void PasswordPool::push(const std::string& party, Job job) {
  Job turned_away;
  {
    const std::lock_guard lock(mutex_);
    const bool is_full = waiting_.size() >= kPasswordQueueMax;
    if (waiting_.count(party) >= kPasswordQueueOfOneMax || (is_full && waiting_.longest() <= waiting_.count(party) + 1)) {
      turned_away = std::move(job);
    } else {
      if (is_full) turned_away = std::move(*waiting_.pop_newest_of_longest()).second;
      waiting_.push(party, std::move(job));
      asio::post(pool_, [this] { work_next(); });
    }
  }
  if (turned_away) turned_away(Turn::turned_away);
}

void PasswordPool::work_next() {
  std::optional<std::pair<std::string, Job>> next;
  {
    const std::lock_guard lock(mutex_);
    next = waiting_.pop();
  }
  if (next) next->second(Turn::work);  // none where one gave way
}

template <class Work>
auto PasswordPool::run(std::string party, Work work) -> Task<std::optional<std::invoke_result_t<Work>>> {
  using Value = std::invoke_result_t<Work>;
  const Executor executor = co_await asio::this_coro::executor;
  std::optional<Value> value;
  std::exception_ptr failed;
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
      [&](auto handler) {
        push(party, [&, guard = asio::make_work_guard(executor), executor, handler = std::move(handler)](Turn turn) mutable {
          try {
            if (turn == Turn::work) value.emplace(work());
          } catch (...) {
            failed = std::current_exception();  // thrown where it is waited for
          }
          asio::post(executor, std::move(handler));
        });
      },
      use_task);
  if (failed) std::rethrow_exception(failed);
  co_return std::move(value);
}

Task<std::optional<bool>> PasswordPool::verify(std::string party, std::string hash, Plaintext password) {
  co_return co_await run(std::move(party), [&] { return verify_password(hash, password); });
}

Task<std::optional<std::string>> PasswordPool::hash(std::string party, Plaintext password, Random& random) {
  co_return co_await run(std::move(party), [&] { return hash_password(password, random); });
}

}  // namespace granary::crypto
