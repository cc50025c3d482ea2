// How things look on the wire, in the documents' key order.
#pragma once

#include "base/json.hpp"
#include "operation/credentials.hpp"
#include "operation/health.hpp"

namespace granary::api {

// `id, status, createdTime`, then the descriptor's fields; what has no value is null.
void write_credentials(JsonWriter& json, const Revealed& credentials);
// `id, name, email, phone, address, externalId`, then the attached credentials in full.
void write_user(JsonWriter& json, const LeafUser& user, const std::vector<Revealed>& credentials);
// The members of the status body, `status` first, `expiresAt` last.
void write_health(JsonWriter& json, const HealthReport& health);
// `time, from, to, reason, cause`.
void write_change(JsonWriter& json, const StatusChange& change);
// `provider, environment, configured, breaker, credentials, lastSuccessTime, incident`.
void write_provider(JsonWriter& json, const OwnProvider& provider);

}  // namespace granary::api
