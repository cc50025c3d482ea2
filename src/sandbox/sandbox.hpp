// The providers, simulated: servers with accounts, sessions, refresh tokens and faults, for `granary sandbox`, `granary
// demo` and whoever wants to see what a farm-data platform does when its providers fail. Driven by the descriptors and
// written apart from the flows. Runs on one io_context's thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "domain/descriptor.hpp"
#include "http/message.hpp"

namespace granary::sandbox {

struct Scene;

struct DemoAccount {
  std::string provider;  // short name
  Json request;          // the body one would POST to .../{provider}-credentials
  std::string account;   // its id, as in GET /sandbox
};

class Sandbox {
 public:
  // All three must outlive the sandbox.
  Sandbox(const Catalog& catalog, Clock& clock, Random& random);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // The handler of a Listener. /{short name}/... is a provider, /sandbox the control interface.
  Task<http::Response> handle(http::Request& request, http::BodyReader& body);
  // The same for a request whose body is there.
  http::Response answer(const http::Request& request);
  // The base URL to configure for a provider, in each of its environments, when the sandbox listens at `origin`.
  static std::string base_url(std::string_view origin, const Provider& provider);

  // One working account for each provider.
  std::vector<DemoAccount> create_demo_accounts();
  // False when the provider has no such account.
  bool revoke(std::string_view provider, std::string_view account);

 private:
  http::Response answer_provider(const http::Request& request);

  std::unique_ptr<Scene> scene_;
};

}  // namespace granary::sandbox
