// The table of options. A new one is a row here and a member of Config.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.hpp"
#include "base/encoding.hpp"
#include "config/config.hpp"

namespace granary::config {

namespace {

template <class Number>
std::optional<Number> read_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A number as text from a flag or the environment, or as a number from the file.
bool is_one_number(const Given& given) {
  return !given.is_list && given.texts.size() == 1 && (given.is_number || !given.is_from_file);
}

bool is_one_text(const Given& given) { return !given.is_list && !given.is_number && given.texts.size() == 1; }

template <std::string Config::* member>
std::string take_text(Config& config, const Given& given) {
  if (!is_one_text(given)) return "must be a string";
  config.*member = given.texts[0];
  return {};
}

template <std::string Config::* member>
std::string show_text(const Config& config) {
  return config.*member;
}

template <std::vector<std::string> Config::* member>
std::string take_list(Config& config, const Given& given) {
  if (given.is_number || (given.is_from_file && !given.is_list)) return "must be a list of strings";
  (config.*member).clear();
  for (std::string_view text : given.texts) {
    if (given.is_list) {
      (config.*member).emplace_back(text);
      continue;
    }
    while (!text.empty()) {
      const std::string_view item = text.substr(0, text.find(','));
      text.remove_prefix(std::min(text.size(), item.size() + 1));
      if (!trim(item).empty()) (config.*member).emplace_back(trim(item));
    }
  }
  return {};
}

template <std::vector<std::string> Config::* member>
std::string take_ranges(Config& config, const Given& given) {
  if (std::string wrong = take_list<member>(config, given); !wrong.empty()) return wrong;
  for (const auto& text : config.*member)
    if (!parse_range(text)) return "must list addresses or ranges, such as 127.0.0.1/32";
  return {};
}

// The name of a header (RFC 9110, section 5.6.2), shorter than a line.
std::string take_header(Config& config, const Given& given) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  const auto is_token_character = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kMarks.contains(c);
  };
  if (!is_one_text(given) || given.texts[0].empty() || given.texts[0].size() > 100 ||
      !std::ranges::all_of(given.texts[0], is_token_character))
    return "must be the name of a header, such as X-Forwarded-For or Forwarded";
  config.forwarded_header = given.texts[0];
  return {};
}

template <std::vector<std::string> Config::* member>
std::string show_list(const Config& config) {
  std::string out;
  for (const auto& item : config.*member) out += (out.empty() ? "" : ",") + item;
  return out;
}

constexpr milliseconds kDurationMin{std::chrono::seconds(1)};

template <milliseconds Config::* member>
std::string take_duration(Config& config, const Given& given) {
  const auto duration = is_one_text(given) ? parse_duration(given.texts[0]) : std::nullopt;
  if (!duration || *duration < kDurationMin)
    return "must be a duration of at least 1s, such as \"30s\", \"15m\", \"6h\" or \"30d\"";
  config.*member = *duration;
  return {};
}

template <milliseconds Config::* member>
std::string show_duration(const Config& config) {
  return format_duration(config.*member);
}

std::string take_interval(Config& config, const Given& given) {
  const auto duration = is_one_text(given) ? parse_duration(given.texts[0]) : std::nullopt;
  if (!duration || *duration < kDurationMin)
    return "must be a duration of at least 1s, such as \"30s\", \"15m\", \"6h\" or \"30d\"";
  config.check_interval = duration;
  return {};
}
std::string show_interval(const Config& config) { return config.check_interval ? format_duration(*config.check_interval) : ""; }

template <int Config::* member, int least, int most>
std::string take_integer(Config& config, const Given& given) {
  const auto value = is_one_number(given) ? read_number<int>(given.texts[0]) : std::nullopt;
  if (!value || *value < least || *value > most)
    return "must be a number from " + std::to_string(least) + " to " + std::to_string(most);
  config.*member = *value;
  return {};
}

template <int Config::* member>
std::string show_integer(const Config& config) {
  return std::to_string(config.*member);
}

std::string take_share(Config& config, const Given& given) {
  const auto value = is_one_number(given) ? read_number<double>(given.texts[0]) : std::nullopt;
  if (!value || !(*value >= 0 && *value <= 1)) return "must be a number from 0 to 1";
  config.breaker_share = *value;
  return {};
}
std::string show_share(const Config& config) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), config.breaker_share).ptr};
}

