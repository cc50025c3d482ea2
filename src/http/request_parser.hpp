// Beast's HTTP/1.1 grammar, keeping of a request only what the server uses: no list of all headers is built.
#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include "http/message.hpp"

namespace granary::http {

class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  // Fills `request`, which must be empty. The values of the header `forwarded` (in lower case; empty: none) are kept, and those
  // whose names are in no standard where `unknown` says so.
  RequestParser(Request& request, std::string_view forwarded, UnknownHeaders unknown);

  // Forms of RFC 9112 that the grammar lets through and that two readers could understand in two ways. Once the head is done.
  bool is_ambiguous() const;
  // What follows on such a connection is not read: its sender may count bytes otherwise (RFC 9112, section 6.1).
  bool is_chunked_in_http_1_0() const { return version_ < 11 && codings_ > 0; }
  // A client of HTTP/1.0 knows no interim answer (RFC 9110, section 10.1.1).
  bool asks_to_continue() const { return is_header_done() && version_ >= 11 && expects_continue_; }

 private:
  using ErrorCode = boost::system::error_code;
  using Verb = boost::beast::http::verb;
  using Field = boost::beast::http::field;
  using Text = boost::beast::string_view;

  void on_request_impl(Verb, Text method, Text target, int version, ErrorCode&) override;
  void on_response_impl(int, Text, int, ErrorCode&) override {}
  void on_field_impl(Field name, Text name_text, Text value, ErrorCode&) override;
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(Text body, ErrorCode&) override;
  void on_chunk_header_impl(std::uint64_t, Text, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, ErrorCode& error) override { return on_body_impl(body, error); }
  void on_finish_impl(ErrorCode&) override {}

  Request& request_;
  std::string_view forwarded_;
  UnknownHeaders unknown_;
  int version_ = 0;
  int hosts_ = 0, lengths_ = 0, codings_ = 0, authorizations_ = 0;
  bool odd_coding_ = false;
  bool expects_continue_ = false;
};

}  // namespace granary::http
