// The handlers, one file for each resource.
#pragma once

#include <chrono>
#include <mutex>
#include <unordered_map>

#include "api/call.hpp"

namespace granary::api {

// authenticate.cpp
Task<Result<http::Response>> authenticate_owner(Call& call);

// users.cpp
Task<Result<http::Response>> list_users(Call& call);
Task<Result<http::Response>> create_user(Call& call);
Task<Result<http::Response>> replace_user(Call& call);
Task<Result<http::Response>> get_user(Call& call);
Task<Result<http::Response>> patch_user(Call& call);
Task<Result<http::Response>> delete_user(Call& call);

// credentials.cpp
Task<Result<http::Response>> get_credentials(Call& call);
Task<Result<http::Response>> create_credentials(Call& call);
Task<Result<http::Response>> replace_credentials(Call& call);
Task<Result<http::Response>> delete_credentials(Call& call);

// events.cpp
Task<Result<http::Response>> get_events(Call& call);

// health.cpp
Task<Result<http::Response>> get_status(Call& call);
Task<Result<http::Response>> check_credentials(Call& call);
Task<Result<http::Response>> list_credentials(Call& call);
Task<Result<http::Response>> get_live(Call& call);
Task<Result<http::Response>> get_ready(Call& call);

// Logins tried from one address within a minute; over all threads.
class LoginLimit {
 public:
  explicit LoginLimit(int per_minute) : per_minute_(per_minute) {}
  // How long to wait; zero when this one may be tried.
  std::chrono::seconds try_one(const std::string& address, std::chrono::steady_clock::time_point now);

 private:
  static constexpr std::size_t kAddressesMax = 100'000;
  struct Window {
    std::chrono::steady_clock::time_point begin;
    int count = 0;
  };
  int per_minute_;
  std::mutex mutex_;
  std::unordered_map<std::string, Window> by_address_;
};

}  // namespace granary::api