std::string take_checks(Config& config, const Given& given) {
  if (!is_one_text(given) || (given.texts[0] != "on" && given.texts[0] != "off")) return "must be \"on\" or \"off\"";
  config.checks = given.texts[0] == "on" ? Checks::on : Checks::off;
  return {};
}
std::string show_checks(const Config& config) { return config.checks == Checks::on ? "on" : "off"; }

std::string take_bind_origins(Config& config, const Given& given) {
  if (!is_one_text(given) || (given.texts[0] != "public" && given.texts[0] != "always"))
    return "must be \"public\" or \"always\"";
  config.bind_origins = given.texts[0] == "always" ? BindOrigins::always : BindOrigins::public_only;
  return {};
}
std::string show_bind_origins(const Config& config) { return config.bind_origins == BindOrigins::always ? "always" : "public"; }

std::string take_log_level(Config& config, const Given& given) {
  for (const char* level : {"debug", "info", "warning", "error"}) {
    if (!is_one_text(given) || given.texts[0] != level) continue;
    config.log_level = level;
    return {};
  }
  return "must be debug, info, warning or error";
}

constexpr std::array kOptions = {
    Option{"listen", "address:port", "127.0.0.1:8080", "Where the API is served.", false, take_text<&Config::listen>,
           show_text<&Config::listen>},
    Option{"data", "folder", "./granary-data",
           "Folder of the embedded store; made when its parent exists, held by one server at a time.", false,
           take_text<&Config::data>, show_text<&Config::data>},
    Option{"database", "URL", "", "PostgreSQL in place of the folder. Not in this version.", true, take_text<&Config::database>,
           show_text<&Config::database>},
    Option{"root_key", "file:PATH, env:NAME or credential:NAME", "",
           "Where the root key is; without it nothing starts. `granary key init` makes one.", false, take_text<&Config::root_key>,
           show_text<&Config::root_key>},
    Option{"tls_cert", "file", "", "PEM certificate chain; with it and tls_key the API is served over TLS.", false,
           take_text<&Config::tls_cert>, show_text<&Config::tls_cert>},
    Option{"tls_key", "file", "", "PEM private key of tls_cert.", false, take_text<&Config::tls_key>,
           show_text<&Config::tls_key>},
    Option{"providers_dir", "folder", "", "Folder of further descriptors (*.json); a provider that is known already is refused.",
           false, take_text<&Config::providers_folder>, show_text<&Config::providers_folder>},
    Option{"metrics_listen", "address:port", "", "Where /metrics is served, in Prometheus' format; nowhere when empty.", false,
           take_text<&Config::metrics_listen>, show_text<&Config::metrics_listen>},
    Option{"accept_new_origin", "list of providers", "",
           "Providers whose changed base URL is accepted for the credentials stored before; for one start.", false,
           take_list<&Config::accept_new_origin>, show_list<&Config::accept_new_origin>},
    Option{"threads", "number", "0", "Threads that serve the API; 0 is one for each core.", false,
           take_integer<&Config::threads, 0, 256>, show_integer<&Config::threads>},
    Option{"log_level", "debug, info, warning or error", "info", "Least level that is logged.", false, take_log_level,
           show_text<&Config::log_level>},
    Option{"checks.run", "on or off", "on",
           "Whether providers are asked at all; off serves what is stored and sends nothing, for a copy of a store in use.",
           false, take_checks, show_checks},
    Option{"checks.interval", "duration", "",
           "Time between two checks of a credential; stands above a descriptor's, and 6h where neither says it.", false,
           take_interval, show_interval},
    Option{"checks.confirm_after", "duration", "60s", "Least time between the two refusals that a change of status needs.", false,
           take_duration<&Config::confirm_after>, show_duration<&Config::confirm_after>},
    Option{"checks.refresh_floor", "duration", "10s",
           "Least time between two refreshes that the lifetime of an access token asks for.", false,
           take_duration<&Config::refresh_floor>, show_duration<&Config::refresh_floor>},
    Option{"checks.outage_after", "duration", "15m", "How long a provider must be unavailable before an OK credential says so.",
           false, take_duration<&Config::outage_after>, show_duration<&Config::outage_after>},
    Option{"checks.timeout", "duration", "10s",
           "Bound of a whole check: all its exchanges and the wait for its turn at the provider.", false,
           take_duration<&Config::timeout>, show_duration<&Config::timeout>},
    Option{"breaker.window", "duration", "10m", "How far back refusals of many credentials count together.", false,
           take_duration<&Config::breaker_window>, show_duration<&Config::breaker_window>},
    Option{"breaker.minimum", "number", "10", "Fewer refused credentials than this never open the breaker.", false,
           take_integer<&Config::breaker_minimum, 1, 1'000'000>, show_integer<&Config::breaker_minimum>},
    Option{"breaker.share", "0 to 1", "0.05", "Share of the checked credentials that must be exceeded.", false, take_share,
           show_share},
    Option{"history.keep", "duration", "90d",
           "How long a credential's changes of status are kept; the latest of each is kept as long as the credential.", false,
           take_duration<&Config::history_kept>, show_duration<&Config::history_kept>},
    Option{"egress.allow", "list of addresses", "",
           "Addresses or ranges, such as 127.0.0.1/32, that providers may have although they are not public; plain http goes "
           "only there.",
           false, take_ranges<&Config::egress_allow>, show_list<&Config::egress_allow>},
    Option{"egress.ca_file", "file", "", "PEM certificates to trust in place of the system's.", false,
           take_text<&Config::ca_file>, show_text<&Config::ca_file>},
    Option{"egress.proxy", "URL", "",
           "HTTP proxy for every exchange with a provider. It resolves the names, so what stands in a base URL is held against "
           "egress.allow.",
           true, take_text<&Config::proxy>, show_text<&Config::proxy>},
    Option{"egress.bind_origins", "public or always", "public",
           "Whether credentials are bound to origins within egress.allow too.", false, take_bind_origins, show_bind_origins},
    Option{
        "http.trusted_proxies", "list of addresses", "",
        "Addresses or ranges of proxies in front of this server: they are believed to name their clients, and have no limit of "
        "connections of their own.",
        false, take_ranges<&Config::trusted_proxies>, show_list<&Config::trusted_proxies>},
    Option{"http.forwarded_header", "header", "X-Forwarded-For",
           "The one header in which they do: Forwarded, or one with a list of addresses. All others are ignored.", false,
           take_header, show_text<&Config::forwarded_header>},
    Option{"limits.connections", "number", "10000",
           "Connections at once, or as many as the open files of the process allow; one more takes the place of the one that has "
           "waited longest for a request.",
           false, take_integer<&Config::connections, 1, 1'000'000>, show_integer<&Config::connections>},
    Option{"limits.connections_per_address", "number", "1000",
           "Connections at once from one address, or one /64 of IPv6; more are answered with 429.", false,
           take_integer<&Config::connections_per_address, 1, 1'000'000>, show_integer<&Config::connections_per_address>},
    Option{"limits.logins_per_minute", "number", "120",
           "Failed logins within a minute from one address (or one /64 of IPv6), and for one user name from many.", false,
           take_integer<&Config::logins_per_minute, 1, 1'000'000>, show_integer<&Config::logins_per_minute>},
    Option{"limits.bodies_mib", "number", "64",
           "Memory in MiB for the bodies of all requests at once, of which one owner has at most a quarter; more are answered "
           "with 503.",
           false, take_integer<&Config::bodies_mib, 4, 65536>, show_integer<&Config::bodies_mib>},
};

