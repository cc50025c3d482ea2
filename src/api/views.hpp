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
// `status, since, reason, message, lastCheckedTime, nextCheckTime`.
void write_health(JsonWriter& json, const HealthReport& health);

}  // namespace granary::api
