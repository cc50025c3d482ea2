// What a start and a closed breaker do to a whole lane costs in proportion to its credentials, however many batches they are.
#include <gtest/gtest.h>

#include <ctime>

#include "base/temporary_folder_fixture.hpp"
#include "store/sqlite/open.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace granary::sqlite {

namespace {

const Lane kLane{"ag-leader", ""};

class LanesTest : public testing::Test {
 protected:
  // CPU time that all of them take together, in a lane of so many credentials that nothing waits for.
  double cost_of(int credentials) {
    const TemporaryFolder folder;
    const std::string file = folder / "granary.db";
    prepare(file, [] { return RingRow{.version = 1, .wrapped = {"ring key"}}; }, WallTime());
    Connection(file, OpenMode::read_write)
        .prepare_text(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO credential (id, owner_id, leaf_user_id, last_leaf_user_id, provider, environment, created,"
            " fields_version, state_version, link_version, fields, fields_key, origin, status, since, next_check, last_checked)"
            " SELECT randomblob(16), x'00', randomblob(16), x'00', 'ag-leader', '', 0, 1, 1, 1, zeroblob(300), zeroblob(60), '',"
            " 1, 0, 1000, 2000 FROM n")
        .bind(credentials)
        .run();
    Writer writer(file, {});
    ReadPool pool(file);
    SqliteStore store(file, writer, pool);
    const std::clock_t begin = std::clock();
    run(store.resume_configured(kLane, WallTime(), seconds(1)));
    run(store.respread({.lane = kLane, .owner = {}}, WallTime(), WallTime(seconds(5)), seconds(1)));
    asio::co_spawn(context_, store.mark_not_configured(kLane, WallTime()), asio::detached);
    context_.run();
    context_.restart();
    return static_cast<double>(std::clock() - begin);
  }
  void run(Task<> task) {
    asio::co_spawn(context_, std::move(task), [](std::exception_ptr error) { EXPECT_FALSE(error); });
    context_.run();
    context_.restart();
  }

  asio::io_context context_{1};
};

TEST_F(LanesTest, AWholeLaneIsGoneThroughOnce) {
  cost_of(200);  // what is done once
  const double few = cost_of(2'000), many = cost_of(32'000);
  EXPECT_LT(many, 16 * 4 * few) << "sixteen times as many; were it quadratic, 256 times as dear";
}

}  // namespace

}  // namespace granary::sqlite
