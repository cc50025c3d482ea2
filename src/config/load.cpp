// Reads the file, then the environment, then the flags: the later stands above the earlier.
#include <toml++/toml.h>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "config/config.hpp"

namespace granary::config {

namespace {

std::string place(const std::string& file, const toml::node& node, std::string_view key) {
  return file + ":" + std::to_string(node.source().begin.line) + ": " + std::string(key);
}

[[noreturn]] void refuse(const std::string& where, const std::string& why) { throw StartRefused(where + " " + why); }

// nullopt for a table or a value of a type that no option has.
std::optional<Given> given_of(const toml::node& node) {
  Given given{.is_from_file = true};
  if (const auto* text = node.as_string()) {
    given.texts = {text->get()};
    return given;
  }
  if (node.is_number()) {
    given.is_number = true;
    const auto* whole = node.as_integer();
    given.texts = {whole ? std::to_string(whole->get()) : Json(node.as_floating_point()->get()).dump()};
    return given;
  }
  if (const auto* list = node.as_array()) {
    given.is_list = true;
    for (const auto& item : *list) {
      if (!item.as_string()) return std::nullopt;
      given.texts.push_back(item.as_string()->get());
    }
    return given;
  }
  return std::nullopt;
}

void take(Config& config, const Option& option, const Given& given, const std::string& where) {
  if (const std::string wrong = option.apply(config, given); !wrong.empty()) refuse(where, wrong);
}

const Option* find_option(std::string_view key) {
  const auto found = std::ranges::find(options(), key, &Option::key);
  return found == options().end() ? nullptr : &*found;
}

Json to_json(const toml::node& node, const std::string& where) {
  if (const auto* table = node.as_table()) {
    Json::Object members;
    for (const auto& [key, value] : *table) members.emplace_back(std::string(key.str()), to_json(value, where));
    return Json(std::move(members));
  }
  if (const auto* list = node.as_array()) {
    Json::Array items;
    for (const auto& item : *list) items.push_back(to_json(item, where));
    return Json(std::move(items));
  }
  if (const auto* text = node.as_string()) return Json(text->get());
  if (const auto* number = node.as_integer()) return Json(std::int64_t{number->get()});
  if (const auto* number = node.as_floating_point()) return Json(number->get());
  if (const auto* flag = node.as_boolean()) return Json(flag->get());
  refuse(where, "has a value of a type that is not used here");
}

std::string text_of(const toml::node& node, const std::string& where) {
  if (!node.as_string()) refuse(where, "must be a string");
  return node.as_string()->get();
}

void read_environments(const toml::node& node, const std::string& file, const std::string& key, ProviderSettings& settings) {
  if (!node.as_table()) refuse(place(file, node, key), "must be a section");
  for (const auto& [name, value] : *node.as_table()) {
    const std::string here = key + "." + std::string(name.str());
    if (!value.as_table()) refuse(place(file, value, here), "must be a section");
    auto& environment = settings.environments[std::string(name.str())];
    environment.where = place(file, value, here);
    for (const auto& [inner, item] : *value.as_table()) {
      const std::string where = place(file, item, here + "." + std::string(inner.str()));
      if (inner.str() != "base_url") refuse(where, "is not known");
      environment.base_url = text_of(item, where);
      environment.base_url_where = where;
    }
  }
}

void read_provider(const toml::node& node, const std::string& file, const std::string& key, ProviderSettings& settings) {
  settings.where = place(file, node, key);
  if (!node.as_table()) refuse(settings.where, "must be a section");
  for (const auto& [name, value] : *node.as_table()) {
    const std::string here = key + "." + std::string(name.str());
    const std::string where = place(file, value, here);
    if (name.str() == "base_url") {
      settings.base_url = text_of(value, where);
      settings.base_url_where = where;
    } else if (name.str() == "rate") {
      const auto rate = value.value<double>();
      if (!value.is_number() || !rate || !(*rate > 0 && *rate <= 1e6)) refuse(where, "must be a number above 0");
      settings.rate = rate;
    } else if (name.str() == "concurrency") {
      const auto* count = value.as_integer();
      if (!count || count->get() < 1 || count->get() > 10'000) refuse(where, "must be a number from 1 to 10000");
      settings.concurrency = static_cast<int>(count->get());
    } else if (name.str() == "interval") {
      settings.interval = parse_duration(text_of(value, where));
      if (!settings.interval || *settings.interval < seconds(1))
        refuse(where, "must be a duration of at least 1s, such as \"6h\"");
    } else if (name.str() == "shared_refresh_tokens") {
      if (!value.is_boolean()) refuse(where, "must be true or false");
      settings.shared_refresh_tokens = value.value<bool>();
    } else if (name.str() == "environments") {
      read_environments(value, file, here, settings);
    } else if (name.str() == "parameters") {
      if (!value.as_table()) refuse(where, "must be a section");
      settings.parameters = to_json(value, where);
    } else {
      refuse(where, "is not known");
    }
  }
}

void read_table(Config& config, const toml::table& table, const std::string& file, const std::string& prefix) {
  for (const auto& [name, value] : table) {
    const std::string key = prefix + std::string(name.str());
    const std::string where = place(file, value, key);
    if (key == "providers") {
      if (!value.as_table()) refuse(where, "must be sections such as [providers.valley]");
      for (const auto& [provider, settings] : *value.as_table())
        read_provider(settings, file, key + "." + std::string(provider.str()), config.providers[std::string(provider.str())]);
      continue;
    }
    if (const Option* option = find_option(key)) {
      const auto given = given_of(value);
      take(config, *option, given ? *given : Given{.is_list = true, .is_number = true}, where);
      continue;
    }
    const bool is_section = prefix.empty() && value.as_table() && std::ranges::any_of(options(), [&](const Option& option) {
                              return option.key.starts_with(key + ".");
                            });
    if (!is_section) refuse(where, "is not known; `granary config --reference` lists every key");
    read_table(config, *value.as_table(), file, key + ".");
  }
}

void read_file(Config& config, const std::string& file) {
  std::ifstream in(file);
  if (!in) throw StartRefused("cannot read the configuration " + file + ": it must exist and be readable for this user");
  std::stringstream text;
  text << in.rdbuf();
  toml::table table;
  try {
    table = toml::parse(text.str(), file);
  } catch (const toml::parse_error& error) {
    throw StartRefused(file + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
  read_table(config, table, file, "");
}

}  // namespace

Config load(const std::map<std::string, Given>& flags, const std::string& file) {
  Config config;
  for (const Option& option : options())
    if (!option.fallback.empty()) take(config, option, {.texts = {std::string(option.fallback)}}, std::string(option.key));
  if (!file.empty()) read_file(config, file);
  for (const Option& option : options()) {
    const std::string variable = variable_of(option);
    if (const char* value = std::getenv(variable.c_str()); value && *value) take(config, option, {.texts = {value}}, variable);
    if (const auto flag = flags.find(std::string(option.key)); flag != flags.end())
      take(config, option, flag->second, flag_of(option));
  }
  return config;
}

}  // namespace granary::config
