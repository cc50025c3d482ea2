// What a start and a closed breaker do to a whole lane costs in proportion to its credentials, however many batches they are.
#include <gtest/gtest.h>

#include <ctime>

#include "base/temporary_folder_fixture.hpp"
#include "domain/breaker_rules.hpp"
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
            " fields_version, link_version, fields, fields_key, origin, status, since, next_check, last_checked)"
            " SELECT randomblob(16), zeroblob(16), randomblob(16), zeroblob(16), 'ag-leader', '', 0, 1, 1, zeroblob(300), "
            "zeroblob(60), '',"
            " 1, 0, 1000, 2000 FROM n")
        .bind(credentials)
        .run();
    Writer writer(file, {});
    ReadPool pool(file);
    SqliteStore store(file, writer, pool);
    const std::clock_t begin = std::clock();
    for (const HealthRule& rule : {resume_configured(WallTime(), seconds(1)),
                                   spread_again(WallTime(), WallTime(seconds(5)), seconds(1)), mark_not_configured(WallTime())})
      run(change_health(store, rule));
    return static_cast<double>(std::clock() - begin);
  }
  static Task<> change_health(Store& store, HealthRule rule) {
    const BreakerScope scope{.lane = kLane, .owner = {}};
    std::int64_t after = 0;
    do after = (co_await store.change_health(scope, Rows::all, after, rule, Cause::configuration)).last;
    while (after != 0);
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