std::string dashed(std::string_view key, char separator) {
  std::string out(key);
  for (char& c : out)
    if (c == '.' || c == '_' || c == '-') c = separator;
  return out;
}

// The user and password of a URL; where the URL leads is no secret.
std::string mask(const std::string& url) {
  const auto at = url.rfind('@');
  if (at == std::string::npos) return url;
  const auto scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos || scheme > at ? 0 : scheme + 3;
  return url.substr(0, begin) + "***" + url.substr(at);
}

// As the file would have it; what is not set is a comment.
std::string line_of(const Option& option, const std::string& value) {
  const std::string key(option.key.substr(option.key.find('.') + 1));
  if (value.empty()) return "# " + key + " is not set\n";
  std::string out = key + " = ";
  if (option.kind == "number" || option.kind == "0 to 1") return out + value + "\n";
  if (option.kind.starts_with("list")) {
    Json::Array items;
    for (std::string_view rest = value; !rest.empty();) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      items.emplace_back(item);
    }
    return out + Json(std::move(items)).dump() + "\n";
  }
  append_json_string(out, option.is_secret ? mask(value) : value);
  return out + "\n";
}

}  // namespace

std::span<const Option> options() { return kOptions; }

std::vector<AddressRange> ranges_of(const std::vector<std::string>& texts) {
  std::vector<AddressRange> ranges;
  ranges.reserve(texts.size());
  for (const auto& text : texts) {
    const auto range = parse_range(text);
    check(range.has_value(), "an address range that the configuration let through");
    ranges.push_back(*range);
  }
  return ranges;
}

