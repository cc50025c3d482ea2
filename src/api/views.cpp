#include "api/views.hpp"

namespace granary::api {

namespace {

void write_time(JsonWriter& json, std::string_view name, const std::optional<WallTime>& time) {
  if (time) json.field(name, format_wire_time(*time));
  else json.key(name).null();
}

}  // namespace

void write_credentials(JsonWriter& json, const Revealed& credentials) {
  json.begin_object();
  json.field("id", credentials.id.text());
  json.field("status", name_of(credentials.status));
  json.field("createdTime", format_wire_time(credentials.created));
  for (const std::string& name : credentials.provider->response) {
    const Plaintext* value = credentials.fields ? credentials.fields->find(name) : nullptr;
    if (value && !value->empty()) json.field(name, value->reveal());
    else json.key(name).null();
  }
  json.end_object();
}

void write_user(JsonWriter& json, const LeafUser& user, const std::vector<Revealed>& credentials) {
  json.begin_object();
  json.field("id", user.id.text());
  json.field("name", user.name).field("email", user.email).field("phone", user.phone).field("address", user.address);
  json.field("externalId", user.external_id);
  for (const Revealed& revealed : credentials) {
    json.key(revealed.provider->user_key);
    write_credentials(json, revealed);
  }
  json.end_object();
}

void write_health(JsonWriter& json, const HealthReport& health) {
  json.field("status", name_of(health.status));
  json.field("since", format_wire_time(health.since));
  if (health.reason) json.field("reason", name_of(*health.reason));
  else json.key("reason").null();
  json.field("message", health.message);
  write_time(json, "lastCheckedTime", health.last_checked);
  write_time(json, "nextCheckTime", health.next_check);
  if (health.action) json.field("action", name_of(*health.action));
  else json.key("action").null();
  write_time(json, "lastSuccessTime", health.last_success);
  json.key("failuresInRow").number(health.failures_in_row);
  if (health.proved_by) json.field("checkedBy", name_of(*health.proved_by));
  else json.key("checkedBy").null();
  write_time(json, "expiresAt", health.grant_ends);
}

}  // namespace granary::api
