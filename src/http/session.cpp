#include "http/session.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>

#include "base/plaintext.hpp"
#include "http/misbehave.hpp"
#include "http/request_parser.hpp"

namespace granary::http {

namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;

constexpr auto kQuiet = asio::as_tuple(use_task);  // errors as values: a closed connection is no exception

std::string_view reason_phrase(int status) {
  const auto text = beast_http::obsolete_reason(static_cast<beast_http::status>(status));
  return {text.data(), text.size()};
}

// The Date header's value; made once a second by each thread.
const std::string& http_date() {
  thread_local std::string text;
  thread_local std::int64_t made_for = 0;
  const auto now = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  const std::int64_t second = to_micros(now) / 1'000'000;
  if (second != made_for) {
    made_for = second;
    text = format_http_date(now);
  }
  return text;
}

void append_number(std::string& out, std::size_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void write_head_and_body(std::string& out, const Response& response, std::string_view method, bool keep_alive) {
  out.clear();
  out.reserve(512 + response.body.size());
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\nDate: ";
  out += http_date();
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body) {
    if (!response.body.empty()) {
      out += "\r\nContent-Type: ";
      out += response.content_type;
    }
    out += "\r\nContent-Length: ";
    append_number(out, response.body.size());
  }
  out += response.fixed_headers;
  for (const auto& [name, value] : response.headers) {
    out += "\r\n";
    out += name;
    out += ": ";
    out += value;
  }
  if (!keep_alive) out += "\r\nConnection: close";
  out += "\r\n\r\n";
  if (has_body && method != "HEAD") out += response.body;
}

// A connection keeps its buffers for the next request, but not what one large body or page needed.
void keep_small(std::string& buffer) {
  constexpr std::size_t kKept = 16 * 1024;
  if (buffer.capacity() > kKept) buffer = std::string();
}

void clear(Request& request) {
  request.defect = Defect::none;
  for (std::string* text :
       {&request.method, &request.path, &request.query, &request.authorization, &request.content_type, &request.body}) {
    text->clear();
    keep_small(*text);
  }
  request.other_headers.clear();
}

template <class Stream>
class Session {
 public:
  Session(Stream& stream, std::string peer, SessionContext context) : stream_(stream), context_(context) {
    request_.peer = std::move(peer);
  }
  // A request that did not come to its end may have held a login.
  ~Session() {
    wipe(request_.body);
    wipe(request_.authorization);
    wipe(buffer_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<> run() {
    bool going = true;
    while (going && !context_.stopping) going = co_await serve_one();
  }

  Task<> refuse(const Response& response) {
    write_head_and_body(out_, response, "GET", false);
    co_await write();
  }

 private:
  void set_deadline(std::chrono::seconds wait) { context_.connection.deadline = std::chrono::steady_clock::now() + wait; }

  // Where the next bytes go.
  asio::mutable_buffer room() {
    if (buffer_.size() - end_ < kReadBytes) {
      buffer_.erase(0, begin_);
      end_ -= begin_;
      begin_ = 0;
      buffer_.resize(end_ + kReadBytes);
    }
    return {buffer_.data() + end_, buffer_.size() - end_};
  }

  // Sends `out_`. Nearly always the socket takes all of it at once, and there is nothing to wait for.
  // False when the connection has failed.
  Task<bool> write() {
    std::size_t sent = 0;
    if constexpr (std::is_same_v<Stream, Socket>) {
      error_code error;
      sent = stream_.send(asio::buffer(out_), 0, error);
      if (error && error != asio::error::would_block) co_return false;
    }
    if (sent == out_.size()) co_return true;
    set_deadline(kWriteTimeout);
    const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(out_) + sent, kQuiet);
    co_return !error;
  }

  // Reads one request. False when the connection ended before it was whole.
  Task<bool> read(Request& request, bool& keep_alive) {
    RequestParser parser(request);
    std::size_t head_bytes = 0;
    bool continued = false, begun = begin_ < end_;
    set_deadline(begun ? kHeadTimeout : kIdleTimeout);
    while (!parser.is_done()) {
      while (begin_ < end_ && !parser.is_done()) {
        // The head alone first: what a chunked body's trailer says is not part of it.
        const bool was_head = !parser.is_header_done();
        parser.eager(!was_head);
        error_code error;
        const std::size_t taken = parser.put(asio::buffer(buffer_.data() + begin_, end_ - begin_), error);
        begin_ += taken;
        if (was_head) head_bytes += taken;
        if (was_head && (parser.is_header_done() || error == beast_http::error::body_limit)) {
          set_deadline(kBodyTimeout);
          if (parser.is_ambiguous()) request.defect = Defect::malformed;
        }
        if (error == beast_http::error::need_more || (!error && taken == 0)) break;
        if (error && request.defect == Defect::none)
          request.defect = error == beast_http::error::body_limit ? Defect::body_too_large : Defect::malformed;
        if (head_bytes > kHeadBytesMax) request.defect = Defect::malformed;
        if (request.defect != Defect::none) co_return true;
      }
      if (parser.is_done()) break;
      if (!parser.is_header_done() && head_bytes + (end_ - begin_) > kHeadBytesMax) {
        request.defect = Defect::malformed;
        co_return true;
      }
      if (parser.asks_to_continue() && !std::exchange(continued, true)) {
        out_ = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!co_await write()) co_return false;
        set_deadline(kBodyTimeout);
      }
      const auto [error, size] = co_await stream_.async_read_some(room(), kQuiet);
      if (error || size == 0) co_return false;
      end_ += size;
      if (!std::exchange(begun, true)) set_deadline(kHeadTimeout);
    }
    keep_alive = parser.keep_alive();
    co_return true;
  }

