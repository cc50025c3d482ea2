#include "operation/tokens.hpp"

#include <cstring>

#include "base/encoding.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "sealing/sealer.hpp"
#include "store/store.hpp"

namespace granary {

namespace {

constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT"})";
constexpr std::size_t kTokenBytesLongest = 2048;

std::int64_t to_seconds(WallTime time) { return to_micros(time) / 1'000'000; }

}  // namespace

std::string sign_token(const Plaintext& key, const TokenClaims& claims, std::string_view email) {
  std::string payload;
  JsonWriter json(payload);
  json.begin_object();
  json.field("sub", email);
  json.field("owner", claims.owner.text());
  json.key("epoch").number(claims.password_epoch);
  json.key("iat").number(to_seconds(claims.issued));
  json.key("exp").number(to_seconds(claims.expires));
  json.end_object();
  std::string token = to_base64url(kHeader) + "." + to_base64url(payload);
  const auto signature = crypto::hmac_sha256(key.reveal(), token);
  token += ".";
  token += to_base64url(crypto::view(signature));
  return token;
}

std::optional<TokenClaims> verify_token(const Plaintext& key, std::string_view token) {
  if (token.size() > kTokenBytesLongest) return std::nullopt;
  const auto last_dot = token.rfind('.');
  const auto first_dot = token.find('.');
  if (last_dot == std::string_view::npos || first_dot == last_dot || token.substr(0, first_dot) != to_base64url(kHeader))
    return std::nullopt;
  const auto signature = crypto::hmac_sha256(key.reveal(), token.substr(0, last_dot));
  // The text is compared, not the bytes: a signature has one spelling.
  if (!crypto::equal_constant_time(to_base64url(crypto::view(signature)), token.substr(last_dot + 1))) return std::nullopt;
  const auto payload = from_base64(token.substr(first_dot + 1, last_dot - first_dot - 1));
  const auto json = payload ? Json::parse(*payload) : std::nullopt;
  if (!json) return std::nullopt;
  const auto owner = OwnerId::parse(json->find_string("owner").value_or(""));
  const Json *epoch = json->find("epoch"), *issued = json->find("iat"), *expires = json->find("exp");
  if (!owner || !epoch || !epoch->integer() || !issued || !issued->integer() || !expires || !expires->integer())
    return std::nullopt;
  return TokenClaims{.owner = *owner,
                     .password_epoch = *epoch->integer(),
                     .issued = from_micros(*issued->integer() * 1'000'000),
                     .expires = from_micros(*expires->integer() * 1'000'000)};
}

std::size_t TokenVerifier::DigestHash::operator()(const crypto::Digest& digest) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, digest.data(), sizeof value);
  return value;
}

std::optional<OwnerId> TokenVerifier::find(std::string_view token, WallTime now) {
  if (const auto generation = generation_.load(std::memory_order_acquire); generation != seen_generation_) {
    seen_generation_ = generation;
    entries_.clear();
  }
  const auto found = entries_.find(crypto::sha256(token));
  if (found == entries_.end()) return std::nullopt;
  if (found->second.expires > now) return found->second.owner;
  entries_.erase(found);
  return std::nullopt;
}

void TokenVerifier::remember(std::string_view token, const TokenClaims& claims) {
  if (entries_.size() >= kEntriesMax) entries_.clear();
  entries_[crypto::sha256(token)] = {.owner = claims.owner, .expires = claims.expires};
}

}  // namespace granary
