// The configuration from flags, environment and file: which of them wins, and that every wrong value is refused with its
// place: the flag, the variable, or file, line and key.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.hpp"
#include "base/temporary_folder_fixture.hpp"
#include "config/config.hpp"

namespace granary::config {

namespace {

namespace fs = std::filesystem;
using Flags = std::map<std::string, Given>;

const Option& option_of(std::string_view key) {
  const auto found = std::ranges::find(options(), key, &Option::key);
  EXPECT_NE(found, options().end()) << key;
  return *found;
}

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const Option& option : options()) unsetenv(variable_of(option).c_str());
  }
  void TearDown() override {
    for (const Option& option : options()) unsetenv(variable_of(option).c_str());
  }

  std::string file(const std::string& text) {
    std::ofstream(folder_ / "granary.toml") << text;
    return folder_ / "granary.toml";
  }
  // A file that gives one option this value, written as TOML.
  static std::string toml_of(std::string_view key, const std::string& value) {
    const auto dot = key.find('.');
    if (dot == std::string_view::npos) return std::string(key) + " = " + value + "\n";
    return "[" + std::string(key.substr(0, dot)) + "]\n" + std::string(key.substr(dot + 1)) + " = " + value + "\n";
  }
  static std::string shown(const Config& config, std::string_view key) { return option_of(key).show(config); }

  // Why a configuration is refused; empty when it is not.
  std::string refusal(const std::string& text, const Flags& flags = {}) {
    try {
      load(flags, text.empty() ? "" : file(text));
      return "";
    } catch (const StartRefused& refused) {
      return refused.what();
    }
  }

  TemporaryFolder folder_;
};

// One row for each option: three values as text, the kind of TOML they are written in, and the default.
struct OptionRow {
  const char* key;
  const char *flag, *variable;
  const char *first, *second, *third;
  enum { text, list, number } kind;
  const char* fallback;
};

