#include "http/request_parser.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace granary::http {

namespace {

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// http://host/path?query as a proxy would send it, or /path?query.
void split_target(std::string_view target, Request& request) {
  if (target.starts_with("http://") || target.starts_with("https://")) {
    const auto slash = target.find('/', target.find("://") + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const auto mark = target.find('?');
  request.path = target.substr(0, mark);
  request.query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
}

}  // namespace

RequestParser::RequestParser(Request& request, std::string_view forwarded, UnknownHeaders unknown)
    : request_(request), forwarded_(forwarded), unknown_(unknown) {
  header_limit(kHeadBytesMax);
  body_limit(boost::none);  // the session counts
}

bool RequestParser::is_ambiguous() const {
  return odd_coding_ || (codings_ > 0 && lengths_ > 0) || codings_ > 1 || lengths_ > 1 || authorizations_ > 1 ||
         (version_ >= 11 && hosts_ != 1);
}

void RequestParser::on_request_impl(Verb, Text method, Text target, int version, ErrorCode&) {
  request_.method = view(method);
  split_target(view(target), request_);
  version_ = version;
}

void RequestParser::on_field_impl(Field name, Text name_text, Text value, ErrorCode&) {
  if (is_header_done()) return;  // the trailer of a chunked body
  if (!forwarded_.empty() && equal_ignoring_case(view(name_text), forwarded_)) {
    if (!request_.forwarded.empty()) request_.forwarded += ',';
    request_.forwarded += view(value);
  }
  switch (name) {
    case Field::host: ++hosts_; break;
    case Field::content_length: ++lengths_; break;
    case Field::transfer_encoding:
      ++codings_;
      odd_coding_ = odd_coding_ || !equal_ignoring_case(view(value), "chunked");
      break;
    case Field::authorization:
      if (authorizations_++ == 0) request_.authorization = view(value);
      break;
    case Field::content_type:
      if (request_.content_type.empty()) request_.content_type = view(value);
      break;
    case Field::expect: expects_continue_ = equal_ignoring_case(view(value), "100-continue"); break;
    case Field::unknown:
      if (unknown_ == UnknownHeaders::kept) request_.other_headers.emplace_back(view(name_text), view(value));
      break;
    default: break;
  }
}

std::size_t RequestParser::on_body_impl(Text body, ErrorCode&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

}  // namespace granary::http
