// An outcome that the caller decides on. One code each, mapped to HTTP in one place (api/problem.cpp).
#pragma once

#include <expected>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace granary {

enum class ErrorCode {
  malformed_request,
  head_too_large,
  invalid_body,
  invalid_field,
  not_linkable,
  unauthorized,
  not_found,
  method_not_allowed,
  already_exists,
  grant_in_use,
  another_account,
  body_too_large,
  unsupported_media_type,
  refused,
  too_many_requests,
  provider_unavailable,
  store_unavailable,
  busy,
  seal_broken,
  internal,
};

struct FieldError {
  std::string object;
  std::string field;
  std::string message;
};

struct Error {
  ErrorCode code;
  std::vector<FieldError> fields;
  seconds retry_after{0};
  // For people at a terminal and in the log; for the wire with grant_in_use only. Never a secret.
  std::string detail;
  // refused and provider_unavailable: why, in the words of a status, and as a sentence. For the wire.
  std::string reason = {}, message = {};
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string detail = {}) {
  return std::unexpected(Error{.code = code, .fields = {}, .retry_after = seconds(0), .detail = std::move(detail)});
}

// too_many_requests, with the time to wait.
inline std::unexpected<Error> fail_until(seconds wait) {
  return std::unexpected(Error{.code = ErrorCode::too_many_requests, .fields = {}, .retry_after = wait, .detail = {}});
}

// The world broke: database gone, disk full. Thrown in store/, crypto/, sealing/ and main, and in operation/ where something else
// waits for the store already (decision 0007); caught at the request boundary (503), at the job boundary (tried again later), and
// where a provider's answer is held until it can be stored.
class StoreUnavailable : public std::runtime_error {
 public:
  // Whether what was to be written is in the store: `unknown` where the commit itself failed.
  enum class Write { not_made, unknown };
  explicit StoreUnavailable(const std::string& what, Write write = Write::not_made) : std::runtime_error(what), write_(write) {}
  Write write() const { return write_; }

 private:
  Write write_;
};

// An owner asks for more at once than may wait. Thrown in store/; caught at the request boundary (429).
class StoreBusy : public StoreUnavailable {
 public:
  using StoreUnavailable::StoreUnavailable;
};

// Start cannot go on: one sentence that says what to do. Caught in main, exit code 1.
class StartRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace granary