constexpr OptionRow kOptionRows[] = {
    {"listen", "--listen", "GRANARY_LISTEN", "127.0.0.1:1", "127.0.0.1:2", "[::1]:3", OptionRow::text, "127.0.0.1:8080"},
    {"data", "--data", "GRANARY_DATA", "/a", "/b", "c", OptionRow::text, "./granary-data"},
    {"database", "--database", "GRANARY_DATABASE", "postgres://a", "postgres://b", "postgres://c", OptionRow::text, ""},
    {"root_key", "--root-key", "GRANARY_ROOT_KEY", "file:/a", "env:B", "credential:c", OptionRow::text, ""},
    {"tls_cert", "--tls-cert", "GRANARY_TLS_CERT", "/a", "/b", "/c", OptionRow::text, ""},
    {"tls_key", "--tls-key", "GRANARY_TLS_KEY", "/a", "/b", "/c", OptionRow::text, ""},
    {"providers_dir", "--providers", "GRANARY_PROVIDERS", "/a", "/b", "/c", OptionRow::text, ""},
    {"metrics_listen", "--metrics-listen", "GRANARY_METRICS_LISTEN", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", OptionRow::text,
     ""},
    {"accept_new_origin", "--accept-new-origin", "GRANARY_ACCEPT_NEW_ORIGIN", "valley", "sentera", "agvance", OptionRow::list,
     ""},
    {"threads", "--threads", "GRANARY_THREADS", "1", "2", "256", OptionRow::number, "0"},
    {"log_level", "--log-level", "GRANARY_LOG_LEVEL", "debug", "warning", "error", OptionRow::text, "info"},
    {"checks.run", "--checks", "GRANARY_CHECKS", "off", "on", "off", OptionRow::text, "on"},
    {"checks.interval", "--checks-interval", "GRANARY_CHECKS_INTERVAL", "1s", "2h", "30d", OptionRow::text, ""},
    {"checks.confirm_after", "--checks-confirm-after", "GRANARY_CHECKS_CONFIRM_AFTER", "1s", "2m", "3h", OptionRow::text, "1m"},
    {"checks.refresh_floor", "--checks-refresh-floor", "GRANARY_CHECKS_REFRESH_FLOOR", "1s", "2m", "3h", OptionRow::text, "10s"},
    {"checks.outage_after", "--checks-outage-after", "GRANARY_CHECKS_OUTAGE_AFTER", "1s", "2m", "3h", OptionRow::text, "15m"},
    {"checks.timeout", "--checks-timeout", "GRANARY_CHECKS_TIMEOUT", "1s", "2s", "3m", OptionRow::text, "10s"},
    {"breaker.window", "--breaker-window", "GRANARY_BREAKER_WINDOW", "1s", "2m", "3h", OptionRow::text, "10m"},
    {"breaker.minimum", "--breaker-minimum", "GRANARY_BREAKER_MINIMUM", "1", "2", "3", OptionRow::number, "10"},
    {"breaker.share", "--breaker-share", "GRANARY_BREAKER_SHARE", "0", "0.25", "1", OptionRow::number, "0.05"},
    {"history.keep", "--history-keep", "GRANARY_HISTORY_KEEP", "1s", "30d", "365d", OptionRow::text, "90d"},
    {"egress.allow", "--egress-allow", "GRANARY_EGRESS_ALLOW", "127.0.0.1/32", "10.0.0.0/8", "::1", OptionRow::list, ""},
    {"egress.ca_file", "--egress-ca-file", "GRANARY_EGRESS_CA_FILE", "/a", "/b", "/c", OptionRow::text, ""},
    {"egress.proxy", "--egress-proxy", "GRANARY_EGRESS_PROXY", "http://a", "http://b", "http://c", OptionRow::text, ""},
    {"egress.bind_origins", "--egress-bind-origins", "GRANARY_EGRESS_BIND_ORIGINS", "always", "public", "always", OptionRow::text,
     "public"},
    {"http.trusted_proxies", "--http-trusted-proxies", "GRANARY_HTTP_TRUSTED_PROXIES", "127.0.0.1", "10.0.0.0/8", "fd00::/8",
     OptionRow::list, ""},
    {"http.forwarded_header", "--http-forwarded-header", "GRANARY_HTTP_FORWARDED_HEADER", "Forwarded", "X-Real-IP",
     "CF-Connecting-IP", OptionRow::text, "X-Forwarded-For"},
    {"limits.connections", "--limits-connections", "GRANARY_LIMITS_CONNECTIONS", "1", "2", "3", OptionRow::number, "10000"},
    {"limits.connections_per_address", "--limits-connections-per-address", "GRANARY_LIMITS_CONNECTIONS_PER_ADDRESS", "1", "2",
     "3", OptionRow::number, "1000"},
    {"limits.logins_per_minute", "--limits-logins-per-minute", "GRANARY_LIMITS_LOGINS_PER_MINUTE", "1", "2", "3",
     OptionRow::number, "120"},
    {"limits.bodies_mib", "--limits-bodies-mib", "GRANARY_LIMITS_BODIES_MIB", "4", "5", "65536", OptionRow::number, "64"},
};

std::string as_toml(const OptionRow& row, std::string value) {
  if (row.kind == OptionRow::number) return value;
  value = "\"" + value + "\"";
  return row.kind == OptionRow::list ? "[" + value + "]" : value;
}

TEST_F(ConfigTest, EveryOptionHasARowHere) {
  std::set<std::string_view> here, there;
  for (const OptionRow& row : kOptionRows) here.insert(row.key);
  for (const Option& option : options()) EXPECT_TRUE(there.insert(option.key).second) << option.key << " twice";
  EXPECT_EQ(here, there);
  for (const OptionRow& row : kOptionRows) {
    EXPECT_EQ(flag_of(option_of(row.key)), row.flag);
    EXPECT_EQ(variable_of(option_of(row.key)), row.variable);
  }
}

