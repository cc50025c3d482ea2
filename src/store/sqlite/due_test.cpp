// A tick of the scheduler reads what is due and nothing else, however many credentials a lane has.
#include "store/sqlite/due.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_fixture.hpp"
#include "store/sqlite/open.hpp"
#include "store/sqlite/reader.hpp"

namespace granary::sqlite {

namespace {

TEST(Due, EachQueryOfATickPassesOnlyWhatItLooksFor) {
  const TemporaryFolder folder;
  const std::string file = folder / "granary.db";
  prepare(file, [] { return RingRow{.version = 1, .wrapped = {"ring key"}}; }, WallTime());
  const auto db = open_for_reading(file);
  struct Row {
    const char* query;
    const char* walk;
  };
  const Row rows[] = {
      {kDue, "credential_due (provider=? AND environment=? AND next_check<?)"},
      {kRefusedFarAhead, "credential_due (provider=? AND environment=? AND next_check>?)"},
      {kOthersFarAhead, "credential_far (provider=? AND environment=? AND next_check>?)"},
      // By an index of next_check it went through all of a lane that is not due.
      {kCheckedAhead, "credential_last_checked (provider=? AND environment=? AND last_checked>?)"},
      // By another index of the lane it went through all of its credentials.
      {kInterrupted, "credential_candidate (provider=? AND environment=?)"},
  };
  for (const Row& row : rows) {
    auto steps = db->prepare_text(std::string("EXPLAIN QUERY PLAN SELECT owner_id, id ") + row.query + " LIMIT 5");
    std::string plan;
    while (steps.step()) plan += steps.text(3) + "\n";
    EXPECT_THAT(plan, testing::HasSubstr(row.walk)) << row.query;
  }
}

}  // namespace

}  // namespace granary::sqlite
