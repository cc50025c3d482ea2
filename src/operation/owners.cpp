#include "operation/owners.hpp"

#include "base/encoding.hpp"
#include "operation/parts.hpp"

namespace granary {

namespace {

// Verified when the owner is unknown, so that both cases take the same time: Argon2id of no password anybody has.
constexpr const char* kNobody =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

constexpr std::size_t kEmailBytesMax = 254;

// Beside the networks of clients, which wait for their hashes in turn.
constexpr std::string_view kCommandLine = "command line";

Result<void> allowed_after(seconds wait) {
  if (wait <= seconds(0)) return {};
  return fail_until(wait);
}

// Once a day is often enough. A store that cannot write now keeps nobody from logging in.
Task<> remember_network(Parts& parts, OwnerId owner, const std::string& network, WallTime now) {
  const auto last = co_await parts.store.find_last_login(owner, network);
  if (last && *last <= now && now - *last < std::chrono::days(1)) co_return;
  try {
    co_await parts.store.save_login(owner, network, now);
  } catch (const StoreUnavailable& failure) {
    parts.log.warning("a login's network could not be stored", {{"error", failure.what()}});
  }
}

Result<void> check_email(std::string_view email) {
  const auto at = email.find('@');
  const bool is_plain = email.find_first_of(" \t\r\n\"<>,;") == std::string_view::npos;
  if (at == std::string_view::npos || at == 0 || at + 1 == email.size() || !is_plain || email.size() > kEmailBytesMax ||
      !is_utf8(email))
    return fail(ErrorCode::invalid_field, "the owner's name must be an e-mail address of at most 254 characters");
  return {};
}

Result<void> check_password(const Plaintext& password) {
  const std::size_t length = count_code_points(password.reveal());
  if (!is_utf8(password.reveal()) || length < kPasswordCodePointsMin || length > kPasswordCodePointsMax)
    return fail(ErrorCode::invalid_field, "a password has 15 to 128 characters");
  return {};
}

Task<Result<std::string>> hash_checked(Parts& parts, Plaintext password) {
  if (auto checked = check_password(password); !checked) co_return std::unexpected(checked.error());
  auto hash = co_await parts.passwords.hash(std::string(kCommandLine), std::move(password), parts.random);
  if (!hash) co_return fail(ErrorCode::too_many_requests);
  co_return std::move(*hash);
}

}  // namespace

Result<void> may_log_in(Parts& parts, const std::string& network) {
  return allowed_after(parts.logins.wait_of_network(network, parts.clock.elapsed()));
}

Task<Result<std::string>> log_in(Parts& parts, const LoginTry& attempt, Plaintext password, Remember remember) {
  if (auto allowed = may_log_in(parts, attempt.network); !allowed) co_return std::unexpected(allowed.error());
  const auto owner = co_await parts.store.find_owner(attempt.username);
  const bool is_known = owner && co_await parts.store.find_last_login(owner->id, attempt.network);
  const auto allowed = allowed_after(parts.logins.wait_of_username(attempt.username, parts.clock.elapsed()));
  if (!allowed && !is_known) co_return std::unexpected(allowed.error());

  const auto counted = parts.logins.begin(attempt, parts.clock.elapsed());
  const auto kind = is_known ? crypto::PasswordPool::Party::known : crypto::PasswordPool::Party::stranger;
  const auto verified =
      co_await parts.passwords.verify(kind, attempt.network, owner ? owner->password_hash : kNobody, std::move(password));
  if (!verified) {
    parts.logins.take_back(attempt, counted);
    co_return fail_until(seconds(1));
  }
  if (!owner || !*verified) {
    parts.log.warning("login failed", {{"address", attempt.address}});
    co_return fail(ErrorCode::unauthorized);
  }
  parts.logins.take_back(attempt, counted);
  const WallTime now = parts.clock.now();
  co_await remember_network(parts, owner->id, attempt.network, now);
  const auto lifetime = remember == Remember::month ? std::chrono::days(30) : std::chrono::days(1);
  co_return sign_token(parts.tokens.key(),
                       {.owner = owner->id, .password_epoch = owner->password_epoch, .issued = now, .expires = now + lifetime},
                       owner->email);
}

Task<Result<OwnerId>> authenticate(Parts& parts, std::string_view token) {
  const WallTime now = parts.clock.now();
  if (const auto known = parts.tokens.find(token, now)) co_return *known;
  const auto claims = parts.tokens.verify(token);
  if (!claims || claims->expires <= now) co_return fail(ErrorCode::unauthorized);
  const auto owner = co_await parts.store.find_owner(claims->owner);
  if (!owner || owner->password_epoch != claims->password_epoch) co_return fail(ErrorCode::unauthorized);
  parts.tokens.remember(token, *claims);
  co_return owner->id;
}

Task<Result<void>> add_owner(Parts& parts, std::string email, Plaintext password) {
  if (auto checked = check_email(email); !checked) co_return checked;
  auto hash = co_await hash_checked(parts, std::move(password));
  if (!hash) co_return std::unexpected(hash.error());
  co_return co_await parts.store.add_owner(
      {.id = OwnerId::random(parts.random), .email = std::move(email), .password_hash = std::move(*hash)});
}

Task<Result<void>> change_password(Parts& parts, std::string email, Plaintext password) {
  auto hash = co_await hash_checked(parts, std::move(password));
  if (!hash) co_return std::unexpected(hash.error());
  auto done = co_await parts.store.set_password(email, *hash);
  if (done) parts.tokens.forget_all();
  co_return done;
}

}  // namespace granary
