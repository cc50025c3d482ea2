// What differs between an event and the content that it repeats: a request id, a time, a counter. A text is cut into words and
// what stands between them. The text without its words is its shape; of two texts of one shape, only the words that differ are
// stored. There is no list of names of headers or members: whatever repeats is stored once, whatever changes is stored as a
// change.
#pragma once

#include "domain/event.hpp"

namespace granary {

// Changes of more bytes are no repetition: such an event becomes a content of its own.
inline constexpr std::size_t kChangesBytesMax = 4 * 1024;

// Finds contents that an event may repeat. Says nothing of the words: `{"a": 1}` and `{"b": "x"}` have different shapes, since
// one has quotes more; `{"a": 1}` and `{"b": 2}` have the same one.
std::string shape_of(const EventContent& content);

// The changes that turn the content into the event, packed. nullopt: the shape is another one, or they are not worth it.
std::optional<std::string> changes_between(const EventContent& content, const Event& event);

// The event, byte for byte. nullopt: the changes are not those of this content.
std::optional<Event> apply_changes(const EventContent& content, std::string_view changes, WallTime created);

}  // namespace granary
