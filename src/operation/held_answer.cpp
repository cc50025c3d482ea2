#include "operation/held_answer.hpp"

#include "domain/planted.hpp"

namespace granary {

namespace {
constexpr seconds kPause{1};
// For so long what is held stands in the way of others: a damaged row must not keep its credential's turn for ever, nor every
// other token from being spent.
constexpr std::chrono::minutes kInTheWayMax{5};
}  // namespace

HeldAnswer::HeldAnswer(Checker& checker, const StoredCredential& credential, Holds holds, std::optional<Fields> fields)
    : checker_(checker), id_(credential.id), provider_(credential.provider), holds_(holds), fields_(std::move(fields)) {}

HeldAnswer::~HeldAnswer() {
  release_others();
  if (!since_) return;
  --checker_.held_answers;
  checker_.turns.mark_held(id_, false);
}

std::optional<Fields> HeldAnswer::fields() const {
  if (locked_fields_) return Fields::unpack(locked_fields_->reveal());
  return fields_ ? std::optional(fields_->clone()) : std::nullopt;
}

void HeldAnswer::drop_fields() {
  fields_.reset();
  locked_fields_.reset();
  release_others();
}

void HeldAnswer::release_others() {
  if (std::exchange(is_token_, false)) --checker_.held_tokens;
}

bool HeldAnswer::is_to_be_held(SteadyTime now) const {
  if (holds_ == Holds::nothing || is_planted(Fault::answer_dropped_while_store_fails)) return false;
  const bool has_fields = fields_ || locked_fields_;
  if (checker_.stopping) return has_fields && now < checker_.ends_at;
  return has_fields || (holds_ == Holds::everything && (!since_ || now < *since_ + kInTheWayMax));
}

void HeldAnswer::begin(SteadyTime now, const StoreUnavailable& failure) {
  since_ = now;
  ++checker_.held_answers;
  if (fields_) {
    is_token_ = true;
    ++checker_.held_tokens;
    locked_fields_.emplace(fields_->pack().reveal());
    fields_.reset();
  }
  checker_.turns.mark_held(id_, true);
  checker_.log.error("a provider's answer cannot be stored now; it is held and tried again",
                     {{"credential", id_.text()}, {"provider", provider_}, {"error", failure.what()}});
}

Task<> HeldAnswer::wait(const StoreUnavailable& failure) {
  const SteadyTime now = checker_.clock.elapsed();
  if (!is_to_be_held(now)) throw failure;
  if (!since_) begin(now, failure);
  if (now >= *since_ + kInTheWayMax) release_others();
  co_await checker_.clock.sleep_until(now + kPause);
}

}  // namespace granary
