// What text means apart from how it is written (Unicode Standard Annex 15).
#pragma once

#include <string>
#include <string_view>

namespace granary {

// One form for all spellings of a text: "e" with an accent after it is the letter with the accent. Text that is no UTF-8 comes
// back as it is.
std::string to_nfc(std::string_view text);

}  // namespace granary
