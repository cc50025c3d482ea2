#include "api/openapi_components.hpp"

#include "domain/credential_health.hpp"

namespace granary::api {

namespace {

Json text_schema() { return object({{"type", "string"}, {"maxLength", 4096}}); }
Json nullable_text(std::int64_t longest) { return object({{"type", list({"string", "null"})}, {"maxLength", longest}}); }

constexpr const char* kTimePattern = "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{6}Z$";

Json time_schema() { return object({{"type", "string"}, {"format", "date-time"}, {"pattern", kTimePattern}}); }
Json nullable_time() { return object({{"type", list({"string", "null"})}, {"format", "date-time"}, {"pattern", kTimePattern}}); }
Json uuid_schema() { return object({{"type", "string"}, {"format", "uuid"}}); }

Json status_schema() {
  Json::Array names;
  for (const Status status : kAllStatuses) names.emplace_back(name_of(status));
  return object(
      {{"type", "string"}, {"enum", Json(std::move(names))}, {"description", "Whether the provider accepts the credential"}});
}

Json reason_schema() {
  Json::Array names;
  for (std::size_t i = 0; i < kReasonCount; ++i) names.emplace_back(name_of(static_cast<Reason>(i)));
  names.emplace_back();
  return object({{"type", list({"string", "null"})},
                 {"enum", Json(std::move(names))},
                 {"description", "What the last check found; null when all is well"}});
}

template <class Word>
Json word_schema(const std::vector<Word>& words, std::string_view description, bool may_be_null) {
  Json::Array names;
  for (const Word word : words) names.emplace_back(name_of(word));
  if (may_be_null) names.emplace_back();
  return object({{"type", may_be_null ? list({"string", "null"}) : Json("string")},
                 {"enum", Json(std::move(names))},
                 {"description", description}});
}

template <class Word>
std::vector<Word> first_words(std::size_t count) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < count; ++i) words.push_back(static_cast<Word>(i));
  return words;
}

Json required_object(const Json& properties) {
  Json::Array names;
  for (const auto& [name, schema] : *properties.object()) names.emplace_back(name);
  return object(
      {{"type", "object"}, {"required", Json(std::move(names))}, {"properties", properties}, {"additionalProperties", false}});
}

Json health_properties() {
  return object({{"status", reference("schemas/Status")},
                 {"since", time_schema()},
                 {"reason", reference("schemas/Reason")},
                 {"message", nullable_text(1000)},
                 {"lastCheckedTime", nullable_time()},
                 {"nextCheckTime", nullable_time()},
                 {"action", reference("schemas/Action")},
                 {"lastSuccessTime", nullable_time()},
                 {"failuresInRow", object({{"type", "integer"}, {"minimum", 0}})},
                 {"checkedBy", word_schema<Proof>({Proof::probe, Proof::login, Proof::refresh},
                                                  "What the last success proved; null before one", true)},
                 {"expiresAt", nullable_time()}});
}

Json change_schema() {
  return required_object(object({{"time", time_schema()},
                                 {"from", object({{"anyOf", list({reference("schemas/Status"), object({{"type", "null"}})})}})},
                                 {"to", reference("schemas/Status")},
                                 {"reason", reference("schemas/Reason")},
                                 {"cause", word_schema(first_words<Cause>(kCauses), "What led to it", false)}}));
}

Json provider_health_schema() {
  Json counts{Json::Object()};
  for (const Status status : kAllStatuses) counts.set(name_of(status), object({{"type", "integer"}, {"minimum", 0}}));
  const Json state = object({{"type", "string"}, {"enum", list({"open", "closed"})}});
  Json incident = required_object(object({{"since", time_schema()},
                                          {"reason", reference("schemas/Reason")},
                                          {"share", object({{"type", "number"}, {"minimum", 0}, {"maximum", 1}})}}));
  return required_object(object({{"provider", text_schema()},
                                 {"environment", nullable_text(4096)},
                                 {"configured", object({{"type", "boolean"}})},
                                 {"breaker", required_object(object({{"state", state}, {"openedTime", nullable_time()}}))},
                                 {"credentials", required_object(counts)},
                                 {"lastSuccessTime", nullable_time()},
                                 {"incident", object({{"anyOf", list({incident, object({{"type", "null"}})})}})}}));
}

