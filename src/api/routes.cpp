#include "api/routes.hpp"

#include <algorithm>
#include <array>

#include "api/handlers.hpp"
#include "api/problem.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "http/client_address.hpp"
#include "operation/owners.hpp"

namespace granary::api {

namespace {

constexpr std::array kRoutes = {
    Route{"POST", "/api/authenticate", Access::login, BodyMax::login, authenticate_owner},
    Route{"GET", "/services/usermanagement/api/users", Access::owner, BodyMax::none, list_users},
    Route{"POST", "/services/usermanagement/api/users", Access::owner, BodyMax::json, create_user},
    Route{"PUT", "/services/usermanagement/api/users", Access::owner, BodyMax::json, replace_user},
    Route{"GET", "/services/usermanagement/api/users/{leafUserId}", Access::owner, BodyMax::none, get_user},
    Route{"PATCH", "/services/usermanagement/api/users/{leafUserId}", Access::owner, BodyMax::json, patch_user},
    Route{"DELETE", "/services/usermanagement/api/users/{leafUserId}", Access::owner, BodyMax::none, delete_user},
    Route{"GET", "/services/usermanagement/api/users/{leafUserId}/{provider}", Access::owner, BodyMax::none, get_credentials},
    Route{"POST", "/services/usermanagement/api/users/{leafUserId}/{provider}", Access::owner, BodyMax::json, create_credentials},
    Route{"PUT", "/services/usermanagement/api/users/{leafUserId}/{provider}", Access::owner, BodyMax::json, replace_credentials},
    Route{"DELETE", "/services/usermanagement/api/users/{leafUserId}/{provider}", Access::owner, BodyMax::none,
          delete_credentials},
    Route{"GET", "/services/usermanagement/api/users/{leafUserId}/{provider}/events", Access::owner, BodyMax::none, get_events},
    Route{"GET", "/services/usermanagement/api/users/{leafUserId}/{provider}/status", Access::owner, BodyMax::none, get_status},
    Route{"POST", "/services/usermanagement/api/users/{leafUserId}/{provider}/check", Access::owner, BodyMax::json,
          check_credentials},
    Route{"POST", "/services/usermanagement/api/users/{leafUserId}/{provider}/report", Access::owner, BodyMax::json,
          report_answer},
    Route{"GET", "/services/usermanagement/api/users/{leafUserId}/{provider}/history", Access::owner, BodyMax::none, get_history},
    Route{"GET", "/services/usermanagement/api/providers", Access::owner, BodyMax::none, list_providers},
    Route{"GET", "/services/usermanagement/api/credentials", Access::owner, BodyMax::none, list_credentials},
    Route{"GET", "/health/live", Access::open, BodyMax::none, get_live},
    Route{"GET", "/health/ready", Access::open, BodyMax::none, get_ready},
};

// Sent with every response: the API is for browsers of any origin (no cookies are used), and nothing of it may be kept.
constexpr std::string_view kFixedHeaders =
    "\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-Total-Count, Link, Location"
    "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff";

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// Fills the call's path arguments when the path is one of the pattern's.
bool matches(std::string_view pattern, std::string_view path, const Catalog& catalog, Call& call) {
  // What comes before the first argument, in one comparison.
  const std::string_view fixed = pattern.substr(0, pattern.find('{'));
  if (!path.starts_with(fixed)) return false;
  if (fixed.size() == pattern.size()) return path.size() == pattern.size();
  pattern.remove_prefix(fixed.size() - 1);
  path.remove_prefix(fixed.size() - 1);
  std::string_view user;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = take_segment(pattern), segment = take_segment(path);
    if (expected == "{leafUserId}") {
      if (segment.empty()) return false;
      user = segment;
    } else if (expected == "{provider}") {
      call.provider = catalog.find_slug(segment);
      if (!call.provider) return false;
    } else if (expected != segment) {
      return false;
    }
  }
  if (!pattern.empty() || !path.empty()) return false;
  call.user = LeafUserId::parse(user);
  return true;
}

struct Match {
  const Route* route = nullptr;
  bool path_known = false;
};

Match find_route(std::string_view method, std::string_view path, const Catalog& catalog, Call& call) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (method == "HEAD") method = "GET";
  for (const Route& route : kRoutes)
    if (route.method == method && matches(route.pattern, path, catalog, call)) return {.route = &route, .path_known = true};
  const auto knows = [&](const Route& route) { return matches(route.pattern, path, catalog, call); };
  return {.path_known = std::ranges::any_of(kRoutes, knows)};
}

