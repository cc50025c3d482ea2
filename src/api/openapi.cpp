#include "api/openapi.hpp"

#include "api/call.hpp"
#include "api/openapi_components.hpp"

namespace granary::api {

namespace {

Json response(std::string_view description, const Json& schema) {
  return object({{"description", description}, {"content", content(schema)}});
}

Json list_response(std::string_view description, const Json& item) {
  Json out = response(description, object({{"type", "array"}, {"maxItems", 100}, {"items", item}}));
  out.set("headers", object({{"X-Total-Count", reference("headers/X-Total-Count")}, {"Link", reference("headers/Link")}}));
  return out;
}

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
  item.set("put",
           with_body(
               with_parameters(
                   operation(text("replace", "Replace the " + name + " credentials in place",
                                  "Tries the new fields first; never for the worse. Id, history and events stay. Granary's own."),
                             responses({{"200", response("The credentials, with their status", credentials)}},
                                       {"400", "401", "404", "409", "413", "415", "422"})),
                   {"sameAccount"}),
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

  Json report = object({{"parameters", user_parameter()}});
  report.set("post",
             with_body(operation({"report" + name + "Answer", "Report what a call with the credentials was answered",
                                  "401 checks them now, 403 where there is a probe; once a minute at most. Granary's own.", name},
                                 responses({{"200", response("The status", reference("schemas/Health"))}},
                                           {"400", "401", "404", "413", "415"})),
                       reference("schemas/Report")));
  paths.set(path + "/report", std::move(report));

  Json history = object({{"parameters", user_parameter()}});
  history.set("get",
              with_parameters(operation({"list" + name + "History", "List the changes of the status",
                                         "With their time, reason and cause, newest first. Granary's own.", name},
                                        responses({{"200", list_response("The changes", reference("schemas/StatusChange"))}},
                                                  {"400", "401", "404"})),
                              {"page", "size"}));
  paths.set(path + "/history", std::move(history));
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
          {"page", "size", "status", "provider", "action", "reason", "ofLeafUser", "externalId", "changedSince",
           "expiringBefore"}));
  paths.set(std::string(kBase) + "/credentials", std::move(credentials));

  Json providers{Json::Object()};
  providers.set(
      "get", operation({"listProviders", "List the providers",
                        "As the owner's own credentials find them: breaker, counts by status, last success, incident. "
                        "Granary's own.",
                        "Providers"},
                       responses({{"200", response("The providers",
                                                   object({{"type", "array"}, {"items", reference("schemas/ProviderHealth")}}))}},
                                 {"401"})));
  paths.set(std::string(kBase) + "/providers", std::move(providers));

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

}  // namespace

std::string openapi_document(const Catalog& catalog) {
  Json::Array tags;
  for (const char* tag : {"Login", "Users", "Credentials", "Providers", "Health"}) tags.push_back(object({{"name", tag}}));
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