TEST_F(ConfigTest, FlagStandsAboveEnvironmentAboveFileAboveDefault) {
  for (const OptionRow& row : kOptionRows) {
    const std::string path = file(toml_of(row.key, as_toml(row, row.first)));
    const Flags flags = {{row.key, {.texts = {row.third}}}};
    EXPECT_EQ(shown(load({}, ""), row.key), row.fallback) << row.key;
    EXPECT_EQ(shown(load({}, path), row.key), row.first) << row.key;
    EXPECT_EQ(shown(load(flags, path), row.key), row.third) << row.key;
    setenv(row.variable, row.second, 1);
    EXPECT_EQ(shown(load({}, ""), row.key), row.second) << row.key;
    EXPECT_EQ(shown(load({}, path), row.key), row.second) << row.key;
    EXPECT_EQ(shown(load(flags, path), row.key), row.third) << row.key;
    setenv(row.variable, "", 1);
    EXPECT_EQ(shown(load({}, path), row.key), row.first) << row.key << ": an empty variable counts as absent";
    unsetenv(row.variable);
    for (const OptionRow& other : kOptionRows)
      if (&other != &row) EXPECT_EQ(shown(load(flags, path), other.key), other.fallback) << row.key << " sets " << other.key;
  }
}

TEST_F(ConfigTest, ListsAreReplacedNotJoined) {
  const std::string path = file("[egress]\nallow = [\"127.0.0.1/32\", \"10.0.0.0/8\"]\n");
  EXPECT_EQ(load({}, path).egress_allow, (std::vector<std::string>{"127.0.0.1/32", "10.0.0.0/8"}));
  setenv("GRANARY_EGRESS_ALLOW", " ::1 , ,fd00::/8,", 1);
  EXPECT_EQ(load({}, path).egress_allow, (std::vector<std::string>{"::1", "fd00::/8"}));
  EXPECT_EQ(load({{"egress.allow", {.texts = {"192.168.0.0/16", "::2"}}}}, path).egress_allow,
            (std::vector<std::string>{"192.168.0.0/16", "::2"}));
}

// Values that are wrong in every place they may be given, and those that are of a wrong type in the file.
struct WrongRow {
  const char* key;
  std::vector<const char*> texts, toml;
};

const std::vector<const char*> kNotText = {"1", "1.5", "true", "[\"a\"]", "[]", "{}", "1979-05-27", "07:32:00", "[1]"};
const std::vector<const char*> kNotList = {"1", "true", "\"127.0.0.1/32\"", "[1]", "[true]", "[[\"a\"]]", "{}", "[\"a\", 1]"};
const std::vector<const char*> kNotNumber = {"\"4\"", "true", "[4]", "4.5", "\"\"", "{}", "1979-05-27", "99999999999"};
const std::vector<const char*> kNotDuration = {"30",     "1.5",      "true",   "[\"30s\"]", "\"\"",
                                               "\"30\"", "\"30 s\"", "\"0s\"", "\"999ms\"", "07:32:00"};
const std::vector<const char*> kBadDuration = {"30",   "s",   "-30s",  "0s",      "999ms",    "1.5h",
                                               "30 s", "30w", "1h30m", "forever", "99999999d"};

std::vector<WrongRow> wrong_rows() {
  std::vector<WrongRow> rows = {
      {"log_level", {"loud", "INFO", "warn", "0"}, {"1", "\"loud\"", "[\"info\"]"}},
      {"egress.bind_origins", {"never", "Public", "true"}, {"true", "\"never\"", "1"}},
      {"breaker.share",
       {"-0.1", "1.1", "5%", "nan", "inf", "half", "0,05"},
       {"\"0.05\"", "2", "-0.5", "nan", "inf", "true", "[0.05]"}},
      {"threads", {"-1", "257", "four", "1.5", "0x4", "4 ", "99999999999"}, kNotNumber},
      {"breaker.minimum", {"0", "-1", "1000001", "ten"}, {"0", "-1", "\"10\"", "10.5"}},
  };
  for (const char* key : {"limits.connections", "limits.connections_per_address", "limits.logins_per_minute"})
    rows.push_back({key, {"0", "-1", "1000001", "many", "1e3", "+5", "10 "}, kNotNumber});
  for (const char* key :
       {"checks.interval", "checks.confirm_after", "checks.outage_after", "checks.timeout", "breaker.window", "history.keep"})
    rows.push_back({key, kBadDuration, kNotDuration});
  for (const char* key : {"listen", "data", "database", "root_key", "tls_cert", "tls_key", "providers_dir", "metrics_listen",
                          "egress.ca_file", "egress.proxy"})
    rows.push_back({key, {}, kNotText});
  rows.push_back({"accept_new_origin", {}, kNotList});
  for (const char* key : {"egress.allow", "http.trusted_proxies"})
    rows.push_back({key, {"localhost", "127.0.0.1/33", "127.0.0.1,x", "*"}, kNotList});
  rows.push_back({"http.forwarded_header", {"X-Forwarded-For:", "two words", "a,b", "\xc3\xa9"}, {"1", "true", "[\"a\"]"}});
  rows.push_back({"limits.bodies_mib", {"0", "3", "65537", "-1", "64MiB"}, kNotNumber});
  return rows;
}

