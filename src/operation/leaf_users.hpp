// Leaf users: created, replaced, changed, found, listed, deleted, and their credentials linked and unlinked.
#pragma once

#include "base/error.hpp"
#include "base/task.hpp"
#include "domain/records.hpp"

namespace granary {

struct Parts;

// not_linkable.
Task<Result<LeafUser>> create_user(Parts& parts, OwnerId owner, const LeafUserChange& fields, const LinkChange& links);
// PUT sets every field and names every link; PATCH only some. not_found, not_linkable, invalid_field (no name left).
Task<Result<LeafUser>> change_user(Parts& parts, OwnerId owner, LeafUserId id, const LeafUserChange& change,
                                   const LinkChange& links);
Task<Result<LeafUser>> find_user(Parts& parts, OwnerId owner, LeafUserId id);
// The user with its credentials, keys and events, in one commit.
Task<Result<void>> delete_user(Parts& parts, OwnerId owner, LeafUserId id);
Task<Page<LeafUser>> list_users(Parts& parts, OwnerId owner, const UserFilter& filter, const std::vector<UserSort>& sort,
                                PageRequest page);

}  // namespace granary
