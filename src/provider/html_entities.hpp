// The characters that have a name in HTML 4, and `apos` of XML: what PHP's htmlentities writes, and most others less of.
#pragma once

#include <optional>
#include <string_view>

namespace granary {

// Of a name without its `&` and `;`, in the case in which it is written.
std::optional<char32_t> html_entity(std::string_view name);

}  // namespace granary
