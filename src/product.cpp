#include "product.hpp"

#include "base/check.hpp"
#include "check/breakers.hpp"
#include "check/commit.hpp"
#include "check/fuses.hpp"
#include "check/last_success.hpp"
#include "check/store_key.hpp"
#include "domain/breaker_rules.hpp"
#include "store/sqlite/open.hpp"

namespace granary {

namespace {

constexpr milliseconds kStartSpreadMax{std::chrono::minutes(10)};

LogLevel level_of(const std::string& name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "warning") return LogLevel::warning;
  return name == "error" ? LogLevel::error : LogLevel::info;
}

std::optional<Sealer> open_ring(const std::vector<sqlite::RingRow>& rows, const Plaintext& root_key) {
  std::vector<RingKey> ring;
  ring.reserve(rows.size());
  for (const auto& row : rows) ring.push_back({.version = row.version, .wrapped = row.wrapped});
  return Sealer::open(root_key, ring);
}

// The ring is opened before anything is written, so a wrong key leaves no trace.
std::unique_ptr<Sealer> open_store(const std::string& file, const Plaintext& root_key, Clock& clock, Random& random) {
  prove_root_key(file, root_key);
  sqlite::prepare(
      file,
      [&] {
        const RingKey first = Sealer::first_ring_key(root_key, random);
        return sqlite::RingRow{.version = first.version, .wrapped = first.wrapped};
      },
      clock.now());
  auto sealer = open_ring(sqlite::inspect(file), root_key);
  if (!sealer) throw StartRefused("the root key does not open the store " + file);
  return std::make_unique<Sealer>(std::move(*sealer));
}

CheckSettings settings_of(const config::Config& config, const http::EgressGuard& guard) {
  CheckSettings settings;
  settings.is_asking = config.checks == config::Checks::on;
  settings.interval = config.check_interval;
  settings.confirm_after = config.confirm_after;
  settings.refresh_floor = config.refresh_floor;
  settings.outage_after = config.outage_after;
  settings.timeout = config.timeout;
  settings.history_kept = config.history_kept;
  settings.breaker = {.window = config.breaker_window, .minimum = config.breaker_minimum, .share = config.breaker_share};
  if (config.bind_origins == config::BindOrigins::public_only)
    settings.is_exempt_origin = [&guard](const Url& url) { return guard.allows_host(url.host); };
  return settings;
}

}  // namespace

void prove_root_key(const std::string& store_file, const Plaintext& root_key) {
  const auto rows = sqlite::inspect(store_file);
  if (!rows.empty() && !open_ring(rows, root_key))
    throw StartRefused("the root key does not open the store " + store_file + ": give the key that it was made with");
}

Worker::Worker(Product& product, const std::string& store_file)
    : store(store_file, *product.writer, *product.read_pool),
      tokens(product.token_key, product.token_generation),
      status_counts(product.clock, [this] { return store.count_by_status(); }),
      parts{.store = store,
            .sealer = *product.sealer,
            .clock = product.clock,
            .random = product.random,
            .catalog = product.catalog,
            .log = product.log,
            .passwords = product.passwords,
            .logins = product.logins,
            .checks = product.context,
            .tokens = tokens,
            .turns = turns,
            .store_is_damaged = product.store_is_damaged} {}

Product::Product(const config::Config& config, Catalog the_catalog, const Plaintext& root_key, DataFolder data_folder,
                 int workers_count)
    : log(clock, level_of(config.log_level)),
      catalog(std::move(the_catalog)),
      folder(std::move(data_folder)),
      sealer(open_store(folder.store_file(), root_key, clock, random)),
      writer(std::make_unique<sqlite::Writer>(
          folder.store_file(), sqlite::Writer::Told{.committed = [this](double seconds) { metrics.observe_commit(seconds); },
                                                    .checkpoint_failed =
                                                        [this](const std::string& why) {
                                                          log.error(
                                                              "the store's log cannot be brought into its file; it grows "
                                                              "until the disk is mended, and nothing is lost",
                                                              {{"error", why}});
                                                        }})),
      read_pool(std::make_unique<sqlite::ReadPool>(folder.store_file())),
      logins(config.logins_per_minute),
      checks_store(folder.store_file(), *writer, *read_pool),
      guard(config::ranges_of(config.egress_allow)),
      transport(checks_context, guard, {.ca_file = config.ca_file, .proxy = config.proxy}),
      context(checks_context.get_executor(), checks_store, *sealer, clock, random, catalog, transport, log, metrics,
              settings_of(config, guard)),
      scheduler(context) {
  token_key = run_to_end(checks_context, load_store_key(checks_store, *sealer, random, "token key"));
  context.digest_key = run_to_end(checks_context, load_store_key(checks_store, *sealer, random, "digest key"));
  const auto breakers = run_to_end(checks_context, checks_store.load_breakers());
  if (auto prepared = prepare_lanes(context, breakers); !prepared) throw StartRefused("[providers] " + prepared.error().detail);
  run_to_end(checks_context, restore_fuses(context));
  run_to_end(checks_context, load_last_successes(context));
  for (int i = 0; i < workers_count; ++i) workers.push_back(std::make_unique<Worker>(*this, folder.store_file()));
}

Product::~Product() = default;

void Product::tell_what_was_closed() {
  for (const std::string& name : folder.closed_to_others())
    log.warning("others could get at the data folder; now they cannot",
                {{"path", name == "." ? folder.path() : folder.path() + "/" + name}});
}

Task<> Product::bring_up(const config::Config& config) {
  const WallTime now = clock.now();
  co_await checks_store.recover_interrupted(now);
  co_await restore_breakers(context);
  if (context.settings.is_asking) co_await settle_configured(now);
  for (const auto& provider : config.accept_new_origin) {
    const auto count = co_await checks_store.forget_origins(provider);
    for (const auto& [key, lane] : context.lanes)
      if (key.provider == provider)
        co_await change_health(context, {.lane = key, .owner = {}}, Rows::all,
                               check_at_new_origin(now, std::min(lane.interval, kStartSpreadMax)), Cause::operator_);
    log.warning("the new address of a provider was accepted for the credentials stored before",
                {{"provider", provider}, {"credentials", count}});
  }
}

Task<> Product::settle_configured(WallTime now) {
  for (const auto& [key, lane] : context.lanes)
    if (lane.base_url)
      co_await change_health(context, {.lane = key, .owner = {}}, Rows::all,
                             resume_configured(now, std::min(lane.interval, kStartSpreadMax)), Cause::configuration);
  // Nor is a lane checked whose descriptor is gone.
  for (const Lane& key : co_await checks_store.list_lanes()) {
    const auto lane = context.lanes.find(key);
    if (lane != context.lanes.end() && lane->second.base_url) continue;
    co_await change_health(context, {.lane = key, .owner = {}}, Rows::all, mark_not_configured(now), Cause::configuration);
  }
}

void run_to_end(asio::io_context& context, Task<> task) {
  std::exception_ptr error;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr failed) { error = failed; });
  context.run();
  context.restart();
  if (error) std::rethrow_exception(error);
}

}  // namespace granary