std::string flag_of(const Option& option) {
  if (option.key == "providers_dir") return "--providers";
  if (option.key == "checks.run") return "--checks";
  return "--" + dashed(option.key, '-');
}

std::string variable_of(const Option& option) {
  std::string name = "GRANARY_" + dashed(flag_of(option).substr(2), '_');
  for (char& c : name)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return name;
}

std::string show(const Config& config) {
  std::string out, section;
  for (const Option& option : kOptions) {
    const auto dot = option.key.find('.');
    const std::string here(dot == std::string_view::npos ? std::string_view() : option.key.substr(0, dot));
    if (here != section) out += "\n[" + here + "]\n";
    section = here;
    out += line_of(option, option.show(config));
  }
  for (const auto& [name, settings] : config.providers) {
    out += "\n[providers." + name + "]\n";
    const auto line = [&](const char* key, const std::string& value) {
      out += std::string(key) + " = ";
      append_json_string(out, value);
      out += "\n";
    };
    if (settings.base_url) line("base_url", *settings.base_url);
    if (settings.rate) out += "rate = " + Json(*settings.rate).dump() + "\n";
    if (settings.concurrency) out += "concurrency = " + std::to_string(*settings.concurrency) + "\n";
    if (settings.interval) line("interval", format_duration(*settings.interval));
    for (const auto& [environment, values] : settings.environments)
      if (values.base_url) line(("environments." + environment + ".base_url").c_str(), *values.base_url);
    // Templates may hold keys of the operator's own; their names are enough here.
    if (settings.parameters.object())
      for (const auto& [parameter, value] : *settings.parameters.object()) line(("parameters." + parameter).c_str(), "(set)");
  }
  return out;
}

std::string reference() {
  std::string out =
      "# Configuration\n\nEvery option can be given as a flag, as an environment variable or in a TOML file (`--config FILE`); "
      "in that\n"
      "order. `granary config` prints the effective values. An unknown key, a wrong type, an unknown provider or\n"
      "environment stop the start and are named with their line. This page is printed by `granary config --reference`; a test\n"
      "compares them.\n\n| key in the file | flag | variable | value | default | |\n|---|---|---|---|---|---|\n";
  for (const Option& option : kOptions) {
    out += "| `" + std::string(option.key) + "` | `" + flag_of(option) + "` | `" + variable_of(option) + "` | " +
           std::string(option.kind) + " | " + (option.fallback.empty() ? "" : "`" + std::string(option.fallback) + "`") + " | " +
           std::string(option.sentence) + " |\n";
  }
  out +=
      "\nA key with a dot stands in a section: `checks.interval` is `interval` under `[checks]`. Durations are `30s`, `15m`, "
      "`6h`,\n"
      "`30d`, at least `1s`. A list is written `[\"a\", \"b\"]` in the file and `a,b` elsewhere.\n\n"
      "## Providers\n\nOnly in the file, one section each, named by the path segment without `-credentials`:\n\n"
      "```toml\n[providers.ag-leader]\nbase_url = \"https://www.agfiniti.com\"  # scheme, host, port, path in front of the "
      "provider's paths\n"
      "rate = 50          # exchanges a second\nconcurrency = 32   # checks at once; a quarter is kept for requests; of two or "
      "more, one for the clock\n"
      "interval = \"6h\"    # stands above [checks] interval\n\n[providers.agvance.environments.STAGE]\nbase_url = "
      "\"https://apidev.agvance.net\"\n\n[providers.valley.parameters.login]  # any parameter of the flow, see providers.md\n"
      "path = \"/api/login\"\n```\n\nTables under `parameters` are merged into the descriptor's, but for `json`, `form`, `query` "
      "and "
      "`headers`, which replace it.\n";
  return out;
}

}  // namespace granary::config
