// What is to happen in a history, all of it drawn from one seed: what clients, growers and machines do, and when.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace granary::simulation {

struct Action {
  enum class Kind {
    // By clients.
    post,
    put,
    put_refused,
    put_again,        // what was sent last, or a token that the credential has had since
    put_twice,        // the same login, twice at once
    post_of_another,  // a token that another credential has, or has had
    put_of_another,
    remove,
    unlink,
    relink,
    check,
    // By a grower.
    revoke,
    // By machines.
    crash,
    pause,
    store_fails,
    provider_is_down,
    clock_jumps,
  };
  SteadyTime at;
  Kind kind = Kind::check;
  std::size_t slot = 0;
  std::int64_t number = 0;  // how long, how far

  std::string text() const;
};

struct Plan {
  std::uint64_t seed = 0;
  std::vector<Action> actions;
};

Plan make_plan(std::uint64_t seed);

// How long something happens; then it is calm.
inline constexpr seconds kEventful{480};
inline constexpr std::size_t kUsers = 2;

// In words, for people.
std::string_view name_of(Action::Kind kind);
// POST, or one of the PUTs.
bool is_connecting(Action::Kind kind);
bool is_put(Action::Kind kind);

}  // namespace granary::simulation
