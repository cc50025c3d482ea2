#include "operation/leaf_users.hpp"

#include "check/check.hpp"
#include "operation/parts.hpp"

namespace granary {

namespace {

// What was OK when it was unlinked says so no longer where its provider has lost its address since: nobody could check it.
Task<> doubt_unconfigured(Parts& parts, OwnerId owner, LeafUserId user, const LinkChange& links) {
  for (const auto& [name, id] : links.link) {
    const Provider* provider = parts.catalog.find_short_name(name);
    const auto linked = co_await parts.store.find_summary(owner, user, name);
    const bool is_sure =
        !linked || linked->health.status != Status::ok || (provider && provider->is_configured(linked->environment));
    if (!is_sure) co_await run_on(parts.checks.executor, [&] { return check_now(parts.checks, {owner, id}); });
  }
}

}  // namespace

Task<Result<LeafUser>> create_user(Parts& parts, OwnerId owner, const LeafUserChange& fields, const LinkChange& links) {
  LeafUser user{.id = LeafUserId::random(parts.random),
                .owner = owner,
                .name = fields.name.value_or(std::nullopt),
                .email = fields.email.value_or(std::nullopt),
                .phone = fields.phone.value_or(std::nullopt),
                .address = fields.address.value_or(std::nullopt),
                .external_id = fields.external_id.value_or(std::nullopt),
                .created = parts.clock.now()};
  if (auto added = co_await parts.store.add_user(user, links); !added) co_return std::unexpected(added.error());
  co_await doubt_unconfigured(parts, owner, user.id, links);
  co_return user;
}

Task<Result<LeafUser>> change_user(Parts& parts, OwnerId owner, LeafUserId id, const LeafUserChange& change,
                                   const LinkChange& links) {
  auto changed = co_await parts.store.change_user(owner, id, change, links, parts.clock.now());
  if (changed) co_await doubt_unconfigured(parts, owner, id, links);
  co_return changed;
}

Task<Result<LeafUser>> find_user(Parts& parts, OwnerId owner, LeafUserId id) {
  auto user = co_await parts.store.find_user(owner, id);
  if (!user) co_return fail(ErrorCode::not_found);
  co_return std::move(*user);
}

Task<Result<void>> delete_user(Parts& parts, OwnerId owner, LeafUserId id) {
  if (co_await parts.store.delete_user(owner, id)) co_return Result<void>();
  co_return fail(ErrorCode::not_found);
}

Task<Page<LeafUser>> list_users(Parts& parts, OwnerId owner, const UserFilter& filter, const std::vector<UserSort>& sort,
                                PageRequest page) {
  co_return co_await parts.store.list_users(owner, filter, sort, page);
}

}  // namespace granary
