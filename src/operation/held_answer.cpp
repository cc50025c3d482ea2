#include "operation/held_answer.hpp"

#include "domain/planted.hpp"

namespace granary {

namespace {
constexpr seconds kPause{1};
// A damaged row must not keep its credential's turn for ever, unless a token would be lost.
constexpr std::chrono::minutes kWithoutFieldsMax{5};
}  // namespace

HeldAnswer::~HeldAnswer() {
  if (since_) --checker_.held_answers;
}

Task<> HeldAnswer::wait(const std::exception_ptr& failure, const StoredCredential& credential, bool gives_fields) {
  const SteadyTime now = checker_.clock.elapsed();
  const bool is_dropped = !gives_fields && (is_waited_for_ || (since_ && now >= *since_ + kWithoutFieldsMax));
  if (is_dropped || checker_.stopping || is_planted(Fault::answer_dropped_while_store_fails)) std::rethrow_exception(failure);
  if (!since_) {
    since_ = now;
    ++checker_.held_answers;
    checker_.log.error("a provider's answer cannot be stored now; it is held and tried again",
                       {{"credential", credential.id.text()}, {"provider", credential.provider}});
  }
  co_await checker_.clock.sleep_until(now + kPause);
}

Task<std::optional<StoredCredential>> HeldAnswer::reload(const StoredCredential& credential) {
  while (true) {
    std::exception_ptr failure;
    try {
      co_return co_await checker_.store.find_credential(credential.id);
    } catch (const StoreUnavailable&) {
      failure = std::current_exception();
    }
    co_await wait(failure, credential, false);
  }
}

}  // namespace granary
