// What a Leaf user's credentials are asked for: connect (POST), reconnect (PUT), reveal (GET), disconnect (DELETE). Every
// one takes the owner first: another owner's user is not_found.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/task.hpp"
#include "domain/descriptor.hpp"
#include "domain/fields.hpp"
#include "domain/records.hpp"

namespace granary {

struct Parts;

// A credential with its fields in clear. Lives as long as one response takes.
struct Revealed {
  CredentialId id;
  const Provider* provider = nullptr;
  Status status = Status::ok;
  WallTime created;
  std::optional<Fields> fields;  // nullopt: the sealed fields do not open
};

// Stores the credential, asks the provider once, and answers with what came of it. not_found, already_exists,
// grant_in_use.
Task<Result<Revealed>> connect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider, Fields fields);

// Absent fields that the descriptor gives a value to.
void add_defaults(const Provider& provider, Fields& fields);

// Tries new fields in the place of the stored ones: never for the worse. not_found, refused, grant_in_use, another_account,
// provider_unavailable.
enum class Account : std::uint8_t { any, same };
Task<Result<Revealed>> reconnect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider, Fields fields,
                                 Account account);

// Never waits for a provider. not_found, seal_broken.
Task<Result<Revealed>> reveal(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider);

// Shows each user with every credential it has, in the order of the keys on the user object; those that do not open have no
// fields. Between the users of a long list the thread's other requests are served.
using ShowUser = std::function<void(const LeafUser& user, const std::vector<Revealed>& credentials)>;
Task<> reveal_all(Parts& parts, OwnerId owner, std::span<const LeafUser> users, const ShowUser& show);

// not_found.
Task<Result<void>> disconnect(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider);

}  // namespace granary