TEST_F(ConfigTest, WrongValuesNameTheirPlace) {
  for (const WrongRow& row : wrong_rows()) {
    const Option& option = option_of(row.key);
    for (const char* value : row.texts) {
      const std::string by_flag = refusal("", {{row.key, {.texts = {value}}}});
      EXPECT_TRUE(by_flag.starts_with(flag_of(option) + " must ")) << row.key << " " << value << ": " << by_flag;
      setenv(variable_of(option).c_str(), value, 1);
      const std::string by_variable = refusal("");
      EXPECT_TRUE(by_variable.starts_with(variable_of(option) + " must ")) << row.key << " " << value << ": " << by_variable;
      unsetenv(variable_of(option).c_str());
    }
    const bool in_section = std::string_view(row.key).contains('.');
    for (const char* value : row.toml) {
      const std::string why = refusal("# a comment\n\n" + toml_of(row.key, value));
      const std::string place = (folder_ / "granary.toml").string() + (in_section ? ":4: " : ":3: ") + row.key + " must ";
      EXPECT_TRUE(why.starts_with(place)) << row.key << " " << value << ": " << why;
    }
  }
}

struct FileRow {
  const char* text;
  int line;
  const char* key;  // what must be named
};

// Keys that are not known, and sections of a wrong form.
constexpr FileRow kUnknown[] = {
    {"lissen = \"a\"\n", 1, "lissen is not known"},
    {"Listen = \"a\"\n", 1, "Listen is not known"},
    {"listen = \"127.0.0.1:1\"\n\ncheck_interval = \"6h\"\n", 3, "check_interval is not known"},
    {"[check]\ninterval = \"6h\"\n", 1, "check is not known"},
    {"[checks]\nintervall = \"6h\"\n", 2, "checks.intervall is not known"},
    {"[checks]\nlisten = \"a\"\n", 2, "checks.listen is not known"},
    {"[checks.interval]\nx = 1\n", 1, "checks.interval must be"},
    {"[checks.deeper]\nx = 1\n", 1, "checks.deeper is not known"},
    {"[[checks]]\ninterval = \"6h\"\n", 1, "checks is not known"},
    {"checks = 3\n", 1, "checks is not known"},
    {"interval = \"6h\"\n", 1, "interval is not known"},
    {"config = \"x\"\n", 1, "config is not known"},
    {"providers = \"/a\"\n", 1, "providers must be"},
    {"[providers]\nvalley = 1\n", 2, "providers.valley must be"},
    {"[[providers.valley]]\nbase_url = \"x\"\n", 1, "providers.valley must be"},
    {"[providers.valley]\nurl = \"x\"\n", 2, "providers.valley.url is not known"},
    {"[providers.valley]\nbase_url = 1\n", 2, "providers.valley.base_url must be"},
    {"[providers.valley]\nrate = \"5\"\n", 2, "providers.valley.rate must be"},
    {"[providers.valley]\nrate = 0\n", 2, "providers.valley.rate must be"},
    {"[providers.valley]\nrate = -1.5\n", 2, "providers.valley.rate must be"},
    {"[providers.valley]\nrate = nan\n", 2, "providers.valley.rate must be"},
    {"[providers.valley]\nrate = inf\n", 2, "providers.valley.rate must be"},
    {"[providers.valley]\nrate = true\n", 2, "providers.valley.rate must be"},
    {"[providers.valley]\nconcurrency = 0\n", 2, "providers.valley.concurrency must be"},
    {"[providers.valley]\nconcurrency = 1.5\n", 2, "providers.valley.concurrency must be"},
    {"[providers.valley]\nconcurrency = \"4\"\n", 2, "providers.valley.concurrency must be"},
    {"[providers.valley]\ninterval = 6\n", 2, "providers.valley.interval must be"},
    {"[providers.valley]\ninterval = \"0s\"\n", 2, "providers.valley.interval must be"},
    {"[providers.valley]\ninterval = \"6 hours\"\n", 2, "providers.valley.interval must be"},
    {"[providers.valley]\nparameters = 1\n", 2, "providers.valley.parameters must be"},
    {"[providers.valley]\nparameters = { a = 1979-05-27 }\n", 2, "providers.valley.parameters has a value"},
    {"[providers.valley]\nenvironments = \"STAGE\"\n", 2, "providers.valley.environments must be"},
    {"[providers.agvance.environments]\nSTAGE = \"x\"\n", 2, "providers.agvance.environments.STAGE must be"},
    {"[providers.agvance.environments.STAGE]\nurl = \"x\"\n", 2, "providers.agvance.environments.STAGE.url is not known"},
    {"[providers.agvance.environments.STAGE]\nbase_url = 1\n", 2, "providers.agvance.environments.STAGE.base_url must be"},
    // not TOML
    {"listen = \n", 1, ""},
    {"listen = \"a\n", 1, ""},
    {"[checks\n", 1, ""},
    {"listen = \"a\"\nlisten = \"b\"\n", 2, "listen"},
    {"\nlisten: a\n", 2, ""},
};

