#include "sandbox/sandbox.hpp"

#include <algorithm>

#include "sandbox/control.hpp"
#include "sandbox/scene.hpp"

namespace granary::sandbox {

namespace {

constexpr std::string_view kControl = "/sandbox";

bool is_control(std::string_view path) { return path == kControl || path.starts_with("/sandbox/"); }

std::string name_of_answer(const http::Response& response, const std::optional<Fault>& fault) {
  const bool is_answered = response.delivery == http::Delivery::whole || response.delivery == http::Delivery::drip;
  return fault && !is_answered ? std::string(fault->kind->name) : std::to_string(response.status);
}

// What the journal keeps of a path: bounded, and fit for JSON.
std::string printable(std::string_view path) {
  std::string out(path.substr(0, 200));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

void record(Scene& scene, const Call& call, const Reading& reading, const std::string& result,
            const std::optional<Fault>& fault) {
  const std::string provider(call.provider.short_name());
  ++scene.calls[provider];
  if (reading.account) ++reading.account->answers[result];
  scene.journal.push_back({.when = scene.clock.now(),
                           .provider = provider,
                           .account = reading.account ? reading.account->id() : "",
                           .method = call.request.method,
                           .path = printable(call.path),
                           .answer = result,
                           .fault = fault ? std::string(fault->kind->name) : ""});
  if (scene.journal.size() > kJournalMax) scene.journal.pop_front();
}

}  // namespace

Sandbox::Sandbox(const Catalog& catalog, Clock& clock, Random& random)
    : scene_(std::make_unique<Scene>(catalog, clock, random)) {}

Sandbox::~Sandbox() = default;

std::string Sandbox::base_url(std::string_view origin, const Provider& provider) {
  return std::string(origin) + "/" + std::string(provider.short_name());
}

Task<http::Response> Sandbox::handle(http::Request& request, http::BodyReader& body) {
  const bool is_readable = request.defect == http::Defect::none;
  const auto end = is_readable && body.has_body() ? co_await body.read(http::kBodyBytesMax, request.peer) : http::BodyEnd::whole;
  if (end == http::BodyEnd::too_large) co_return answer_misfit({413, "the body is larger than 1 MiB"});
  if (!is_readable || end != http::BodyEnd::whole) co_return answer_misfit({400, "the request is malformed"});
  co_return answer(request);
}

http::Response Sandbox::answer(const http::Request& request) {
  return is_control(request.path) ? control(*scene_, request) : answer_provider(request);
}

http::Response Sandbox::answer_provider(const http::Request& request) {
  const std::string_view path = request.path;
  const std::size_t end = std::min(path.find('/', 1), path.size());
  const Provider* provider = path.empty() ? nullptr : scene_->catalog.find_short_name(path.substr(1, end - 1));
  if (!provider) return answer_misfit({404, "no provider is simulated here: GET /sandbox lists them"});
  const Call call{.provider = *provider, .request = request, .path = path.substr(end)};
  const Reading reading = read_call(scene_->accounts, call);
  const auto fault = scene_->faults.take(call, reading);
  auto response = fault ? answer_with(*fault, scene_->accounts, reading) : reading.work();
  record(*scene_, call, reading, name_of_answer(response, fault), fault);
  return response;
}

std::vector<DemoAccount> Sandbox::create_demo_accounts() {
  std::vector<DemoAccount> created;
  for (const Provider& provider : scene_->catalog.all()) {
    AccountSettings settings;
    if (provider.flow == FlowKind::sentera) settings.organizations_per_page = 2;  // so that several pages are read
    const Account* account = scene_->accounts.create(provider, std::move(settings));
    if (!account) break;
    created.push_back({.provider = std::string(provider.short_name()), .request = account->request(), .account = account->id()});
  }
  return created;
}

bool Sandbox::revoke(std::string_view provider, std::string_view account) {
  Account* found = scene_->accounts.find(account);
  if (!found || found->provider->short_name() != provider) return false;
  scene_->accounts.revoke(*found, "revoked by the demonstration");
  return true;
}

}  // namespace granary::sandbox
