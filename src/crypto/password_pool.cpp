#include "crypto/password_pool.hpp"

namespace granary::crypto {

template <class Work>
auto PasswordPool::run(Work work) -> Task<std::optional<std::invoke_result_t<Work>>> {
  using Value = std::invoke_result_t<Work>;
  if (waiting_.fetch_add(1) >= kPasswordQueueMax) {
    waiting_.fetch_sub(1);
    co_return std::nullopt;
  }
  const Executor executor = co_await asio::this_coro::executor;
  std::optional<Value> value;
  std::exception_ptr failed;
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
      [&](auto handler) {
        asio::post(pool_, [&, guard = asio::make_work_guard(executor), executor, handler = std::move(handler)]() mutable {
          try {
            value.emplace(work());
          } catch (...) {
            failed = std::current_exception();  // thrown where it is waited for
          }
          asio::post(executor, std::move(handler));
        });
      },
      use_task);
  waiting_.fetch_sub(1);
  if (failed) std::rethrow_exception(failed);
  co_return std::move(value);
}

Task<std::optional<bool>> PasswordPool::verify(std::string hash, Plaintext password) {
  co_return co_await run([&] { return verify_password(hash, password); });
}

Task<std::optional<std::string>> PasswordPool::hash(Plaintext password, Random& random) {
  co_return co_await run([&] { return hash_password(password, random); });
}

}  // namespace granary::crypto
