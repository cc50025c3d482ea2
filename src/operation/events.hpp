// The log of what the provider answered for a credential, of the last 30 days.
#pragma once

#include <string>

#include "base/error.hpp"
#include "base/task.hpp"
#include "domain/descriptor.hpp"
#include "domain/event.hpp"
#include "domain/records.hpp"

namespace granary {

struct Parts;

struct ListedEvent {
  std::string id;
  Event event;
};

// not_found when there is no such credential.
Task<Result<Page<ListedEvent>>> list_events(Parts& parts, OwnerId owner, LeafUserId user, const Provider& provider,
                                            Direction direction, PageRequest page);

}  // namespace granary