std::string allowed_methods(std::string_view path, const Catalog& catalog, Call& call) {
  std::string allowed;
  for (const std::string_view method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
    if (find_route(method, path, catalog, call).route) allowed += std::string(method) + ", ";
  return allowed + "OPTIONS";
}

http::Response preflight(std::string allowed) {
  http::Response response{.status = 204};
  response.headers = {{"Allow", allowed},
                      {"Access-Control-Allow-Methods", allowed},
                      {"Access-Control-Allow-Headers", "Authorization, Content-Type"},
                      {"Access-Control-Max-Age", "86400"}};
  return response;
}

std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() || !equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
  return trim(authorization.substr(kScheme.size()));
}

// What keeps a route from being used, by the head of the request alone.
Task<Result<void>> admit(Call& call, const Route& route) {
  if (route.access == Access::owner) {
    auto owner = co_await authenticate(call.parts, bearer_token(call.request.authorization));
    if (!owner) co_return std::unexpected(owner.error());
    call.owner = *owner;
  }
  if (route.access == Access::login) co_return may_log_in(call.parts, http::network_of(call.request.peer));
  co_return Result<void>();
}

Task<Result<void>> read_body(Call& call, const Route& route, http::BodyReader& body) {
  if (route.body == BodyMax::none || !body.has_body()) co_return Result<void>();
  std::string payer = route.access == Access::owner ? call.owner.text() : http::network_of(call.request.peer);
  switch (co_await body.read(static_cast<std::size_t>(route.body), std::move(payer))) {
    case http::BodyEnd::whole: co_return Result<void>();
    case http::BodyEnd::too_large: co_return fail(ErrorCode::body_too_large);
    case http::BodyEnd::no_room: co_return fail(ErrorCode::busy);
    case http::BodyEnd::malformed:
    case http::BodyEnd::abandoned: break;  // nobody reads the answer to what was abandoned
  }
  co_return fail(ErrorCode::malformed_request);
}

// What a request comes to: the first error that applies, in the order of docs/conformance.md, or the handler's answer.
Task<Result<http::Response>> answer(Call& call, http::BodyReader& body, const Catalog& catalog, std::string_view& route_name) {
  const http::Request& request = call.request;
  if (request.defect == http::Defect::malformed) co_return fail(ErrorCode::malformed_request);
  if (request.defect == http::Defect::head_too_large) co_return fail(ErrorCode::head_too_large);
  const Match match = find_route(request.method, request.path, catalog, call);
  if (!match.path_known) co_return fail(ErrorCode::not_found);
  if (request.method == "OPTIONS") co_return preflight(allowed_methods(request.path, catalog, call));
  if (!match.route) co_return fail(ErrorCode::method_not_allowed);
  route_name = match.route->pattern;
  if (auto admitted = co_await admit(call, *match.route); !admitted) co_return std::unexpected(admitted.error());
  if (auto read = co_await read_body(call, *match.route, body); !read) co_return std::unexpected(read.error());
  co_return co_await match.route->handle(call);
}

class Handler {
 public:
  Handler(Parts& parts, const Catalog& catalog, Log& log, Metrics& metrics)
      : parts_(parts), catalog_(catalog), log_(log), counter_(metrics) {}

  // The request boundary: the one place where what broke becomes an answer.
  Task<http::Response> operator()(http::Request& request, http::BodyReader& body) {
    Call call{.parts = parts_, .request = request, .owner = {}};
    std::string_view route = "none";
    Error error{.code = ErrorCode::internal};
    std::optional<http::Response> response;
    try {
      auto result = co_await answer(call, body, catalog_, route);
      if (result) response = std::move(*result);
      else error = std::move(result.error());
    } catch (const StoreBusy&) {
      error.code = ErrorCode::too_many_requests;
      error.retry_after = seconds(1);
    } catch (const StoreUnavailable& failure) {
      log_.error("the store cannot be used", {{"error", failure.what()}});
      error.code = ErrorCode::store_unavailable;
    } catch (const std::exception& failure) {
      log_.error("a request failed", {{"route", route}, {"error", failure.what()}});
    }
    if (!response) {
      response = problem(error, request.path);
      if (error.code == ErrorCode::method_not_allowed)
        response->headers.emplace_back("Allow", allowed_methods(request.path, catalog_, call));
    }
    response->fixed_headers = kFixedHeaders;
    counter_.count(route, static_cast<unsigned>(response->status));
    co_return std::move(*response);
  }

 private:
  Parts& parts_;
  const Catalog& catalog_;
  Log& log_;
  RequestCounter counter_;
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

http::Handler make_handler(Parts& parts, const Catalog& catalog, Log& log, Metrics& metrics) {
  const auto handler = std::make_shared<Handler>(parts, catalog, log, metrics);
  return [handler](http::Request& request, http::BodyReader& body) { return (*handler)(request, body); };
}

http::Response too_many_connections() {
  http::Response response = problem(fail_until(seconds(1)).error(), "/");
  response.fixed_headers = kFixedHeaders;
  return response;
}

}  // namespace granary::api
