#include "api/openapi.hpp"

#include <initializer_list>

#include "api/call.hpp"
#include "base/json.hpp"
#include "domain/status.hpp"

namespace granary::api {

namespace {

using Members = std::initializer_list<std::pair<std::string_view, Json>>;

Json object(Members members) {
  Json out{Json::Object()};
  for (const auto& [key, value] : members) out.set(key, value);
  return out;
}

Json list(std::initializer_list<Json> items) { return Json(Json::Array(items)); }
Json reference(const std::string& to) { return object({{"$ref", "#/components/" + to}}); }
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
                 {"action", nullable_text(100)},
                 {"lastSuccessTime", nullable_time()},
                 {"failuresInRow", object({{"type", "integer"}})},
                 {"checkedBy", nullable_text(100)},
                 {"expiresAt", nullable_time()}});
}

Json content(const Json& schema, const char* type = "application/json") { return object({{type, object({{"schema", schema}})}}); }

Json response(std::string_view description, const Json& schema) {
  return object({{"description", description}, {"content", content(schema)}});
}

Json list_response(std::string_view description, const Json& item) {
  Json out = response(description, object({{"type", "array"}, {"maxItems", 100}, {"items", item}}));
  out.set("headers", object({{"X-Total-Count", reference("headers/X-Total-Count")}, {"Link", reference("headers/Link")}}));
  return out;
}

struct Problem {
  const char* status;
  const char* name;
  const char* description;
};
constexpr std::array<Problem, 12> kProblems = {
    {{"400", "BadRequest", "The body or a field cannot be accepted"},
     {"401", "Unauthorized", "No valid login token"},
     {"404", "NotFound", "No such route, user or credential; also another owner's"},
     {"409", "Conflict",
      "The user has credentials of this provider, or another credential holds the refresh token or has spent it"},
     {"413", "ContentTooLarge", "The body has more than 1 MiB, that of a login more than 4 KiB"},
     {"415", "UnsupportedMediaType", "The body is not JSON"},
     {"422", "Unprocessable", "The provider refuses the credentials; nothing has changed"},
     {"429", "TooManyRequests", "Over a limit; try again after Retry-After"},
     {"431", "HeadTooLarge", "Request line and headers have more than 16 KiB"},
     {"500", "InternalError", "Something went wrong here, or the credential's seal is broken"},
     {"503", "Unavailable", "The store or the provider cannot be used now, or too much is being sent at once (Retry-After)"},
     {"405", "MethodNotAllowed", "This method is not allowed here"}}};

// The operation's own responses, then the errors it can meet.
Json responses(Members own, std::initializer_list<std::string_view> errors) {
  Json out = object(own);
  for (const auto& [status, name, description] : kProblems)
    for (const std::string_view wanted : errors)
      if (wanted == status) out.set(status, reference(std::string("responses/") + name));
  for (const char* always : {"429", "431", "500", "503"})
    for (const auto& [status, name, description] : kProblems)
      if (std::string_view(always) == status) out.set(status, reference(std::string("responses/") + name));
  return out;
}

struct OperationText {
  std::string id;
  std::string summary;
  std::string description;
  std::string tag;
};

Json operation(const OperationText& text, const Json& answers) {
  return object({{"operationId", text.id},
                 {"summary", text.summary},
                 {"description", text.description},
                 {"tags", list({text.tag})},
                 {"responses", answers}});
}

Json with_body(Json operation_json, const Json& schema) {
  // curl sends its form type when none is given; the documented examples rely on it.
  operation_json.set("requestBody", object({{"required", true}, {"content", content(schema)}}));
  return operation_json;
}

Json with_parameters(Json operation_json, std::initializer_list<const char*> names) {
  Json::Array parameters;
  for (const char* name : names) parameters.push_back(reference(std::string("parameters/") + name));
  operation_json.set("parameters", Json(std::move(parameters)));
  return operation_json;
}

Json user_parameter() { return list({reference("parameters/leafUserId")}); }

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

