#include "crypto/password_pool.hpp"

namespace granary::crypto {

void PasswordPool::push(Party kind, const std::string& party, Job job) {
  Job turned_away;
  {
    const std::lock_guard lock(mutex_);
    auto& waiting = kind == Party::known ? known_ : strangers_;
    const bool is_full = waiting.size() >= kPasswordQueueMax;
    const std::size_t own = waiting.count(party);
    if (is_stopped_ || own >= kPasswordQueueOfOneMax || (is_full && waiting.longest() <= own + 1)) {
      turned_away = std::move(job);
    } else {
      if (is_full) turned_away = std::move(*waiting.pop_newest_of_longest()).second;
      waiting.push(party, std::move(job));
      asio::post(pool_, [this] { work_next(); });
    }
  }
  if (turned_away) turned_away(Turn::turned_away);
}

PasswordPool::Job PasswordPool::next() {
  const std::lock_guard lock(mutex_);
  const bool is_known = strangers_.empty() || (!known_.empty() && !was_known_);
  auto job = (is_known ? known_ : strangers_).pop();
  if (!job) return nullptr;  // where one gave way
  was_known_ = is_known;
  return std::move(job->second);
}

void PasswordPool::work_next() {
  if (auto job = next()) job(Turn::work);
}

void PasswordPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }
  while (auto job = next()) job(Turn::turned_away);
}

template <class Work>
auto PasswordPool::run(Party kind, std::string party, Work work) -> Task<std::optional<std::invoke_result_t<Work>>> {
  using Value = std::invoke_result_t<Work>;
  const Executor executor = co_await asio::this_coro::executor;
  std::optional<Value> value;
  std::exception_ptr failed;
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
      [&](auto handler) {
        push(kind, party,
             [&, guard = asio::make_work_guard(executor), executor, handler = std::move(handler)](Turn turn) mutable {
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

Task<std::optional<bool>> PasswordPool::verify(Party kind, std::string party, std::string hash, Plaintext password) {
  co_return co_await run(kind, std::move(party), [&] { return verify_password(hash, password); });
}

Task<std::optional<std::string>> PasswordPool::hash(std::string party, Plaintext password, Random& random) {
  co_return co_await run(Party::known, std::move(party), [&] { return hash_password(password, random); });
}

}  // namespace granary::crypto
