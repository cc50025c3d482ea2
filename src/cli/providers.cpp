#include "cli/providers.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/embedded.hpp"

namespace granary::cli {

namespace {

void add_descriptor(Catalog& catalog, const std::string& file, const std::string& text) {
  const auto json = Json::parse(text);
  if (!json) throw StartRefused(file + " is not a JSON object that can be read");
  auto provider = parse_descriptor(*json);
  if (!provider) throw StartRefused(file + ": " + provider.error().detail);
  if (auto added = catalog.add(std::move(*provider)); !added) throw StartRefused(file + ": " + added.error().detail);
}

void add_folder(Catalog& catalog, const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  if (error) throw StartRefused("cannot read the descriptors in --providers " + folder + " (" + error.message() + ")");
  std::ranges::sort(files);
  for (const auto& file : files) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) throw StartRefused("cannot read the descriptor " + file);
    add_descriptor(catalog, file, text.str());
  }
}

Url parse_base_url(const std::string& text, const std::string& where) {
  auto url = Url::parse(text);
  if (!url) throw StartRefused(where + " must be an http or https URL without user, query and fragment");
  return std::move(*url);
}

// Objects are merged, but for those that are a whole: a body, a form, a query, headers.
void merge(Json& into, const Json& from, std::string_view key) {
  constexpr std::array<std::string_view, 4> kWhole = {"json", "form", "query", "headers"};
  if (!from.object() || !into.object() || std::ranges::find(kWhole, key) != kWhole.end()) {
    into = from;
    return;
  }
  for (const auto& [name, value] : *from.object()) {
    Json merged = into.find(name) ? *into.find(name) : Json();
    merge(merged, value, name);
    into.set(name, std::move(merged));
  }
}

void apply(Provider& provider, const config::ProviderSettings& settings) {
  if (settings.base_url) {
    if (!provider.environment_field.empty())
      throw StartRefused(settings.where + " has environments: set base_url under " + "[providers." +
                         std::string(provider.short_name()) + ".environments." + provider.environments.front().name + "]");
    provider.environments.front().base_url = parse_base_url(*settings.base_url, settings.base_url_where);
  }
  for (const auto& [name, values] : settings.environments) {
    const auto found = std::ranges::find(provider.environments, name, &Environment::name);
    if (found == provider.environments.end() || name.empty())
      throw StartRefused(values.where + " is no environment of this provider");
    if (values.base_url) found->base_url = parse_base_url(*values.base_url, values.base_url_where);
  }
  if (settings.rate) provider.rate = *settings.rate;
  if (settings.concurrency) provider.concurrency = *settings.concurrency;
  if (settings.shared_refresh_tokens) provider.shared_refresh_tokens = *settings.shared_refresh_tokens;
  if (settings.interval) provider.interval = settings.interval;
  if (!settings.parameters.is_null()) merge(provider.parameters, settings.parameters, "parameters");
}

}  // namespace

Catalog load_catalog(const config::Config& config) {
  Catalog catalog;
  for (const auto& [file, text] : embedded::kProviders) add_descriptor(catalog, file, text);
  if (!config.providers_folder.empty()) add_folder(catalog, config.providers_folder);
  // `[checks] interval` stands above a descriptor's, `[providers.X] interval` above both.
  for (const Provider& known : catalog.all())
    if (config.check_interval) catalog.find_short_name(known.short_name())->interval = config.check_interval;
  for (const auto& [name, settings] : config.providers) {
    Provider* provider = catalog.find_short_name(name);
    if (!provider) throw StartRefused(settings.where + " is no provider that is known");
    apply(*provider, settings);
  }
  for (const auto& name : config.accept_new_origin)
    if (!catalog.find_short_name(name)) throw StartRefused("--accept-new-origin " + name + " is no provider that is known");
  return catalog;
}

}  // namespace granary::cli
