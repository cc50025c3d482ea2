// Power loss: writers at work on a recording disk, and then, for any moment, what the disk may hold. Each image opens, is
// whole, loses nothing that had been acknowledged by then, holds nothing that was never asked for, and decrypts.
#include <gtest/gtest.h>

#include <fstream>

#include "base/temporary_folder_fixture.hpp"
#include "sealing/sealer.hpp"
#include "simulation/recording_disk_fixture.hpp"
#include "store/sqlite/open.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::simulation {

namespace {

constexpr std::size_t kNever = static_cast<std::size_t>(-1);

// What a credential was to become, and when: by the moments of the disk.
struct Change {
  std::size_t begun = 0, acknowledged = kNever;
  std::optional<std::string> token;  // nullopt: the row is deleted
  GrantState grant = GrantState::held;
};

struct Grower {
  StoredCredential row;
  std::vector<Change> changes;
  bool is_busy = false;
};

struct Losses {
  int images = 0, unopened = 0, damaged = 0, lost = 0;
};

// Writers at work, from the making of the store on.
class Work {
 public:
  explicit Work(std::uint64_t seed, Syncing syncing) : chance_(seed), disk_(syncing) {}

  // `count` changes, several at a time; then the process stops without closing anything in order.
  void run(int count) {
    sqlite::prepare(file_, [this] { return sqlite::RingRow{.version = ring_.version, .wrapped = ring_.wrapped}; }, now_);
    sqlite::Writer writer(file_, {});
    sqlite::ReadPool pool(file_);
    sqlite::SqliteStore store(file_, writer, pool);
    asio::io_context context{1};
    const auto await = [&](Task<> task) {
      asio::co_spawn(context, std::move(task), [](std::exception_ptr error) { EXPECT_FALSE(error); });
    };
    await(add_users(store));
    context.run();
    for (int done = 0; done < count;) {
      for (std::int64_t together = chance_.between(1, 6); together > 0; --together, ++done) await(change(store));
      context.restart();
      context.run();
    }
    end_ = disk_.moment();
    disk_.stop_recording();
  }

  // Somewhere, or just after something was acknowledged, which is where it hurts.
  std::size_t pick_moment() {
    if (chance_.percent(50)) return static_cast<std::size_t>(chance_.between(0, static_cast<std::int64_t>(end_)));
    return acknowledged_[chance_.below(acknowledged_.size())];
  }

  void judge(std::size_t moment, Losses& losses) {
    ++losses.images;
    const TemporaryFolder folder;
    constexpr std::uint64_t kKept[] = {0, 10, 50, 90, 100};
    for (const auto& [name, content] : disk_.after_power_loss(moment, chance_, kKept[chance_.below(std::size(kKept))]))
      std::ofstream(folder / name, std::ios::binary) << content;
    const std::string file = folder / "granary.db";
    try {
      sqlite::prepare(file, [this] { return sqlite::RingRow{.version = ring_.version, .wrapped = ring_.wrapped}; }, now_);
      sqlite::Connection db(file, sqlite::OpenMode::read_only);
      const auto ring = sqlite::inspect(file);
      auto whole = db.prepare("PRAGMA integrity_check");
      if (!whole.step() || whole.text(0) != "ok" || ring.size() != 1) {
        ++losses.damaged;
        return;
      }
      for (const auto& lives : {std::cref(growers_), std::cref(past_)})
        for (const Grower& grower : lives.get()) losses.lost += !is_kept(grower, db, moment);
      losses.lost += strangers(db);
    } catch (const std::exception&) {
      ++losses.unopened;
    }
  }

 private:
  Task<> add_users(Store& store) {
    const Owner owner{.id = OwnerId::random(chance_), .email = "a@example.com", .password_hash = "x", .password_epoch = 1};
    co_await store.add_owner(owner);
    growers_.resize(12);
    for (Grower& grower : growers_) {
      const LeafUser user{.id = LeafUserId::random(chance_), .owner = owner.id, .name = "grower", .created = now_};
      co_await store.add_user(user, {});
      grower.row.key.owner = owner.id;
      grower.row.leaf_user = user.id;
      grower.row.provider = "ag-leader";
    }
  }

  SealScope scope(const Grower& grower) const {
    return {.owner = grower.row.key.owner, .provider = grower.row.provider, .credential = grower.row.key.id};
  }

  Sealed sealed(const Grower& grower, const std::string& token) {
    return sealer_.seal_fields(scope(grower), grower.row.secrets_key, grower.row.secrets_version, Plaintext(token), chance_);
  }

