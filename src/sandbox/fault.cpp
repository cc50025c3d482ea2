#include "sandbox/fault.hpp"

#include <algorithm>
#include <array>

namespace granary::sandbox {

namespace {

using http::Delivery;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kHtml = "text/html; charset=utf-8";

constexpr std::array<FaultKind, 32> kKinds = {{
    {"refuse", Effect::refuse, 0, Delivery::whole, {}, {}},
    {"403", Effect::replace, 403, Delivery::whole, kJson, R"({"message":"Forbidden"})"},
    {"408", Effect::replace, 408, Delivery::whole, kJson, R"({"message":"Request Timeout"})"},
    {"429", Effect::replace, 429, Delivery::whole, kJson, R"({"message":"Too Many Requests"})"},
    {"500", Effect::replace, 500, Delivery::whole, kJson, R"({"message":"Internal Server Error"})"},
    {"502", Effect::replace, 502, Delivery::whole, kHtml, "<html><body><h1>502 Bad Gateway</h1></body></html>"},
    {"503", Effect::replace, 503, Delivery::whole, kJson, R"({"message":"Service Unavailable"})"},
    {"504", Effect::replace, 504, Delivery::whole, kHtml, "<html><body><h1>504 Gateway Timeout</h1></body></html>"},
    {"hang", Effect::replace, 200, Delivery::hang, {}, {}},
    {"drip", Effect::spoil, 0, Delivery::drip, {}, {}},
    {"reset", Effect::replace, 200, Delivery::reset, {}, {}},
    {"cut", Effect::spoil, 0, Delivery::cut, {}, {}},
    {"html", Effect::replace, 200, Delivery::whole, kHtml, "<html><body>Please sign in to the network.</body></html>"},
    {"broken-json", Effect::replace, 200, Delivery::whole, kJson, R"({"status":"ok","token":"sandb)"},
    {"empty-json", Effect::replace, 200, Delivery::whole, kJson, "{}"},
    {"empty", Effect::replace, 200, Delivery::whole, {}, {}},
    {"graphql-errors", Effect::replace, 200, Delivery::whole, kJson, R"({"data":null,"errors":[{"message":"Unauthorized"}]})"},
    {"expired-session", Effect::expire, 0, Delivery::whole, {}, {}},
    {"invalid-client", Effect::replace, 401, Delivery::whole, kJson, R"({"error":"invalid_client"})"},
    {"grant-dead-elsewhere", Effect::replace, 403, Delivery::whole, kJson, R"({"errors":[{"code":"INVALID_GRANT"}]})"},
    {"slow-down", Effect::replace, 403, Delivery::whole, kJson, R"({"message":"API rate limit exceeded"})"},
    {"bot-challenge", Effect::replace, 403, Delivery::whole, kHtml, "<!DOCTYPE html><title>Just a moment...</title>"},
    {"gzip-unnamed", Effect::dress, 0, Delivery::whole, {}, {}, compress_unnamed},
    {"zlib-misnamed", Effect::dress, 0, Delivery::whole, {}, {}, compress_misnamed},
    {"form-encoded", Effect::dress, 0, Delivery::whole, {}, {}, encode_as_form},
    {"called-html", Effect::dress, 0, Delivery::whole, {}, {}, call_it_html},
    {"damaged", Effect::dress, 0, Delivery::whole, {}, {}, damage},
    {"keys-twice", Effect::dress, 0, Delivery::whole, {}, {}, repeat_keys},
    {"guarded", Effect::dress, 0, Delivery::whole, {}, {}, add_guard},
    {"tokens-in-500", Effect::dress, 0, Delivery::whole, {}, {}, fail_with_it},
    {"tokens-beside-error", Effect::dress, 0, Delivery::whole, {}, {}, add_error},
    {"tokens-renamed", Effect::dress, 0, Delivery::whole, {}, {}, rename_tokens},
}};

// Two faults of one scope are one fault.
bool is_same_scope(const Fault& a, const Fault& b) {
  return a.provider == b.provider && a.account == b.account && a.path == b.path;
}

bool is_for(const Fault& fault, const Call& call, const Reading& reading) {
  if (!fault.provider.empty() && fault.provider != call.provider.short_name()) return false;
  if (!fault.account.empty() && (!reading.account || reading.account->id() != fault.account)) return false;
  if (!fault.path.empty() && fault.path != call.path) return false;
  // A login has no session that could have expired; it must not use up the count either.
  return fault.kind->effect != Effect::expire || (reading.purpose == Purpose::session && reading.account);
}

int nearness(const Fault& fault) {
  return (fault.account.empty() ? 0 : 4) + (fault.provider.empty() ? 0 : 2) + (fault.path.empty() ? 0 : 1);
}

http::Response replacement(const Fault& fault) {
  http::Response response;
  response.status = fault.kind->status;
  response.content_type = fault.kind->content_type;
  response.body = fault.kind->body;
  response.delivery = fault.kind->delivery;
  if (!fault.retry_after.empty()) response.headers.emplace_back("Retry-After", fault.retry_after);
  return response;
}

}  // namespace

std::span<const FaultKind> fault_kinds() { return kKinds; }

const FaultKind* find_fault_kind(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name, &FaultKind::name);
  return found == kKinds.end() ? nullptr : &*found;
}

bool Faults::add(Fault fault) {
  const auto old = std::ranges::find_if(faults_, [&](const Fault& known) { return is_same_scope(known, fault); });
  if (old != faults_.end()) *old = std::move(fault);
  else if (faults_.size() >= kFaultsMax) return false;
  else faults_.push_back(std::move(fault));
  return true;
}

void Faults::remove(std::string_view provider, std::string_view account) {
  std::erase_if(faults_, [&](const Fault& fault) {
    return (provider.empty() || fault.provider == provider) && (account.empty() || fault.account == account);
  });
}

std::optional<Fault> Faults::take(const Call& call, const Reading& reading) {
  auto nearest = faults_.end();
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault)
    if (is_for(*fault, call, reading) && (nearest == faults_.end() || nearness(*fault) > nearness(*nearest))) nearest = fault;
  if (nearest == faults_.end()) return std::nullopt;
  Fault taken = *nearest;
  if (nearest->count && --*nearest->count == 0) faults_.erase(nearest);
  return taken;
}

http::Response answer_with(const Fault& fault, Accounts& accounts, const Reading& reading) {
  switch (fault.kind->effect) {
    case Effect::refuse: return reading.refusal;
    case Effect::expire: accounts.end_sessions(*reading.account); return reading.work();
    case Effect::spoil: {
      auto response = reading.work();
      response.delivery = fault.kind->delivery;
      return response;
    }
    case Effect::dress: {
      auto response = reading.work();
      fault.kind->dress(response);
      return response;
    }
    case Effect::replace: break;
  }
  if (fault.at == Moment::answer) reading.work();
  return replacement(fault);
}

}  // namespace granary::sandbox
