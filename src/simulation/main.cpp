// granary_sim: histories by the thousand, one seed each. `--histories N --seed S` runs the seeds S to S+N-1; a violation is
// shrunk, told as a readable trace, and ends the run with exit code 1.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

#include "simulation/history.hpp"
#include "simulation/mass.hpp"
#include "simulation/tables.hpp"

using namespace granary;
using namespace granary::simulation;

namespace {

constexpr std::uint64_t kProgressEvery = 50'000;

struct Found {
  std::uint64_t seed = 0;
  Violation violation;
};

// The lowest seed that fails, or nothing; deterministic whatever the number of threads.
std::optional<Found> search(std::uint64_t first, std::uint64_t count, Mutant mutant) {
  std::atomic<std::uint64_t> next = first, end = first + count;
  std::mutex mutex;
  std::optional<Found> found;
  const auto work = [&] {
    for (std::uint64_t seed = next++; seed < end; seed = next++) {
      const Outcome outcome = run_history(make_plan(seed), mutant, false);
      // A long run says how far it is.
      if (const std::uint64_t done = seed - first + 1; done % kProgressEvery == 0)
        std::fprintf(stderr, "%llu histories\n", static_cast<unsigned long long>(done));
      if (!outcome.violation) continue;
      const std::lock_guard lock(mutex);
      if (!found || seed < found->seed) found = {seed, *outcome.violation};
      end = std::min<std::uint64_t>(end, found->seed);
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  threads.clear();
  return found;
}

void tell(const Found& found, Mutant mutant) {
  std::printf("seed %llu breaks %s: %s\n", static_cast<unsigned long long>(found.seed), found.violation.invariant.c_str(),
              found.violation.what.c_str());
  const Plan whole = make_plan(found.seed), least = shrink(whole, mutant, found.violation.invariant);
  std::printf("%zu of its %zu actions are enough:\n", least.actions.size(), whole.actions.size());
  const Outcome outcome = run_history(least, mutant, true);
  for (const auto& line : outcome.trace) std::printf("  %s\n", line.c_str());
  if (outcome.violation) std::printf("  %s: %s\n", outcome.violation->invariant.c_str(), outcome.violation->what.c_str());
}

int try_mutants(std::uint64_t seed, std::uint64_t histories) {
  int missed = 0;
  std::uint64_t most = 0;
  std::string_view rarest;
  for (int number = 1; number < static_cast<int>(Mutant::count); ++number) {
    const auto mutant = static_cast<Mutant>(number);
    const std::string name(name_of(mutant));
    const auto found = search(seed, histories, mutant);
    const std::uint64_t needed = found ? found->seed - seed + 1 : histories;
    if (found)
      std::printf("mutant %2d %-36s found after %llu histories: %s\n", number, name.c_str(),
                  static_cast<unsigned long long>(needed), found->violation.invariant.c_str());
    else
      std::printf("mutant %2d %-36s NOT found in %llu histories\n", number, name.c_str(),
                  static_cast<unsigned long long>(histories));
    missed += !found;
    if (needed > most) {
      most = needed;
      rarest = name_of(mutant);
    }
    std::fflush(stdout);
  }
  std::printf("%d of %d found; the rarest, %s, after %llu histories\n", static_cast<int>(Mutant::count) - 1 - missed,
              static_cast<int>(Mutant::count) - 1, std::string(rarest).c_str(), static_cast<unsigned long long>(most));
  return missed == 0 ? 0 : 1;
}

// A provider that refuses everybody, and one whose growers leave: at three intervals, and at one when more comes together.
int try_breaker(std::uint64_t seed) {
  using std::chrono::hours;
  int broken = 0;
  const auto tell_row = [&](const MassOutcome& outcome) {
    broken += !outcome.is_as_promised;
    std::printf("%s%s\n", outcome.row.c_str(), outcome.is_as_promised ? "" : " - NOT AS PROMISED");
    std::fflush(stdout);
  };
  constexpr std::pair<milliseconds, milliseconds> kRows[] = {
      {seconds(10), hours(1)}, {hours(1), hours(6)}, {hours(6), hours(24)}};
  for (const auto& [interval, lasts] : kRows) tell_row(refuse_all(interval, lasts, Trial::plain, seed));
  tell_row(refuse_all(hours(1), hours(6), Trial::outage, seed));
  for (const Trial trial : {Trial::flapping, Trial::killed}) tell_row(refuse_all(hours(6), hours(6), trial, seed));
  for (const auto& [interval, lasts] : kRows) tell_row(revoke_some(interval, 100, seed));
  tell_row(revoke_some(hours(1), 10, seed));
  tell_row(kill_while_opening(seed));
  return broken == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t histories = 20'000, seed = 1;
  int fault = 0;
  bool faults = false, trace = false, breaker = false, tables = false;
  CLI::App app("Runs Granary's operations on a simulated clock, store and network, and judges them.");
  app.add_option("--histories", histories, "how many")->check(CLI::PositiveNumber);
  app.add_option("--seed", seed, "of the first; each history has the next one");
  app.add_option("--fault", fault, "with this mutant, by number")->check(CLI::Range(0, static_cast<int>(Mutant::count) - 1));
  app.add_flag("--faults", faults, "each mutant in turn; every one must be found");
  app.add_flag("--trace", trace, "tells one history, the seed's, line by line");
  app.add_flag("--breaker", breaker, "five thousand growers of one provider: all refused at once, or some revoked");
  app.add_flag("--tables", tables, "prints the tables of the heart, as Markdown");
  CLI11_PARSE(app, argc, argv);
  if (tables) {
    std::fputs(tables_as_markdown().c_str(), stdout);
    return 0;
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  if (trace) {
    const Outcome outcome = run_history(make_plan(seed), static_cast<Mutant>(fault), true);
    for (const auto& line : outcome.trace) std::printf("%s\n", line.c_str());
    if (outcome.violation) std::printf("%s: %s\n", outcome.violation->invariant.c_str(), outcome.violation->what.c_str());
    return outcome.violation ? 1 : 0;
  }
  if (breaker) return try_breaker(seed);
  if (faults) return try_mutants(seed, histories);
  const auto found = search(seed, histories, static_cast<Mutant>(fault));
  if (found) {
    tell(*found, static_cast<Mutant>(fault));
    return 1;
  }
  std::printf("%llu histories, no invariant broken\n", static_cast<unsigned long long>(histories));
  return 0;
}
