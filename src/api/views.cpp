#include "api/views.hpp"

#include <algorithm>
#include <cmath>

namespace granary::api {

namespace {

void write_time(JsonWriter& json, std::string_view name, const std::optional<WallTime>& time) {
  if (time) json.field(name, format_wire_time(*time));
  else json.key(name).null();
}

// A word, where there is one.
template <class Word>
void write_name(JsonWriter& json, std::string_view name, const std::optional<Word>& word) {
  if (word) json.field(name, name_of(*word));
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
  write_name(json, "reason", health.reason);
  json.field("message", health.message);
  write_time(json, "lastCheckedTime", health.last_checked);
  write_time(json, "nextCheckTime", health.next_check);
  write_name(json, "action", health.action);
  write_time(json, "lastSuccessTime", health.last_success);
  json.key("failuresInRow").number(health.failures_in_row);
  write_name(json, "checkedBy", health.proved_by);
  write_time(json, "expiresAt", health.grant_ends);
}

void write_change(JsonWriter& json, const StatusChange& change) {
  json.begin_object();
  json.field("time", format_wire_time(change.time));
  write_name(json, "from", change.from);
  json.field("to", name_of(change.to));
  write_name(json, "reason", change.reason);
  json.field("cause", name_of(change.cause));
  json.end_object();
}

void write_provider(JsonWriter& json, const OwnProvider& provider) {
  json.begin_object();
  json.field("provider", provider.provider);
  if (provider.environment.empty()) json.key("environment").null();
  else json.field("environment", provider.environment);
  json.key("configured").boolean(provider.is_configured);
  json.key("breaker").begin_object();
  json.field("state", provider.breaker_opened ? "open" : "closed");
  write_time(json, "openedTime", provider.breaker_opened);
  json.end_object();
  json.key("credentials").begin_object();
  for (const Status status : kAllStatuses) {
    const auto found = std::ranges::find(provider.credentials, status, &std::pair<Status, std::int64_t>::first);
    json.key(name_of(status)).number(found == provider.credentials.end() ? 0 : found->second);
  }
  json.end_object();
  write_time(json, "lastSuccessTime", provider.last_success);
  json.key("incident");
  if (!provider.incident) {
    json.null();
  } else {
    json.begin_object();
    json.field("since", format_wire_time(provider.incident->since)).field("reason", name_of(provider.incident->reason));
    json.key("share").raw(Json(std::round(provider.incident->share * 1000) / 1000).dump());
    json.end_object();
  }
  json.end_object();
}

}  // namespace granary::api