void add_provider_paths(Json& paths, const Provider& provider) {
  const std::string path = std::string(kBase) + "/users/{leafUserId}/" + provider.slug;
  const std::string& name = provider.name;
  const Json credentials = reference("schemas/" + name + "Credentials");
  const Json request = reference("schemas/" + name + "CredentialsRequest");
  const auto text = [&](const char* verb, std::string summary, std::string description) {
    return OperationText{verb + name + "Credentials", std::move(summary), std::move(description), name};
  };
  Json item = object({{"parameters", user_parameter()}});
  item.set("get", operation(text("get", "Get the " + name + " credentials",
                                 "The credential with its status; never waits for the provider."),
                            responses({{"200", response("The credentials", credentials)}}, {"401", "404"})));
  item.set(
      "post",
      with_body(operation(text("create", "Create " + name + " credentials",
                               "Stores the credential, asks the provider once and answers with what came of it, within 10 s."),
                          responses({{"201", response("The credentials, with their status", credentials)}},
                                    {"400", "401", "404", "409", "413", "415"})),
                request));
  item.set(
      "put",
      with_body(operation(text("replace", "Replace the " + name + " credentials in place",
                               "Tries the new fields first; never for the worse. Id, history and events stay. Granary's own."),
                          responses({{"200", response("The credentials, with their status", credentials)}},
                                    {"400", "401", "404", "409", "413", "415", "422"})),
                request));
  item.set("delete", operation(text("delete", "Delete the " + name + " credentials",
                                    "The credential, its keys and its events are gone at once."),
                               responses({{"204", object({{"description", "Deleted"}})}}, {"401", "404"})));
  paths.set(path, std::move(item));

  Json events = object({{"parameters", user_parameter()}});
  events.set("get", with_parameters(operation({"list" + name + "Events", "List what the provider answered",
                                               "Every exchange of the last 30 days, secrets redacted, newest first.", name},
                                              responses({{"200", list_response("The events", reference("schemas/Event"))}},
                                                        {"400", "401", "404"})),
                                    {"page", "size", "sort"}));
  paths.set(path + "/events", std::move(events));

  Json status = object({{"parameters", user_parameter()}});
  status.set("get", operation({"get" + name + "Status", "Get the status with its reason",
                               "What is known and what to do, in a sentence for the person on the phone.", name},
                              responses({{"200", response("The status", reference("schemas/Health"))}}, {"401", "404"})));
  paths.set(path + "/status", std::move(status));

  Json check = object({{"parameters", user_parameter()}});
  check.set("post", operation({"check" + name + "Credentials", "Check now",
                               "Answers after a real exchange with the provider. Granary's own.", name},
                              responses({{"200", response("The status", reference("schemas/Health"))}}, {"401", "404", "413"})));
  paths.set(path + "/check", std::move(check));
}

void add_user_paths(Json& paths) {
  const Json user = reference("schemas/User");
  const Json request = reference("schemas/UserRequest");
  Json many{Json::Object()};
  many.set("get",
           with_parameters(operation({"listUsers", "List Leaf users", "Filters are exact and all apply; oldest first.", "Users"},
                                     responses({{"200", list_response("The users", user)}}, {"400", "401"})),
                           {"page", "size", "sort", "email", "name", "externalId"}));
  Json created = response("The user", user);
  created.set("headers", object({{"Location", reference("headers/Location")}}));
  many.set("post", with_body(operation({"createUser", "Create a Leaf user", "Needs name, email or externalId.", "Users"},
                                       responses({{"201", created}}, {"400", "401", "413", "415"})),
                             request));
  many.set("put", with_body(operation({"replaceUser", "Replace a Leaf user",
                                       "Sets every field; unlinks every credential it does not name.", "Users"},
                                      responses({{"200", response("The user", user)}}, {"400", "401", "404", "413", "415"})),
                            request));
  paths.set(std::string(kBase) + "/users", std::move(many));

  Json one = object({{"parameters", user_parameter()}});
  one.set("get", operation({"getUser", "Get a Leaf user", "With its credentials in full.", "Users"},
                           responses({{"200", response("The user", user)}}, {"401", "404"})));
  one.set("patch", with_body(operation({"patchUser", "Change a Leaf user",
                                        "Absent stays, null or empty clears, and unlinks for a credential.", "Users"},
                                       responses({{"200", response("The user", user)}}, {"400", "401", "404", "413", "415"})),
                             request));
  one.set("delete",
          operation({"deleteUser", "Delete a Leaf user", "User, credentials, keys and events are gone in one commit.", "Users"},
                    responses({{"204", object({{"description", "Deleted"}})}}, {"401", "404"})));
  paths.set(std::string(kBase) + "/users/{leafUserId}", std::move(one));
}

