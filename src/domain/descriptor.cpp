#include "domain/descriptor.hpp"

#include <algorithm>
#include <array>

namespace granary {

namespace {

constexpr std::string_view kSlugEnd = "-credentials";
constexpr std::array<std::pair<FlowKind, std::string_view>, 4> kFlows = {{{FlowKind::oauth2_refresh, "oauth2_refresh"},
                                                                          {FlowKind::sentera, "sentera"},
                                                                          {FlowKind::agvance, "agvance"},
                                                                          {FlowKind::encrypted_login, "encrypted_login"}}};
constexpr std::array<std::string_view, 16> kMembers = {
    "slug",     "name",       "user_key",     "user_position",     "summary", "request",  "response", "facts",
    "base_url", "parameters", "environments", "environment_field", "flow",    "interval", "limits",   "shared_refresh_tokens"};

std::unexpected<Error> bad(const std::string& what) { return fail(ErrorCode::invalid_field, what); }

bool is_slug(std::string_view text) {
  if (!text.ends_with(kSlugEnd) || text.size() <= kSlugEnd.size() || text.front() == '-') return false;
  return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<std::vector<std::string>> strings(const Json* json, const std::string& what) {
  std::vector<std::string> out;
  if (!json) return out;
  if (!json->array()) return bad(what + " must be a list of strings");
  for (const Json& item : *json->array()) {
    if (!item.string()) return bad(what + " must be a list of strings");
    out.push_back(*item.string());
  }
  return out;
}

Result<RequestField> parse_field(const Json& json) {
  RequestField field;
  field.name = json.find_string("name").value_or("");
  if (!is_name(field.name)) return bad("request: each field needs a name of letters and digits");
  const std::string where = "request." + field.name;
  for (const auto& [member, flag] :
       {std::pair{"required", &field.required}, std::pair{"secret", &field.secret}, std::pair{"trim", &field.trim}}) {
    const Json* given = json.find(member);
    if (given && !given->is_bool()) return bad(where + "." + member + " must be true or false");
    if (given) *flag = *given->boolean();
  }
  auto allowed = strings(json.find("enum"), where + ".enum");
  if (!allowed) return std::unexpected(allowed.error());
  field.allowed = std::move(*allowed);
  field.fallback = json.find_string("default");
  field.description = json.find_string("description").value_or("");
  if (field.fallback && !field.allowed.empty() && std::ranges::find(field.allowed, *field.fallback) == field.allowed.end())
    return bad(where + ".default is not in its enum");
  return field;
}

Result<Environment> parse_environment(std::string name, const Json* base_url) {
  Environment environment{.name = std::move(name), .base_url = {}};
  if (!base_url || base_url->is_null()) return environment;
  if (base_url->string()) environment.base_url = Url::parse(*base_url->string());
  if (!environment.base_url) return bad("base_url must be an http or https URL, or null");
  return environment;
}

Result<void> parse_environments(const Json& json, Provider& provider) {
  provider.environment_field = json.find_string("environment_field").value_or("");
  const Json* environments = json.find("environments");
  if (!environments) {
    auto only = parse_environment("", json.find("base_url"));
    if (!only) return std::unexpected(only.error());
    provider.environments.push_back(std::move(*only));
    return {};
  }
  const RequestField* field = provider.find_request(provider.environment_field);
  if (!environments->object() || !field) return bad("environments needs environment_field to name a request field");
  for (const auto& [name, value] : *environments->object()) {
    if (std::ranges::find(field->allowed, name) == field->allowed.end())
      return bad("environments." + name + " is not in the field's enum");
    auto environment = parse_environment(name, value.find("base_url"));
    if (!environment) return std::unexpected(environment.error());
    provider.environments.push_back(std::move(*environment));
  }
  if (provider.environments.size() != field->allowed.size()) return bad("environments must list each value of " + field->name);
  return {};
}

Result<void> parse_limits(const Json& json, Provider& provider) {
  if (const auto interval = json.find_string("interval")) {
    provider.interval = parse_duration(*interval);
    if (!provider.interval || *provider.interval < seconds(1)) return bad("interval must be a duration of at least 1s");
  }
  if (const Json* limits = json.find("limits")) {
    if (const Json* rate = limits->find("rate")) provider.rate = rate->number().value_or(0);
    if (const Json* concurrency = limits->find("concurrency"))
      provider.concurrency = static_cast<int>(concurrency->integer().value_or(0));
  }
  if (provider.rate <= 0 || provider.rate > 1e6 || provider.concurrency < 1 || provider.concurrency > 10'000)
    return bad("limits: rate and concurrency must be above zero");
  return {};
}

}  // namespace

std::string_view name_of(FlowKind kind) {
  for (const auto& [flow, name] : kFlows)
    if (flow == kind) return name;
  return {};
}

std::string_view Provider::short_name() const { return std::string_view(slug).substr(0, slug.size() - kSlugEnd.size()); }

const RequestField* Provider::find_request(std::string_view field) const {
  const auto found = std::ranges::find(request, field, &RequestField::name);
  return found == request.end() ? nullptr : &*found;
}

std::string Provider::access_token_field() const {
  return flow == FlowKind::oauth2_refresh ? parameters.find_string("access_token_field").value_or("accessToken") : "";
}

std::string Provider::refresh_token_field() const {
  return flow == FlowKind::oauth2_refresh ? parameters.find_string("refresh_token_field").value_or("refreshToken") : "";
}

bool Provider::has_probe() const {
  if (flow == FlowKind::sentera) return true;  // its query
  const Json* probe = parameters.find("probe");
  return probe && !probe->is_null();
}

std::size_t Provider::code_points_max(std::string_view field) const {
  const bool is_token = !field.empty() && (field == access_token_field() || field == refresh_token_field());
  return is_token ? kTokenCodePointsMax : kFieldCodePointsMax;
}

const Environment* Provider::find_environment(std::string_view environment) const {
  const auto found = std::ranges::find(environments, environment, &Environment::name);
  return found == environments.end() ? nullptr : &*found;
}

bool Provider::is_configured(std::string_view environment) const {
  const Environment* found = find_environment(environment);
  return found && found->base_url;
}

Result<Provider> parse_descriptor(const Json& json) {
  if (!json.object()) return bad("a descriptor is a JSON object");
  for (const auto& [key, value] : *json.object())
    if (std::ranges::find(kMembers, key) == kMembers.end()) return bad("unknown member " + key);

  Provider provider;
  provider.slug = json.find_string("slug").value_or("");
  if (!is_slug(provider.slug)) return bad("slug must be lower-case words ending in -credentials");
  provider.name = json.find_string("name").value_or("");
  if (provider.name.empty()) return bad("name is missing");
  provider.user_key = json.find_string("user_key").value_or("");
  if (!is_name(provider.user_key)) return bad("user_key must be letters and digits");
  if (const Json* position = json.find("user_position")) {
    if (!position->integer()) return bad("user_position must be a number");
    provider.user_position = static_cast<int>(*position->integer());
  }
  provider.summary = json.find_string("summary").value_or("");

  const Json* request = json.find("request");
  if (!request || !request->array() || request->array()->empty()) return bad("request must list fields");
  for (const Json& item : *request->array()) {
    auto field = parse_field(item);
    if (!field) return std::unexpected(field.error());
    if (provider.find_request(field->name)) return bad("request names " + field->name + " twice");
    provider.request.push_back(std::move(*field));
  }
  auto response = strings(json.find("response"), "response");
  if (!response) return std::unexpected(response.error());
  provider.response = std::move(*response);
  if (auto done = parse_environments(json, provider); !done) return std::unexpected(done.error());
  if (auto done = parse_limits(json, provider); !done) return std::unexpected(done.error());

  if (const Json* shared = json.find("shared_refresh_tokens")) {
    if (!shared->boolean()) return bad("shared_refresh_tokens must be true or false");
    provider.shared_refresh_tokens = *shared->boolean();
  }

  const auto flow = json.find_string("flow").value_or("");
  const auto known = std::ranges::find(kFlows, flow, [](const auto& entry) { return entry.second; });
  if (known == kFlows.end()) return bad("flow must be one of oauth2_refresh, sentera, agvance, encrypted_login");
  provider.flow = known->first;
  if (const Json* parameters = json.find("parameters")) provider.parameters = *parameters;
  else provider.parameters = Json(Json::Object());
  if (!provider.parameters.object()) return bad("parameters must be an object");
  if (const Json* facts = json.find("facts"); facts && facts->object())
    for (const auto& [fact, said] : *facts->object()) provider.facts.emplace_back(fact, said.string() ? *said.string() : "");
  return provider;
}

Result<void> Catalog::add(Provider provider) {
  for (const Provider& known : providers_)
    if (known.slug == provider.slug || known.user_key == provider.user_key)
      return bad("a provider with slug " + provider.slug + " or user_key " + provider.user_key + " is known already");
  const auto place = std::ranges::upper_bound(providers_, provider.user_position, {}, &Provider::user_position);
  providers_.insert(place, std::move(provider));
  return {};
}

const Provider* Catalog::find_slug(std::string_view slug) const {
  for (const Provider& provider : providers_)
    if (provider.slug == slug) return &provider;
  return nullptr;
}

const Provider* Catalog::find_short_name(std::string_view short_name) const {
  for (const Provider& provider : providers_)
    if (provider.short_name() == short_name) return &provider;
  return nullptr;
}

Provider* Catalog::find_short_name(std::string_view short_name) {
  return const_cast<Provider*>(std::as_const(*this).find_short_name(short_name));
}

}  // namespace granary