TEST_F(ConfigTest, WhatIsNotKnownNamesFileLineAndKey) {
  for (const FileRow& row : kUnknown) {
    const std::string why = refusal(row.text);
    EXPECT_TRUE(why.starts_with((folder_ / "granary.toml").string() + ":" + std::to_string(row.line) + ": ")) << row.text << why;
    EXPECT_TRUE(why.contains(row.key)) << row.text << why;
  }
}

TEST_F(ConfigTest, AMissingFileIsRefused) {
  for (const std::string& path : {(folder_ / "none.toml").string(), folder_.path().string() + "/none/x.toml"}) {
    try {
      load({}, path);
      ADD_FAILURE() << path;
    } catch (const StartRefused& refused) {
      EXPECT_TRUE(std::string_view(refused.what()).contains(path)) << refused.what();
    }
  }
}

TEST_F(ConfigTest, AWrongFlagIsNotHiddenByTheRest) {
  const std::string good = "[checks]\ntimeout = \"5s\"\n", bad = "[checks]\ntimeout = \"5\"\n";
  EXPECT_TRUE(refusal(good, {{"checks.timeout", {.texts = {"5"}}}}).starts_with("--checks-timeout"));
  EXPECT_TRUE(refusal(bad, {{"checks.timeout", {.texts = {"5s"}}}}).contains("granary.toml:2: checks.timeout"));
}