// Request and response of one provider, from its descriptor.
void add_provider_schemas(Json& schemas, const Provider& provider) {
  Json request{Json::Object()}, answer{Json::Object()};
  Json::Array required;
  for (const RequestField& field : provider.request) {
    const auto longest = static_cast<std::int64_t>(provider.code_points_max(field.name));
    Json schema =
        field.required ? object({{"type", "string"}, {"minLength", 1}, {"maxLength", longest}}) : nullable_text(longest);
    if (!field.allowed.empty()) {
      Json::Array values;
      for (const auto& value : field.allowed) values.emplace_back(value);
      if (!field.required) values.emplace_back();
      schema = object({{"type", field.required ? Json("string") : list({"string", "null"})}, {"enum", Json(std::move(values))}});
    }
    if (field.fallback) schema.set("default", *field.fallback);
    if (!field.description.empty()) schema.set("description", field.description);
    request.set(field.name, std::move(schema));
    if (field.required) required.emplace_back(field.name);
  }
  answer.set("id", uuid_schema());
  answer.set("status", reference("schemas/Status"));
  answer.set("createdTime", time_schema());
  for (const auto& name : provider.response) answer.set(name, nullable_text(65536));
  schemas.set(provider.name + "CredentialsRequest", object({{"type", "object"},
                                                            {"required", Json(std::move(required))},
                                                            {"properties", request},
                                                            {"additionalProperties", true}}));
  schemas.set(provider.name + "Credentials", required_object(answer));
}

Json make_schemas(const Catalog& catalog) {
  Json schemas{Json::Object()};
  schemas.set("Status", status_schema());
  schemas.set("Reason", reason_schema());
  schemas.set("Action", word_schema(std::vector(kAllActions.begin(), kAllActions.end()),
                                    "What is to be done, and by whom; null when all is well", true));
  schemas.set("StatusChange", change_schema());
  schemas.set("ProviderHealth", provider_health_schema());
  schemas.set("Report",
              object({{"type", "object"},
                      {"required", list({"statusCode"})},
                      {"properties", object({{"statusCode", object({{"type", "integer"}, {"minimum", 100}, {"maximum", 599}})},
                                             {"message", nullable_text(4096)}})},
                      {"additionalProperties", true}}));
  schemas.set("Health", required_object(health_properties()));
  Json listed = object({{"id", uuid_schema()}, {"leafUserId", uuid_schema()}, {"provider", text_schema()}});
  const Json health = health_properties();
  for (const auto& [name, schema] : *health.object()) listed.set(name, schema);
  listed.set("externalId", nullable_text(4096));
  listed.set("leafUserName", nullable_text(4096));
  schemas.set("CredentialHealth", required_object(listed));
  schemas.set("Event",
              required_object(object({{"body", object({{"type", "string"}, {"maxLength", 65536}})},
                                      {"createdDate", time_schema()},
                                      {"headers", object({{"type", "string"}, {"maxLength", 65536}})},
                                      {"id", object({{"type", "string"}, {"maxLength", 64}})},
                                      {"statusCode", object({{"type", "integer"}, {"minimum", 0}, {"maximum", 999}})}})));
  schemas.set("Token", required_object(object({{"id_token", object({{"type", "string"}, {"maxLength", 2048}})}})));
  schemas.set(
      "Login",
      object({{"type", "object"},
              {"required", list({"username", "password"})},
              {"properties", object({{"username", text_schema()},
                                     {"password", object({{"type", "string"}, {"format", "password"}, {"maxLength", 4096}})},
                                     {"rememberMe", object({{"type", list({"boolean", "string", "null"})},
                                                            {"enum", list({true, false, "true", "false", nullptr})}})}})}}));
  schemas.set("ServerHealth",
              object({{"type", "object"},
                      {"required", list({"status"})},
                      {"properties", object({{"status", object({{"type", "string"}, {"enum", list({"live", "ready"})}})},
                                             {"checks", object({{"type", "string"}, {"enum", list({"off"})}})}})}}));
  schemas.set("FieldError",
              required_object(object({{"objectName", text_schema()}, {"field", text_schema()}, {"message", text_schema()}})));
  Json problem = required_object(object({{"type", text_schema()},
                                         {"title", text_schema()},
                                         {"status", object({{"type", "integer"}})},
                                         {"detail", text_schema()},
                                         {"path", object({{"type", "string"}})},
                                         {"message", text_schema()},
                                         {"errorKey", text_schema()}}));
  for (auto& [name, value] : *problem.object()) {
    if (name != "properties") continue;
    value.set("fieldErrors", object({{"type", "array"}, {"items", reference("schemas/FieldError")}}));
    value.set("reason", reference("schemas/Reason"));
  }
  schemas.set("Problem", std::move(problem));

  Json user = object({{"id", uuid_schema()}});
  Json request = object({{"id", nullable_text(4096)}});
  for (const char* field : {"name", "email", "phone", "address", "externalId"}) {
    user.set(field, nullable_text(4096));
    request.set(field, nullable_text(4096));
  }
  Json user_schema = required_object(user);
  for (const Provider& provider : catalog.all()) {
    add_provider_schemas(schemas, provider);
    for (auto& [name, value] : *user_schema.object())
      if (name == "properties") value.set(provider.user_key, reference("schemas/" + provider.name + "Credentials"));
    request.set(provider.user_key, reference("schemas/LinkedCredential"));
  }
  schemas.set("LinkedCredential", object({{"type", list({"object", "null"})},
                                          {"required", list({"id"})},
                                          {"properties", object({{"id", text_schema()}})},
                                          {"additionalProperties", true}}));
  schemas.set("User", std::move(user_schema));
  schemas.set("UserRequest", object({{"type", "object"}, {"properties", request}, {"additionalProperties", true}}));
  return schemas;
}

