// The handlers, one file for each resource.
#pragma once

#include "api/call.hpp"

namespace granary::api {

// authenticate.cpp
Task<Result<http::Response>> authenticate_owner(Call& call);

// users.cpp
Task<Result<http::Response>> list_users(Call& call);
Task<Result<http::Response>> create_user(Call& call);
Task<Result<http::Response>> replace_user(Call& call);
Task<Result<http::Response>> get_user(Call& call);
Task<Result<http::Response>> patch_user(Call& call);
Task<Result<http::Response>> delete_user(Call& call);

// credentials.cpp
Task<Result<http::Response>> get_credentials(Call& call);
Task<Result<http::Response>> create_credentials(Call& call);
Task<Result<http::Response>> replace_credentials(Call& call);
Task<Result<http::Response>> delete_credentials(Call& call);

// events.cpp
Task<Result<http::Response>> get_events(Call& call);

// health.cpp
Task<Result<http::Response>> get_status(Call& call);
Task<Result<http::Response>> check_credentials(Call& call);
Task<Result<http::Response>> report_answer(Call& call);
Task<Result<http::Response>> list_credentials(Call& call);
Task<Result<http::Response>> get_history(Call& call);
Task<Result<http::Response>> list_providers(Call& call);
Task<Result<http::Response>> get_live(Call& call);
Task<Result<http::Response>> get_ready(Call& call);

}  // namespace granary::api
