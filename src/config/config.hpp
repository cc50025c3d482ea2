// The configuration: every option once, in one table, from flags, environment and a TOML file, in that order.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_range.hpp"
#include "base/json.hpp"
#include "base/time.hpp"

namespace granary::config {

// [providers.X] of the file; X and the environments are checked against the descriptors later, so their lines are kept.
struct EnvironmentSettings {
  std::optional<std::string> base_url;
  std::string where, base_url_where;  // file, line, key
};
struct ProviderSettings {
  std::optional<std::string> base_url;
  std::optional<double> rate;
  std::optional<int> concurrency;
  std::optional<bool> shared_refresh_tokens;
  std::optional<milliseconds> interval;
  std::map<std::string, EnvironmentSettings> environments;
  Json parameters;  // null, or an object of the flow's parameters
  std::string where, base_url_where;
};

enum class BindOrigins { public_only, always };
enum class Checks { on, off };

struct Config {
  std::string listen, data, root_key, tls_cert, tls_key, providers_folder, metrics_listen, database, log_level;
  std::vector<std::string> accept_new_origin;
  int threads = 0;
  Checks checks = Checks::on;
  std::optional<milliseconds> check_interval;
  milliseconds confirm_after{}, refresh_floor{}, outage_after{}, timeout{};
  milliseconds breaker_window{};
  int breaker_minimum = 0;
  double breaker_share = 0;
  milliseconds history_kept{};
  std::vector<std::string> egress_allow;
  std::string ca_file, proxy;
  BindOrigins bind_origins = BindOrigins::public_only;
  int connections = 0, connections_per_address = 0, logins_per_minute = 0, bodies_mib = 0;
  std::vector<std::string> trusted_proxies;
  std::string forwarded_header;
  std::map<std::string, ProviderSettings> providers;  // by short name
};

// A value as it was given: text from a flag or the environment, typed from the file.
struct Given {
  std::vector<std::string> texts;  // one, but for lists
  bool is_list = false;
  bool is_number = false;  // a TOML number
  bool is_from_file = false;
};

struct Option {
  std::string_view key;       // in the file, for example checks.interval
  std::string_view kind;      // what may be given, for people
  std::string_view fallback;  // empty: none
  std::string_view sentence;
  bool is_secret = false;
  // Takes the value into the configuration; returns what is wrong with it, or nothing.
  std::string (*apply)(Config& config, const Given& given);
  // The effective value, for `granary config`.
  std::string (*show)(const Config& config);
};

std::span<const Option> options();
// The ranges of an option that lists addresses; the option let no other text through.
std::vector<AddressRange> ranges_of(const std::vector<std::string>& texts);
// checks.interval -> --checks-interval, GRANARY_CHECKS_INTERVAL.
std::string flag_of(const Option& option);
std::string variable_of(const Option& option);

// Flags by key. Throws StartRefused with the flag, variable, or file, line and key at fault.
Config load(const std::map<std::string, Given>& flags, const std::string& file);

// The effective configuration as TOML, secrets masked.
std::string show(const Config& config);
// docs/configuration.md, whole.
std::string reference();

}  // namespace granary::config