Json query_parameter(const char* name, const char* description, const Json& schema) {
  return object({{"name", name}, {"in", "query"}, {"description", description}, {"schema", schema}});
}

// Several times, or with commas: any of them.
Json any_of_parameter(const char* name, const char* description, const Json& values) {
  Json parameter = query_parameter(name, description, object({{"type", "array"}, {"items", values}}));
  parameter.set("explode", false);
  return parameter;
}

Json make_parameters() {
  Json parameters{Json::Object()};
  parameters.set("leafUserId", object({{"name", "leafUserId"},
                                       {"in", "path"},
                                       {"required", true},
                                       {"description", "Id of the Leaf user"},
                                       {"schema", uuid_schema()}}));
  parameters.set("page",
                 query_parameter("page", "Counted from 0", object({{"type", "integer"}, {"minimum", 0}, {"default", 0}})));
  parameters.set("size",
                 query_parameter("size", "Above 100 is 100", object({{"type", "integer"}, {"minimum", 1}, {"default", 20}})));
  parameters.set("sameAccount", query_parameter("sameAccount", "Refuse the login of another account: 409 anotherAccount",
                                                object({{"type", "boolean"}, {"default", false}})));
  parameters.set("sort", query_parameter("sort", "A key with ,asc or ,desc; users take several",
                                         object({{"type", "array"}, {"items", text_schema()}})));
  for (const char* name : {"email", "name", "externalId"}) parameters.set(name, query_parameter(name, "Exact", text_schema()));
  parameters.set("status", any_of_parameter("status", "Any of these statuses", reference("schemas/Status")));
  parameters.set("provider", any_of_parameter("provider", "Path segments without -credentials", text_schema()));
  parameters.set("action", any_of_parameter("action", "What is to be done, and by whom", reference("schemas/Action")));
  parameters.set("reason", any_of_parameter("reason", "What the last check found", reference("schemas/Reason")));
  parameters.set("ofLeafUser", any_of_parameter("leafUserId", "Of these Leaf users", uuid_schema()));
  parameters.set("expiringBefore",
                 query_parameter("expiringBefore", "The grant ends before that, whatever is done", time_schema()));
  parameters.set("changedSince", query_parameter("changedSince", "Status changed then or later", time_schema()));
  return parameters;
}

}  // namespace

Json make_components(const Catalog& catalog) {
  Json components{Json::Object()};
  components.set("securitySchemes",
                 object({{"bearer", object({{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}})}}));
  components.set("parameters", make_parameters());
  components.set("headers", object({{"X-Total-Count", object({{"description", "Number of items in all pages"},
                                                              {"required", true},
                                                              {"schema", object({{"type", "integer"}})}})},
                                    {"Link", object({{"description", "Next, last, first and previous page"},
                                                     {"required", true},
                                                     {"schema", object({{"type", "string"}})}})},
                                    {"Location", object({{"description", "Where the new user is"},
                                                         {"required", true},
                                                         {"schema", object({{"type", "string"}})}})}}));
  Json answers{Json::Object()};
  for (const auto& [status, name, description] : kProblems)
    answers.set(name, object({{"description", description},
                              {"content", content(reference("schemas/Problem"), "application/problem+json")}}));
  components.set("responses", std::move(answers));
  components.set("schemas", make_schemas(catalog));
  return components;
}

}  // namespace granary::api
