// Opening the store's file: looking writes nothing, a newer schema and a foreign file are refused untouched, and a store
// that could not be made does not exist afterwards.
#include "store/sqlite/open.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/embedded.hpp"
#include "base/temporary_folder_fixture.hpp"
#include "store/sqlite/writer.hpp"

namespace granary::sqlite {

namespace {

class OpenTest : public testing::Test {
 protected:
  void make() const { prepare(file_, first_key, WallTime()); }
  static RingRow first_key() { return {.version = 1, .wrapped = {"wrapped"}}; }
  // Every file and what it holds; the shared memory beside a log is no data.
  std::map<std::string, std::string> files() const { return files_in(folder_.path()); }
  static std::map<std::string, std::string> files_in(const std::filesystem::path& folder) {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().string().ends_with("-shm")) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      out[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return out;
  }
  void execute(const std::string& sql) const { open_for_writing(file_)->execute(sql); }

  TemporaryFolder folder_;
  std::string file_ = folder_ / "granary.db";
};

// Who lists may sort in a hundred thousand ways.
TEST_F(OpenTest, StatementsMadeFromTextAreNotKeptForEver) {
  make();
  const auto db = open_for_writing(file_);
  const auto used_after = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      auto row = db->prepare_text("SELECT " + std::to_string(i));
      EXPECT_TRUE(row.step());
      EXPECT_EQ(row.integer(0), i);
    }
    return sqlite3_memory_used();
  };
  const auto few = used_after(0, 60);
  EXPECT_LT(used_after(60, 3'000), few + few / 2);
}

TEST_F(OpenTest, LookingAtNothingMakesNothing) {
  EXPECT_TRUE(inspect(file_).empty());
  EXPECT_TRUE(files().empty());
  std::ofstream(file_).close();
  EXPECT_TRUE(inspect(file_).empty());
  EXPECT_EQ(files(), (std::map<std::string, std::string>{{"granary.db", ""}}));
}

TEST_F(OpenTest, LookingWritesNothing) {
  make();
  const auto before = files();
  const auto ring = inspect(file_);
  ASSERT_EQ(ring.size(), 1U);
  EXPECT_EQ(ring[0].version, 1);
  EXPECT_EQ(ring[0].wrapped.bytes, "wrapped");
  EXPECT_EQ(files(), before);
}

TEST_F(OpenTest, LookingAtAStoreThatCrashedSeesItsLogAndWritesNothing) {
  make();
  const auto crashed = folder_ / "crashed";
  {
    // A writer that is still open leaves what it committed in the log; a copy is what a crash leaves behind.
    const auto writer = open_for_writing(file_);
    writer->execute("INSERT INTO ring_key VALUES (2, 'second', 0)");
    std::filesystem::create_directory(crashed);
    for (const char* end : {"", "-wal"}) std::filesystem::copy_file(file_ + end, (crashed / "granary.db").string() + end);
  }
  const auto before = files_in(crashed);
  ASSERT_GT(before.at("granary.db-wal").size(), 0U);
  EXPECT_EQ(inspect(crashed / "granary.db").size(), 2U);
  EXPECT_EQ(files_in(crashed), before);
}

TEST_F(OpenTest, PreparingAgainChangesNothing) {
  make();
  bool asked = false;
  prepare(
      file_,
      [&] {
        asked = true;
        return first_key();
      },
      WallTime());
  EXPECT_FALSE(asked) << "a store has its first key once";
  EXPECT_EQ(inspect(file_).size(), 1U);
}

TEST_F(OpenTest, AStoreOfEachOlderSchemaIsBroughtUpToDateWithItsRows) {
  for (std::size_t old = 1; old < embedded::kSchema.size(); ++old) {
    const std::string file = folder_ / ("old" + std::to_string(old) + ".db");
    {
      const auto db = open_for_writing(file);
      for (std::size_t i = 0; i < old; ++i) db->execute(embedded::kSchema[i].text);
      db->execute(
          "INSERT INTO ring_key VALUES (1, 'wrapped', 0);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
          " INSERT INTO leaf_user SELECT randomblob(16), x'07', 'name ' || i, NULL, NULL, NULL, i % 7, i FROM n;"
          "PRAGMA application_id=1198678382; PRAGMA user_version=" +
          std::to_string(old));
    }
    prepare(file, first_key, WallTime());
    const auto db = open_for_writing(file);
    const auto integer = [&](const char* sql) {
      auto row = db->prepare(sql);
      return row.step() ? row.integer(0) : -1;
    };
    EXPECT_EQ(integer("PRAGMA user_version"), static_cast<std::int64_t>(embedded::kSchema.size())) << old;
    EXPECT_EQ(integer("SELECT count(*) FROM leaf_user INDEXED BY leaf_user_by_name WHERE owner_id = x'07'"), 20'000) << old;
    EXPECT_EQ(integer("SELECT count(*) FROM leaf_user INDEXED BY leaf_user_by_external_id WHERE owner_id = x'07'"
                      " AND external_id = '3'"),
              2'857)
        << old;
    EXPECT_EQ(integer("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0) << old;
  }
}

// What older versions knew of a credential, in the words of 0008.
TEST_F(OpenTest, ACredentialOfEachOlderSchemaKeepsWhatIsKnownOfIt) {
  struct Row {
    const char* what;
    // status, last_checked, spending, outcome_unknown, suspected, turned_by_check, failures, candidate, candidate_sent
    const char* values;
    // grant_state, was_last_ok, status_cause, answer_cause, last_success, failures_in_row, candidate_state
    std::vector<std::int64_t> expected;  // -1: null
  };
  const Row rows[] = {
      {"OK", "0, 500, NULL, 0, 0, 0, 0, NULL, 0", {0, 1, 0, 3, 500, 0, 0}},
      {"never checked", "3, NULL, NULL, 0, 0, 0, 0, NULL, 0", {0, 0, 0, -1, -1, 0, 0}},
      {"refused by a check", "1, 500, NULL, 0, 0, 1, 2, NULL, 0", {0, 0, 3, 3, -1, 2, 0}},
      {"refused by POST", "1, 500, NULL, 0, 0, 0, 1, NULL, 0", {0, 0, 0, 3, -1, 1, 0}},
      {"taken back by a breaker", "3, 500, NULL, 0, 1, 0, 1, NULL, 0", {0, 1, 0, 3, -1, 1, 0}},
      {"through an outage", "3, 500, NULL, 0, 0, 1, 3, NULL, 0", {0, 1, 3, 3, -1, 3, 0}},
      {"a token on its way", "0, 500, x'01', 0, 0, 0, 0, NULL, 0", {1, 1, 0, 3, 500, 0, 0}},
      {"a lost answer", "0, 500, NULL, 1, 0, 0, 1, NULL, 0", {2, 1, 0, 3, 500, 1, 0}},
      {"a lost answer, and on its way again", "0, 500, x'01', 1, 0, 0, 1, NULL, 0", {1, 1, 0, 3, 500, 1, 0}},
      {"a PUT that was sent", "0, 500, NULL, 0, 0, 0, 0, x'02', 1", {0, 1, 0, 3, 500, 0, 1}},
      {"a PUT that was given tokens", "0, 500, NULL, 0, 0, 0, 0, x'02', 2", {0, 1, 0, 3, 500, 0, 2}},
  };
  constexpr std::size_t kBefore = 7;  // the schemas that know nothing of 0008
  for (std::size_t old = 1; old <= kBefore; ++old) {
    const std::string file = folder_ / ("credentials" + std::to_string(old) + ".db");
    {
      const auto db = open_for_writing(file);
      for (std::size_t i = 0; i < old; ++i) db->execute(embedded::kSchema[i].text);
      for (const Row& row : rows)
        db->execute(
            "INSERT INTO credential (id, owner_id, leaf_user_id, last_leaf_user_id, provider, environment, created, "
            "fields_version,"
            " state_version, link_version, fields, fields_key, origin, since, next_check, reason, pending, pending_wall, "
            "refusals,"
            " status, last_checked, spending, outcome_unknown, suspected, turned_by_check, failures, candidate, candidate_sent)"
            " VALUES (randomblob(16), zeroblob(16), randomblob(16), zeroblob(16), 'ag-leader', '', 1, 7, 3, 9, x'AA', x'BB',"
            " 'https://a.example', 400, 600, 2, 1, 450, 2, " +
            std::string(row.values) + ")");
      db->execute("INSERT INTO ring_key VALUES (1, 'wrapped', 0); PRAGMA application_id=1198678382; PRAGMA user_version=" +
                  std::to_string(old));
    }
    prepare(file, first_key, WallTime());
    const auto db = open_for_writing(file);
    auto found = db->prepare(
        "SELECT grant_state, was_last_ok, status_cause, answer_cause, last_success, failures_in_row, candidate_state,"
        " fields_version, link_version, fields, origin, since, next_check, reason, pending, pending_wall, refusals, last_write,"
        " (SELECT count(*) FROM history WHERE credential = row AND time = since AND from_status IS NULL AND to_status = status)"
        " FROM credential ORDER BY row");
    for (const Row& row : rows) {
      ASSERT_TRUE(found.step()) << old;
      for (std::size_t i = 0; i < row.expected.size(); ++i) {
        const int column = static_cast<int>(i);
        const std::int64_t value = found.is_null(column) ? -1 : found.integer(column);
        EXPECT_EQ(value, row.expected[i]) << row.what << " of schema " << old << ", column " << i;
      }
      const std::int64_t known[] = {found.integer(7),  found.integer(8),  found.integer(11), found.integer(12),
                                    found.integer(13), found.integer(14), found.integer(15), found.integer(16),
                                    found.integer(17), found.integer(18)};
      EXPECT_EQ(std::vector(std::begin(known), std::end(known)), (std::vector<std::int64_t>{7, 9, 400, 600, 2, 1, 450, 2, 0, 1}))
          << row.what << " of schema " << old;
      EXPECT_EQ(found.blob(9), "\xAA");
      EXPECT_EQ(found.text(10), "https://a.example");
    }
    EXPECT_FALSE(found.step());
  }
}

TEST_F(OpenTest, ANewerSchemaIsRefusedUntouched) {
  make();
  execute("PRAGMA user_version=" + std::to_string(embedded::kSchema.size() + 1));
  const auto before = files();
  EXPECT_THROW(inspect(file_), StartRefused);
  EXPECT_EQ(files(), before);
}

TEST_F(OpenTest, WhatIsNoStoreIsRefusedUntouched) {
  execute("CREATE TABLE a (b); PRAGMA user_version=1; PRAGMA application_id=7");
  auto before = files();
  EXPECT_THROW(inspect(file_), StartRefused);
  EXPECT_EQ(files(), before);
  for (const std::string& content : {std::string("hello"), std::string(8'192, 'x'), "SQLite format 3" + std::string(100, '\0')}) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << content;
    before = files();
    EXPECT_THROW(inspect(file_), StartRefused) << content.substr(0, 20);
    EXPECT_EQ(files(), before);
  }
}

TEST_F(OpenTest, AStoreThatCouldNotBeMadeDoesNotExist) {
  // The key is made in the same commit as the tables.
  EXPECT_ANY_THROW(prepare(file_, []() -> RingRow { throw Failure(SQLITE_FULL, "full"); }, WallTime()));
  EXPECT_TRUE(files().empty());
  make();
  EXPECT_EQ(inspect(file_).size(), 1U);
  EXPECT_THROW(prepare("/nonexistent/granary.db", first_key, WallTime()), StartRefused);
}

}  // namespace

}  // namespace granary::sqlite
