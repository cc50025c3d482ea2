// What is said about a provider in providers/*.json: everything about it that is not behaviour. Validation, responses,
// the OpenAPI document and the sandbox are derived from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/url.hpp"
#include "domain/credential_health.hpp"

namespace granary {

inline constexpr std::size_t kFieldCodePointsMax = 4096;
// A provider may give a token of 64 KiB, and what GET gave can be PUT back.
inline constexpr std::size_t kTokenCodePointsMax = 65'536;

struct RequestField {
  std::string name;
  bool required = false;
  bool secret = false;
  bool trim = false;                    // a token or key: what is pasted with it, blanks and line ends around it, is taken off
  std::vector<std::string> allowed;     // empty: any text
  std::optional<std::string> fallback;  // value when absent
  std::string description;
};

struct Environment {
  std::string name;             // empty where the provider has none
  std::optional<Url> base_url;  // nullopt: not configured, nothing is ever sent
};

enum class FlowKind { oauth2_refresh, sentera, agvance, encrypted_login };
std::string_view name_of(FlowKind kind);

struct Provider {
  std::string slug;       // path segment: "valley-credentials"
  std::string name;       // as Leaf spells it: "Valley"
  std::string user_key;   // key on the user object: "valleyCredentials"
  int user_position = 0;  // order of the keys on the user object
  std::string summary;
  std::vector<RequestField> request;
  std::vector<std::string> response;      // in order, after id, status, createdTime
  std::string environment_field;          // empty where there is none
  std::vector<Environment> environments;  // at least one
  // The provider never replaces a refresh token, so several credentials may hold the same.
  bool shared_refresh_tokens = false;
  FlowKind flow = FlowKind::oauth2_refresh;
  Json parameters;  // of the flow; read by provider/
  std::optional<milliseconds> interval;
  double rate = 50;  // exchanges a second
  int concurrency = 32;
  std::vector<std::pair<std::string, std::string>> facts;  // what is documented, what assumed

  // The slug without "-credentials": in configuration, queries, the store, logs.
  std::string_view short_name() const;
  LoginKind login_kind() const { return flow == FlowKind::oauth2_refresh ? LoginKind::refresh_token : LoginKind::password; }
  // Whether a check can ask something with what the provider gave, so that it may find the login good and the data forbidden.
  bool has_probe() const;
  const RequestField* find_request(std::string_view field) const;
  // Which of its fields hold the tokens of an oauth2_refresh provider; empty for other flows. Read from the parameters at each
  // call, because the configuration may replace those.
  std::string access_token_field() const;
  std::string refresh_token_field() const;
  // How many characters a request's field may have: tokens may be longer than what people type.
  std::size_t code_points_max(std::string_view field) const;
  const Environment* find_environment(std::string_view environment) const;
  bool is_configured(std::string_view environment) const;
};

// The error's detail names the member at fault.
Result<Provider> parse_descriptor(const Json& json);

// All providers of this process, by user_position. Immutable after start.
class Catalog {
 public:
  // Refuses a slug, short name or user key that is known already.
  Result<void> add(Provider provider);
  const std::vector<Provider>& all() const { return providers_; }
  const Provider* find_slug(std::string_view slug) const;
  const Provider* find_short_name(std::string_view short_name) const;
  Provider* find_short_name(std::string_view short_name);

 private:
  std::vector<Provider> providers_;
};

}  // namespace granary
