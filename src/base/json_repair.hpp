// What a damaged JSON text would say were it whole: for answers of providers, whose tokens must not be lost to a stray byte.
#pragma once

#include <string>
#include <string_view>

namespace granary {

// The first object of the text, mended: what stands before and after it is gone, bytes that are no UTF-8 and halves of surrogate
// pairs become U+FFFD, control characters are escaped in strings and gone elsewhere. Empty where no object begins. A text that is
// whole comes back as it is, but for what stands around its object. UTF-16 with its mark is read, too.
std::string repair_json(std::string_view text);

// The value of the last member of that name that is a whole string, wherever it stands: for what is no JSON even then. Empty
// where there is none.
std::string find_string_in_damaged(std::string_view text, std::string_view name);

}  // namespace granary