TEST_F(ConfigTest, ProvidersComeFromTheFile) {
  const std::string path = file(
      "[providers.ag-leader]\nbase_url = \"http://127.0.0.1:9001\"\nrate = 2\nconcurrency = 4\ninterval = \"90s\"\n"
      "[providers.agvance.environments.STAGE]\nbase_url = \"https://stage.example\"\n"
      "[providers.agvance.environments.PRODUCTION]\n"
      "[providers.valley.parameters.login]\npath = \"/in\"\nsteps = [1, 2.5, true, { a = \"b\" }]\n");
  const Config config = load({}, path);
  ASSERT_EQ(config.providers.size(), 3U);
  const ProviderSettings& leader = config.providers.at("ag-leader");
  EXPECT_EQ(leader.base_url, "http://127.0.0.1:9001");
  EXPECT_EQ(leader.rate, 2.0);
  EXPECT_EQ(leader.concurrency, 4);
  EXPECT_EQ(leader.interval, seconds(90));
  EXPECT_TRUE(leader.parameters.is_null() && leader.environments.empty());
  EXPECT_TRUE(leader.where.contains(":1: providers.ag-leader")) << leader.where;
  const ProviderSettings& agvance = config.providers.at("agvance");
  ASSERT_EQ(agvance.environments.size(), 2U);
  EXPECT_EQ(agvance.environments.at("STAGE").base_url, "https://stage.example");
  EXPECT_FALSE(agvance.environments.at("PRODUCTION").base_url);
  const std::string where = agvance.environments.at("STAGE").where;
  EXPECT_TRUE(where.contains(":6: providers.agvance.environments.STAGE")) << where;
  EXPECT_FALSE(agvance.base_url || agvance.rate || agvance.concurrency || agvance.interval);
  EXPECT_EQ(config.providers.at("valley").parameters, Json::parse(R"({"login":{"path":"/in","steps":[1,2.5,true,{"a":"b"}]}})"));
}

TEST_F(ConfigTest, ShowMasksSecretsAndTellsTheRest) {
  const Flags flags = {{"database", {.texts = {"postgres://user:hunter2@h/db"}}},
                       {"egress.proxy", {.texts = {"http://user:hunter2@h"}}},
                       {"listen", {.texts = {"127.0.0.1:9"}}}};
  const std::string path = file(
      "[providers.valley.parameters.login.headers]\nX-Key = \"hunter2\"\n[providers.valley]\nbase_url = \"https://v.example\"\n");
  const std::string text = show(load(flags, path));
  EXPECT_FALSE(text.contains("hunter2")) << text;
  for (const char* line :
       {"listen = \"127.0.0.1:9\"\n", "database = \"postgres://***@h/db\"\n", "\n[egress]\n", "\nproxy = \"http://***@h\"\n",
        "\n[checks]\n", "timeout = \"10s\"\n", "\n[providers.valley]\n", "base_url = \"https://v.example\"\n"})
    EXPECT_TRUE(text.contains(line)) << line << "\nin\n" << text;
  EXPECT_FALSE(show(load({}, "")).contains("***")) << "what is not set is not masked";
}

TEST_F(ConfigTest, WhatIsShownCanBeRead) {
  Flags flags;
  for (const OptionRow& row : kOptionRows) flags[row.key] = {.texts = {row.second}};
  flags["egress.allow"] = {.texts = {"10.0.0.0/8,::1"}};
  const std::string providers =
      "[providers.valley]\nbase_url = \"https://v.example\"\nrate = 2.5\nconcurrency = 4\ninterval = \"90s\"\n"
      "[providers.agvance.environments.STAGE]\nbase_url = \"https://s.example\"\n";
  for (const Flags& given : {Flags(), flags}) {
    const Config config = load(given, file(providers));
    const std::string text = show(config);
    for (const OptionRow& row : kOptionRows) {
      const std::string_view key = std::string_view(row.key).substr(std::string_view(row.key).find('.') + 1);
      EXPECT_TRUE(text.contains(std::string(key) + " = ") || text.contains("# " + std::string(key) + " ")) << row.key;
    }
    EXPECT_EQ(refusal(text), "") << text;
    const Config again = load({}, file(text));
    for (const OptionRow& row : kOptionRows) EXPECT_EQ(shown(again, row.key), shown(config, row.key)) << row.key;
    EXPECT_EQ(show(again), text);
  }
}

TEST_F(ConfigTest, ReferenceNamesEveryOption) {
  const std::string text = reference();
  for (const OptionRow& row : kOptionRows)
    EXPECT_TRUE(text.contains("| `" + std::string(row.key) + "` | `" + row.flag + "` | `" + row.variable + "` |")) << row.key;
}

}  // namespace

}  // namespace granary::config