  // False when the connection is to be closed.
  Task<bool> serve_one() {
    Request& request = request_;
    clear(request);
    bool keep_alive = false;
    context_.connection.is_reading = true;
    if (!co_await read(request, keep_alive)) co_return false;
    context_.connection.is_reading = false;
    context_.connection.deadline = std::chrono::steady_clock::time_point::max();  // the handler keeps its own time
    Response response = co_await context_.handler(request);
    keep_alive = keep_alive && request.defect == Defect::none && !context_.stopping;
    write_head_and_body(out_, response, request.method, keep_alive);
    if (response.is_secret) wipe(response.body);
    const bool had_body = !request.body.empty();
    wipe(request.body);
    wipe(request.authorization);
    if (response.delivery != Delivery::whole) {
      co_await misbehave(stream_, response.delivery, out_, context_.connection);
      co_return false;
    }
    const bool written = co_await write();
    if (response.is_secret) wipe(out_);
    keep_small(out_);
    if (had_body) wipe(buffer_.data(), begin_);  // it may have held a login
    if (begin_ == end_) begin_ = end_ = 0;
    if (written && request.defect != Defect::none) co_await linger();
    if (end_ == 0) keep_small(buffer_);
    co_return (written && keep_alive);
  }

  // Closing while the client still sends would destroy the response on its way: take in the rest for a moment.
  Task<> linger() {
    set_deadline(kLingerTimeout);
    error_code ignored;
    stream_.lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    std::size_t taken = 0;
    while (taken < 8 * kBodyBytesMax) {
      const auto [error, size] = co_await stream_.async_read_some(asio::buffer(buffer_.data(), buffer_.size()), kQuiet);
      if (error || size == 0) break;
      taken += size;
    }
  }

  static constexpr std::size_t kReadBytes = 4096;

  Stream& stream_;
  SessionContext context_;
  Request request_;  // kept from one to the next, for its strings' memory
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // unread bytes of buffer_
  std::string out_;
};

template <class Stream>
Task<> serve_stream(Stream& stream, std::string peer, bool over_limit, SessionContext context) {
  Session<Stream> session(stream, std::move(peer), context);
  if (over_limit) co_await session.refuse(context.options.too_many());
  else co_await session.run();
}

}  // namespace

Task<> serve_connection(Socket& socket, std::string peer, bool over_limit, SessionContext context) {
  // One over the limit gets its refusal, but not the time to sit on a place that there is not.
  context.connection.deadline = std::chrono::steady_clock::now() + (over_limit ? kLingerTimeout : kHeadTimeout);
  error_code ignored;
  socket.non_blocking(true, ignored);
  if (!context.options.tls) {
    co_await serve_stream(socket, std::move(peer), over_limit, context);
    co_return;
  }
  asio::ssl::stream<Socket&> stream(socket, *context.options.tls);
  const auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::server, kQuiet);
  if (failed) co_return;
  co_await serve_stream(stream, std::move(peer), over_limit, context);
  context.connection.deadline = std::chrono::steady_clock::now() + kLingerTimeout;
  co_await stream.async_shutdown(kQuiet);
}

}  // namespace granary::http
