#include "sandbox/dress.hpp"

#include <zlib.h>

#include "base/encoding.hpp"
#include "base/json.hpp"

namespace granary::sandbox {

namespace {

constexpr int kGzip = 31, kZlib = 15;

void compress_as(http::Response& response, int window) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
  std::string out(deflateBound(&stream, static_cast<uLong>(response.body.size())) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(response.body.data());
  stream.avail_in = static_cast<uInt>(response.body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  response.body = std::move(out);
}

bool is_object(const http::Response& response) { return response.body.starts_with('{') && response.body.size() > 2; }

// Puts members into a body that is an object.
void put_in(http::Response& response, std::size_t at, std::string_view members) {
  if (is_object(response)) response.body.insert(at, members);
}

}  // namespace

void compress_unnamed(http::Response& response) { compress_as(response, kGzip); }

void compress_misnamed(http::Response& response) {
  compress_as(response, kZlib);
  response.headers.emplace_back("Content-Encoding", "br");
}

void encode_as_form(http::Response& response) {
  const auto json = Json::parse(response.body);
  if (!json || !json->object()) return;
  std::string form;
  for (const auto& [name, value] : *json->object()) {
    if (!value.string() && !value.is_number()) continue;
    const std::string text = value.string() ? *value.string() : value.dump();
    form += (form.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(text);
  }
  response.body = std::move(form);
  response.content_type = "application/x-www-form-urlencoded";
}

void call_it_html(http::Response& response) { response.content_type = "text/html; charset=utf-8"; }

void damage(http::Response& response) {
  if (is_object(response)) put_in(response, response.body.size() - 1, ",\"owner\":\"Gen\xE8ve \\ud83d\"");
}

void repeat_keys(http::Response& response) {
  const auto json = Json::parse(response.body);
  if (!json || !json->object()) return;
  std::string before = "{";
  for (const auto& [name, value] : *json->object()) {
    append_json_string(before, name);
    before += ":\"a-value-of-before\",";
  }
  if (is_object(response)) response.body.replace(0, 1, before);
}

void add_guard(http::Response& response) { response.body = ")]}',\n" + response.body + "\n<!-- node 7 -->"; }

void fail_with_it(http::Response& response) { response.status = 500; }

void add_error(http::Response& response) { put_in(response, 1, "\"error\":\"server_error\","); }

void rename_tokens(http::Response& response) {
  for (std::size_t at = response.body.find("_token\""); at != std::string::npos; at = response.body.find("_token\"", at))
    response.body.replace(at, 6, "Secret");
}

}  // namespace granary::sandbox
