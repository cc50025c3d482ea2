// A provider's own answer in another form: how real servers give it (docs/providers.md, "What is read of an answer"). The work is
// done.
#pragma once

#include <string>

#include "http/message.hpp"

namespace granary::sandbox {

using Dress = void (*)(http::Response& response);

void compress_unnamed(http::Response& response);   // gzip, and no header says so
void compress_misnamed(http::Response& response);  // zlib, called br
void encode_as_form(http::Response& response);     // of the members that are text and numbers
void call_it_html(http::Response& response);
void damage(http::Response& response);         // a byte of Latin-1 and half of a surrogate pair beside what counts
void repeat_keys(http::Response& response);    // each key has another value before
void add_guard(http::Response& response);      // a guard in front, a comment after
void fail_with_it(http::Response& response);   // 500, with all that is in it
void add_error(http::Response& response);      // beside `error`
void rename_tokens(http::Response& response);  // under names that nobody knows

}  // namespace granary::sandbox
