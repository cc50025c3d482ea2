#include "demo.hpp"

#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "base/process.hpp"
#include "cli/providers.hpp"
#include "operation/credentials.hpp"
#include "operation/health.hpp"
#include "operation/leaf_users.hpp"
#include "operation/owners.hpp"
#include "sandbox/sandbox.hpp"
#include "sealing/root_key.hpp"
#include "serve.hpp"

namespace granary {

namespace {

constexpr const char* kDemoFolder = "./granary-demo";
constexpr const char* kSandboxListen = "127.0.0.1:8090";
constexpr const char* kOwner = "demo@granary.example";
constexpr const char* kPassword = "a password for the demo";
constexpr const char* kRevoked = "ag-leader";
constexpr milliseconds kDemoInterval{std::chrono::seconds(5)};
constexpr std::chrono::seconds kBeforeRevoking{10};

// The endpoint itself when it is free, else a free port of the same address.
http::Endpoint free_endpoint(http::Endpoint wanted) {
  try {
    http::prove_port_is_free(wanted);
  } catch (const StartRefused&) {
    wanted.port(0);
  }
  return wanted;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// What happens in the demo, from the first owner to the revoked login.
class Story {
 public:
  Story(Product& product, sandbox::Sandbox& sandbox, std::string sandbox_origin)
      : product_(product),
        sandbox_(sandbox),
        sandbox_origin_(std::move(sandbox_origin)),
        worker_(product, product.folder.store_file()) {}

  Task<> run(std::string origin) {
    origin_ = std::move(origin);
    co_await prepare_owner();
    co_await prepare_user();
    for (const Provider& provider : product_.catalog.all()) co_await prepare_login(provider);
    print_commands();
    co_await end_one_login();
  }

 private:
  Parts& parts() { return worker_.parts; }

  Task<> prepare_owner() {
    co_await add_owner(parts(), kOwner, Plaintext(kPassword));  // there already on a second start
    auto token = co_await log_in(parts(), {.username = kOwner, .network = "demo", .address = "demo"}, Plaintext(kPassword),
                                 Remember::month);
    if (!token) throw StartRefused("the demo's data folder has another owner of that name: name a new one with --data");
    token_ = std::move(*token);
    owner_ = *co_await authenticate(parts(), token_);
  }

  Task<> prepare_user() {
    const auto users = co_await list_users(parts(), owner_, {}, {}, {});
    if (!users.items.empty()) {
      user_ = users.items.front().id;
      co_return;
    }
    LeafUserChange fields;
    fields.name = "Jo Farmer";
    fields.email = "jo@farm.example";
    fields.external_id = "grower-1";
    user_ = (co_await create_user(parts(), owner_, fields, {}))->id;
  }

  // The first start makes an account at the provider and stores its login; a later one gives the sandbox, which forgets,
  // the accounts that the stored logins are for.
  Task<> prepare_login(const Provider& provider) {
    const auto stored = co_await reveal(parts(), owner_, user_, provider);
    if (stored) {
      adopt(provider, *stored);
      co_return;
    }
    if (accounts_.empty()) accounts_ = sandbox_.create_demo_accounts();
    for (const auto& account : accounts_) {
      if (account.provider != provider.short_name()) continue;
      Fields fields;
      for (const auto& [name, value] : *account.request.object())
        if (value.string()) fields.set(name, Plaintext(*value.string()));
      co_await connect(parts(), owner_, user_, provider, std::move(fields));
      if (account.provider == kRevoked) revoked_account_ = account.account;
    }
  }

  void adopt(const Provider& provider, const Revealed& stored) {
    Json body;
    body.set("provider", provider.short_name());
    for (const RequestField& field : provider.request)
      if (const Plaintext* value = stored.fields->find(field.name); value && field.name != "accessToken")
        body.set(field.name, value->reveal());
    http::Request request;
    request.method = "POST";
    request.path = "/sandbox/accounts";
    request.body = body.dump();
    const auto response = sandbox_.answer(request);
    const auto account = Json::parse(response.body);
    const std::string id = account ? account->find_string("id").value_or("") : "";
    if (provider.short_name() != kRevoked) return;
    revoked_account_ = id;
    if (stored.status == Status::unauthenticated) {
      sandbox_.revoke(kRevoked, id);
      is_revoked_already_ = true;
    }
  }

  void print_commands() {
    const std::string base = origin_ + "/services/usermanagement/api";
    const std::string user = base + "/users/" + user_.text();
    const std::string bearer = "-H 'Authorization: Bearer " + token_ + "'";
    print(
        fmt::format("\nGranary serves at {}, its simulated providers at {}.\nOwner {}, password \"{}\". One Leaf user has four "
                    "logins; try:\n\n",
                    origin_, sandbox_origin_, kOwner, kPassword));
    const auto show = [&](const char* what, const std::string& command) { print(fmt::format("# {}\n{}\n\n", what, command)); };
    show("log in, as a program would",
         fmt::format("curl -s {}/api/authenticate -H 'Content-Type: application/json' -d '{{\"username\": \"{}\", "
                     "\"password\": \"{}\"}}'",
                     origin_, kOwner, kPassword));
    show("the user with all four logins", fmt::format("curl -s {} {}", bearer, user));
    show("one login, handed back", fmt::format("curl -s {} {}/sentera-credentials", bearer, user));
    show("how it is, in words", fmt::format("curl -s {} {}/ag-leader-credentials/status", bearer, user));
    show("what the provider answered", fmt::format("curl -s {} '{}/ag-leader-credentials/events?size=3'", bearer, user));
    show("check one now", fmt::format("curl -s -X POST {} {}/valley-credentials/check", bearer, user));
    show("who must be called?", fmt::format("curl -s {} '{}/credentials?status=UNAUTHENTICATED'", bearer, base));
    show("break Valley for a while (429), then check it again",
         fmt::format("curl -s -X PUT {}/sandbox/faults -d '{{\"fault\": 429, \"provider\": \"valley\"}}'", sandbox_origin_));
    show("everything the simulated providers know", fmt::format("curl -s {}/sandbox", sandbox_origin_));
  }

  Task<> end_one_login() {
    const Provider& provider = *product_.catalog.find_short_name(kRevoked);
    if (is_revoked_already_) {
      print(
          "Ag Leader's grant was revoked the last time, and still is: its login is UNAUTHENTICATED.\nCtrl-C ends the demo; its "
          "data is kept.\n\n");
      co_return;
    }
    co_await product_.clock.sleep_until(product_.clock.elapsed() + kBeforeRevoking);
    sandbox_.revoke(kRevoked, revoked_account_);
    print(
        "Now Jo Farmer revokes access at Ag Leader. Granary will notice by itself within 75 seconds: the first refusal is\n"
        "confirmed by a second one a minute later, so that nobody is called for nothing. Ctrl-C ends the demo; its data is "
        "kept.\n\n");
    while (true) {
      co_await product_.clock.sleep_until(product_.clock.elapsed() + seconds(1));
      const auto health = co_await find_health(parts(), owner_, user_, provider);
      if (!health) co_return;  // deleted by whoever tries things
      if (health->status != Status::unauthenticated) continue;
      print(fmt::format(
          "Ag Leader's login is UNAUTHENTICATED since {}:\n  {}\nThis is the moment to call Jo, before Jo calls you.\n\n",
          format_wire_time(health->since), health->message.value_or("")));
      co_return;
    }
  }

  Product& product_;
  sandbox::Sandbox& sandbox_;
  std::string origin_, sandbox_origin_;
  Worker worker_;
  std::string token_, revoked_account_;
  OwnerId owner_;
  LeafUserId user_;
  std::vector<sandbox::DemoAccount> accounts_;
  bool is_revoked_already_ = false;
};

void point_at_sandbox(config::Config& config, const std::string& origin) {
  const Catalog known = cli::load_catalog(config);
  for (const Provider& provider : known.all()) {
    auto& settings = config.providers[std::string(provider.short_name())];
    const std::string base_url = sandbox::Sandbox::base_url(origin, provider);
    if (provider.environment_field.empty()) settings.base_url = base_url;
    for (const Environment& environment : provider.environments)
      if (!environment.name.empty()) settings.environments[environment.name].base_url = base_url;
  }
}

std::string make_demo_key(const std::string& folder) {
  const std::string source = "file:" + folder + ".key";
  std::error_code error;
  SystemRandom random;
  if (!std::filesystem::exists(folder + ".key", error)) create_root_key(source, random);
  return source;
}

}  // namespace

int run_demo(config::Config config, const std::map<std::string, config::Given>& flags) {
  if (!flags.contains("data")) config.data = kDemoFolder;
  while (config.data.size() > 1 && config.data.ends_with('/')) config.data.pop_back();
  config.check_interval = kDemoInterval;
  config.egress_allow = {"127.0.0.1/32"};
  config.log_level = "warning";  // the story is told on standard output
  const auto listen = http::parse_endpoint(config.listen);
  if (!listen) throw StartRefused("--listen " + config.listen + " must be an address and a port, such as 127.0.0.1:8080");
  const Serving serving{.endpoint = flags.contains("listen") ? *listen : free_endpoint(*listen), .on_hangup = Hangup::ends};
  http::prove_port_is_free(serving.endpoint);

  asio::io_context main{1};
  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<sandbox::Sandbox> sandbox;
  http::Listener listener(main, free_endpoint(*http::parse_endpoint(kSandboxListen)),
                          [&](http::Request& request, http::BodyReader& body) { return sandbox->handle(request, body); },
                          {.unknown_headers = http::UnknownHeaders::kept});
  const std::string origin = "http://" + http::format_endpoint(listener.endpoint());
  point_at_sandbox(config, origin);
  const Catalog catalog = cli::load_catalog(config);
  sandbox = std::make_unique<sandbox::Sandbox>(catalog, clock, random);

  config.root_key = make_demo_key(config.data);
  const Plaintext root_key = load_root_key(config.root_key, config.data);
  DataFolder folder(config.data, MissingFolder::make, std::chrono::seconds(5));
  Product product(config, cli::load_catalog(config), root_key, std::move(folder), 1);
  Story story(product, *sandbox, origin);
  listener.start();
  serve(product, config, serving, main, [&](const http::Endpoint& taken) {
    asio::co_spawn(main, story.run("http://" + http::format_endpoint(taken)), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  });
  return 0;
}

int run_sandbox(config::Config config, const std::map<std::string, config::Given>& flags) {
  if (!flags.contains("listen")) config.listen = kSandboxListen;
  const auto endpoint = http::parse_endpoint(config.listen);
  if (!endpoint) throw StartRefused("--listen " + config.listen + " must be an address and a port, such as 127.0.0.1:8090");
  http::prove_port_is_free(*endpoint);
  asio::io_context main{1};
  SystemClock clock;
  SystemRandom random;
  const Catalog catalog = cli::load_catalog(config);
  sandbox::Sandbox sandbox(catalog, clock, random);
  http::Listener listener(main, *endpoint,
                          [&](http::Request& request, http::BodyReader& body) { return sandbox.handle(request, body); },
                          {.unknown_headers = http::UnknownHeaders::kept});
  listener.start();
  print(fmt::format("The simulated providers listen at http://{0}; `curl http://{0}/sandbox` shows everything.\n",
                    http::format_endpoint(listener.endpoint())));
  asio::basic_signal_set<Executor> signals(main.get_executor(), SIGTERM, SIGINT);
  if (!is_hangup_ignored()) signals.add(SIGHUP);
  signals.async_wait([&](boost::system::error_code, int) { main.stop(); });
  main.run();
  return 0;
}

}  // namespace granary
