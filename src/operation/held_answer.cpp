#include "operation/held_answer.hpp"

#include "domain/planted.hpp"

namespace granary {

namespace {
constexpr seconds kPause{1};
// A damaged row must not keep its credential's turn for ever, unless a token would be lost.
constexpr std::chrono::minutes kWithoutFieldsMax{5};
// After SIGTERM: within the ten seconds in which the server ends.
constexpr seconds kStoppingMax{7};
}  // namespace

HeldAnswer::HeldAnswer(Checker& checker, CredentialId id, HoldsWithoutFields holds, std::optional<Fields> fields)
    : checker_(checker), id_(id), holds_(holds), fields_(std::move(fields)) {}

HeldAnswer::~HeldAnswer() {
  drop_fields();
  if (since_) --checker_.held_answers;
}

std::optional<Fields> HeldAnswer::fields() const {
  if (locked_fields_) return Fields::unpack(locked_fields_->reveal());
  return fields_ ? std::optional(fields_->clone()) : std::nullopt;
}

void HeldAnswer::drop_fields() {
  fields_.reset();
  if (locked_fields_) --checker_.held_tokens;
  locked_fields_.reset();
}

bool HeldAnswer::is_to_be_held(SteadyTime now) {
  if (is_planted(Fault::answer_dropped_while_store_fails)) return false;
  const bool has_fields = fields_ || locked_fields_;
  if (checker_.stopping) {
    if (!stopping_since_) stopping_since_ = now;
    return has_fields && now < *stopping_since_ + kStoppingMax;
  }
  if (has_fields) return true;
  return holds_ == HoldsWithoutFields::yes && (!since_ || now < *since_ + kWithoutFieldsMax);
}

Task<> HeldAnswer::wait(const StoreUnavailable& failure) {
  const SteadyTime now = checker_.clock.elapsed();
  if (!is_to_be_held(now)) throw failure;
  if (!since_) {
    since_ = now;
    ++checker_.held_answers;
    if (fields_) {
      locked_fields_.emplace(fields_->pack().reveal());
      ++checker_.held_tokens;
      fields_.reset();
    }
    checker_.turns.mark_held(id_);
    checker_.log.error("a provider's answer cannot be stored now; it is held and tried again",
                       {{"credential", id_.text()}, {"error", failure.what()}});
  }
  co_await checker_.clock.sleep_until(now + kPause);
}

Task<std::optional<StoredCredential>> HeldAnswer::reload() {
  while (true) {
    std::optional<StoreUnavailable> failure;
    try {
      co_return co_await checker_.store.find_credential(id_);
    } catch (const StoreUnavailable& unavailable) {
      failure = unavailable;
    }
    co_await wait(*failure);
  }
}

}  // namespace granary