void add_other_paths(Json& paths) {
  Json login{Json::Object()};
  login.set(
      "post",
      with_body(operation({"authenticate", "Log in", "Any Authorization header is ignored.", "Login"},
                          responses({{"200", response("A token", reference("schemas/Token"))}}, {"400", "401", "413", "415"})),
                reference("schemas/Login")));
  (*login.object())[0].second.set("security", Json(Json::Array()));
  paths.set("/api/authenticate", std::move(login));

  Json credentials{Json::Object()};
  credentials.set(
      "get",
      with_parameters(
          operation(
              {"listCredentials", "List credentials by status",
               "Of all users, newest change first, without provider fields: who must reconnect? Granary's own.", "Credentials"},
              responses({{"200", list_response("The credentials", reference("schemas/CredentialHealth"))}}, {"400", "401"})),
          {"page", "size", "status", "provider", "changedSince"}));
  paths.set(std::string(kBase) + "/credentials", std::move(credentials));

  for (const char* name : {"live", "ready"}) {
    Json health{Json::Object()};
    Json get = operation({std::string("get") + (name == std::string("live") ? "Live" : "Ready"), "The server's own health",
                          "Needs no token.", "Health"},
                         responses({{"200", response("It is", reference("schemas/ServerHealth"))}}, {}));
    get.set("security", Json(Json::Array()));
    health.set("get", std::move(get));
    paths.set(std::string("/health/") + name, std::move(health));
  }
}

Json make_schemas(const Catalog& catalog) {
  Json schemas{Json::Object()};
  schemas.set("Status", status_schema());
  schemas.set("Reason", reason_schema());
  schemas.set("Health", required_object(health_properties()));
  Json listed = object({{"id", uuid_schema()}, {"leafUserId", uuid_schema()}, {"provider", text_schema()}});
  const Json health = health_properties();
  for (const auto& [name, schema] : *health.object()) listed.set(name, schema);
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
              required_object(object({{"status", object({{"type", "string"}, {"enum", list({"live", "ready"})}})}})));
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
  parameters.set("sort", query_parameter("sort", "A key with ,asc or ,desc; users take several",
                                         object({{"type", "array"}, {"items", text_schema()}})));
  for (const char* name : {"email", "name", "externalId"}) parameters.set(name, query_parameter(name, "Exact", text_schema()));
  parameters.set("status", query_parameter("status", "Only this status", reference("schemas/Status")));
  parameters.set("provider", query_parameter("provider", "Path segment without -credentials", text_schema()));
  parameters.set("changedSince", query_parameter("changedSince", "Status changed then or later", time_schema()));
  return parameters;
}

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

}  // namespace

std::string openapi_document(const Catalog& catalog) {
  Json::Array tags;
  for (const char* tag : {"Login", "Users", "Credentials", "Health"}) tags.push_back(object({{"name", tag}}));
  Json paths{Json::Object()};
  add_other_paths(paths);
  add_user_paths(paths);
  for (const Provider& provider : catalog.all()) {
    add_provider_paths(paths, provider);
    tags.push_back(object({{"name", provider.name}, {"description", provider.summary}}));
  }
  Json document = object(
      {{"openapi", "3.1.0"},
       {"info", object({{"title", "Granary"},
                        {"version", GRANARY_VERSION},
                        {"summary", "Keeps the logins that growers hold at farm-data providers"},
                        {"description",
                         "The REST API of Leaf's user management, self-hosted. docs/conformance.md says what follows Leaf's "
                         "documents and what is our own."},
                        {"contact", object({{"name", "Granary"}, {"url", "https://granary.example"}})}})},
       {"servers", list({object({{"url", "http://127.0.0.1:8080"}, {"description", "As `granary serve` listens by default"}})})},
       {"security", list({object({{"bearer", Json(Json::Array())}})})},
       {"tags", Json(std::move(tags))},
       {"paths", paths},
       {"components", make_components(catalog)}});
  return document.dump() + "\n";
}

}  // namespace granary::api