  // One change of one credential: made, noted as about to be spent, rotated, or deleted.
  Task<> change(Store& store) {
    Grower& grower = growers_[chance_.below(growers_.size())];
    if (grower.is_busy) co_return;  // an attempt less
    grower.is_busy = true;
    const bool is_there = !grower.changes.empty() && grower.changes.back().token;
    const std::string token = "token " + std::to_string(++tokens_);
    StoredCredential& row = grower.row;
    if (!is_there) {
      if (!grower.changes.empty()) past_.push_back(grower);
      row.key.id = CredentialId::random(chance_);
      row.secrets_version = 1;
      row.secrets_key = sealer_.new_fields_key(scope(grower), chance_);
      row.secrets = sealed(grower, token);
      grower.changes.clear();  // those of the row before stand in past_
      begin(grower, token, GrantState::held);
      co_await store.add_credential({.row = row, .token = {}, .told_as = {}});
    } else if (chance_.percent(8)) {
      begin(grower, std::nullopt, GrantState::held);
      co_await store.delete_credential(row.key.owner, *row.leaf_user, row.provider);
    } else if (grower.changes.back().grant == GrantState::held) {
      CredentialWrite write = write_of(row);
      write.grant = GrantState::sending;
      begin(grower, *grower.changes.back().token, GrantState::sending);
      co_await store.commit(write);
    } else {
      CredentialWrite write = write_of(row);
      ++row.secrets_version;
      write.secrets = sealed(grower, token);
      write.grant = GrantState::held;
      write.tokens =
          TokenDigests{.held = chance_.bytes(kDigestBytes), .spent = {chance_.bytes(kDigestBytes)}, .secrets = {}, .now = now_};
      write.events = EventsWrite{
          .day = 20'000, .events_key = {}, .segments = {{.day = 20'000, .count = tokens_, .data = {chance_.bytes(900)}}}};
      begin(grower, token, GrantState::held);
      co_await store.commit(write);
    }
    grower.changes.back().acknowledged = disk_.moment();
    acknowledged_.push_back(disk_.moment());
    grower.is_busy = false;
  }

  CredentialWrite write_of(const StoredCredential& row) {
    return {.key = row.key,
            .id = static_cast<std::int64_t>(1 + chance_.below(1ULL << 60)),
            .secrets_version = row.secrets_version,
            .link_version = row.link_version};
  }

  void begin(Grower& grower, std::optional<std::string> token, GrantState grant) {
    grower.changes.push_back({.begun = disk_.moment(), .token = std::move(token), .grant = grant});
  }

  // Rows that nobody asked for.
  int strangers(sqlite::Connection& db) const {
    int unknown = 0;
    auto rows = db.prepare("SELECT id FROM credential");
    while (rows.step()) {
      const auto is_it = [id = rows.id<CredentialId>(0)](const Grower& grower) { return grower.row.key.id == id; };
      unknown += std::ranges::none_of(growers_, is_it) && std::ranges::none_of(past_, is_it);
    }
    return unknown;
  }

  // One of the changes that had been begun, and none before the last that had been acknowledged.
  bool is_kept(const Grower& grower, sqlite::Connection& db, std::size_t moment) {
    std::size_t first = 0;
    for (std::size_t i = 0; i < grower.changes.size(); ++i)
      if (grower.changes[i].acknowledged <= moment) first = i;
    const bool may_be_absent = grower.changes.empty() || grower.changes[0].acknowledged > moment;
    auto row = db.prepare("SELECT fields_version, fields, fields_key, grant_state FROM credential WHERE id = ?");
    const bool is_there = row.bind(grower.row.key.id).step();
    if (!is_there && may_be_absent) return true;
    std::string token;
    if (is_there) {
      const auto opened = sealer_.open_fields(scope(grower), {row.blob(2)}, row.integer(0), {row.blob(1)});
      if (!opened) return false;
      token = opened->reveal();
    }
    for (std::size_t i = first; i < grower.changes.size() && grower.changes[i].begun <= moment; ++i) {
      const Change& change = grower.changes[i];
      if (is_there ? change.token == token && static_cast<std::int64_t>(change.grant) == row.integer(3) : !change.token)
        return true;
    }
    return false;
  }

  const WallTime now_{std::chrono::days(20'000)};
  Chance chance_;
  RecordingDisk disk_;
  const Plaintext root_key_{std::string(32, 'r')};
  const RingKey ring_ = Sealer::first_ring_key(root_key_, chance_);
  const Sealer sealer_ = *Sealer::open(root_key_, {ring_});
  const TemporaryFolder folder_;
  const std::string file_ = folder_ / "granary.db";
  std::size_t end_ = 0;
  std::vector<Grower> growers_, past_;  // past: rows that were deleted
  std::vector<std::size_t> acknowledged_;
  std::int32_t tokens_ = 0;
};

Losses lose_power(Syncing syncing, std::uint64_t works, int images) {
  Losses losses;
  for (std::uint64_t seed = 1; seed <= works; ++seed) {
    Work work(seed, syncing);
    work.run(1'500);
    for (int image = 0; image < images; ++image) work.judge(work.pick_moment(), losses);
  }
  return losses;
}

TEST(PowerLoss, LosesNothingThatWasAcknowledged) {
  const Losses losses = lose_power(Syncing::as_asked, 20, 100);
  EXPECT_EQ(losses.images, 2'000);
  EXPECT_EQ(losses.unopened, 0);
  EXPECT_EQ(losses.damaged, 0);
  EXPECT_EQ(losses.lost, 0);
}

TEST(PowerLoss, IsFatalWithoutSyncs) {
  const Losses losses = lose_power(Syncing::off, 2, 50);
  EXPECT_GT(losses.lost, 10) << "or the test above proves nothing";
}

}  // namespace

}  // namespace granary::simulation
