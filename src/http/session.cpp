#include "http/session.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>

#include "base/plaintext.hpp"
#include "http/client_address.hpp"
#include "http/limits.hpp"
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

// A connection keeps its buffers for the next request, but not what one large head, body or page needed.
void keep_small(std::string& buffer) {
  constexpr std::size_t kKept = 8 * 1024;
  if (buffer.capacity() > kKept) buffer = std::string();
}

void clear(Request& request) {
  request.defect = Defect::none;
  for (std::string* text : {&request.method, &request.path, &request.query, &request.authorization, &request.content_type,
                            &request.body, &request.forwarded}) {
    text->clear();
    keep_small(*text);
  }
  request.other_headers = {};
}

// A part of the memory for bodies, given back when it ends.
class MemoryShare {
 public:
  explicit MemoryShare(BodyMemory* memory) : memory_(memory) {}
  ~MemoryShare() { give_back(); }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;

  void begin(std::string payer) { payer_ = std::move(payer); }
  // False when there is no room for so many in all.
  bool grow_to(std::size_t bytes) {
    if (memory_ && !memory_->take(payer_, bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }
  void give_back() {
    if (memory_) memory_->give_back(payer_, bytes_);
    bytes_ = 0;
  }

 private:
  BodyMemory* memory_;
  std::string payer_;
  std::size_t bytes_ = 0;
};

// The place among its client's connections of a request that a trusted proxy forwards.
class ForwardedPlace {
 public:
  ForwardedPlace(ConnectionLimits* limits, const std::string& client)
      : limits_(limits),
        network_(limits ? network_of(client) : std::string()),
        is_held_(!limits || limits->enter_forwarded(network_)) {}
  ~ForwardedPlace() {
    if (limits_ && is_held_) limits_->leave_forwarded(network_);
  }
  ForwardedPlace(const ForwardedPlace&) = delete;
  ForwardedPlace& operator=(const ForwardedPlace&) = delete;
  bool is_held() const { return is_held_; }

 private:
  ConnectionLimits* limits_;
  std::string network_;
  bool is_held_;
};

template <class Stream>
class Session final : public BodyReader {
 public:
  Session(Stream& stream, std::string peer, SessionContext context)
      : stream_(stream),
        peer_(std::move(peer)),
        context_(context),
        is_proxy_(context.options.proxies.contains(peer_)),
        body_share_(context.options.body_memory) {}
  // A request that did not come to its end may have held a login.
  ~Session() override {
    wipe(request_.body);
    wipe(request_.authorization);
    wipe(buffer_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<> run() {
    bool going = true;
    while (going && !context_.stopping) {
      going = co_await serve_one();
      // The next request is here already: the others of this thread come first.
      if (going && begin_ < end_) co_await asio::post(kQuiet);
    }
  }

  Task<> refuse(const Response& response) {
    write_head_and_body(out_, response, "GET", false);
    if (co_await write()) co_await linger();
  }

  bool has_body() const override { return !parser_->is_done(); }

  Task<BodyEnd> read(std::size_t bytes_max, std::string payer) override {
    context_.enter(Connection::Phase::reading_body);
    context_.set_deadline(kBodyTimeout);
    body_share_.begin(std::move(payer));
    const BodyEnd end = co_await read_body(bytes_max);
    is_abandoned_ = end == BodyEnd::abandoned;
    is_whole_ = end == BodyEnd::whole;
    enter_answering();
    co_return end;
  }

 private:
  void enter_answering() {
    context_.enter(Connection::Phase::answering);
    context_.connection->deadline = std::chrono::steady_clock::time_point::max();  // the handler keeps its own time
  }

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

  // False when the connection has ended.
  Task<bool> receive() {
    const auto [error, size] = co_await stream_.async_read_some(room(), kQuiet);
    end_ += size;
    co_return !error && size > 0;
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
    context_.enter(Connection::Phase::writing);
    context_.set_deadline(kWriteTimeout);
    const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(out_) + sent, kQuiet);
    co_return !error;
  }

  // Gives the parser what has come: the head alone, and later what belongs to the body. What is wrong with it.
  Defect parse() {
    const bool is_head = !parser_->is_header_done();
    parser_->eager(!is_head);
    while (begin_ < end_ && !parser_->is_done()) {
      error_code error;
      const std::size_t taken = parser_->put(asio::buffer(buffer_.data() + begin_, end_ - begin_), error);
      begin_ += taken;
      taken_ += taken;
      if (error == beast_http::error::need_more || (!error && taken == 0)) break;
      if (error == beast_http::error::header_limit) return Defect::head_too_large;
      if (error) return Defect::malformed;
      if (is_head && parser_->is_header_done()) break;
    }
    // Everything but the body itself: the head, sizes and extensions of chunks, trailers. What the parser has not taken yet is
    // the beginning of a line that is not whole.
    const bool is_in_line = !parser_->is_done() && (is_head == !parser_->is_header_done());
    const std::size_t framing = taken_ - request_.body.size() + (is_in_line ? end_ - begin_ : 0);
    if (framing <= kHeadBytesMax) return Defect::none;
    return is_head ? Defect::head_too_large : Defect::malformed;
  }

  // Reads until the head is whole, or known to be wrong. False when the connection ended before.
  Task<bool> read_head() {
    clear(request_);
    request_.peer = peer_;
    parser_.emplace(request_, context_.options.proxies.header, context_.options.unknown_headers);
    taken_ = 0;
    is_abandoned_ = is_whole_ = false;
    bool has_begun = begin_ < end_;
    context_.set_deadline(has_begun ? kHeadTimeout : kIdleTimeout);
    while (true) {
      request_.defect = parse();
      if (request_.defect != Defect::none) co_return true;
      if (parser_->is_header_done()) break;
      if (!co_await receive()) co_return false;
      if (!std::exchange(has_begun, true)) context_.set_deadline(kHeadTimeout);
    }
    if (parser_->is_ambiguous()) request_.defect = Defect::malformed;
    is_whole_ = request_.defect == Defect::none && parser_->is_done();
    if (is_proxy_) request_.peer = client_address(context_.options.proxies, peer_, request_.forwarded);
    co_return true;
  }

  // Room for what has come, in steps, so that what is announced takes no memory before it comes. `most` is the longest that the
  // body can be.
  bool make_room(std::size_t most) {
    const std::size_t needed = request_.body.size() + (end_ - begin_);
    if (needed <= body_reserved_) return true;
    constexpr std::size_t kFirst = 4096;
    const std::size_t ahead = std::min(std::max(2 * body_reserved_, kFirst), most);
    for (const std::size_t reserved : {std::max(ahead, needed), needed}) {
      // A body that is no longer than what a connection reads at once anyway, as that of a login, takes no share: it is always
      // read.
      if (!body_share_.grow_to(reserved - std::min(reserved, kFirst))) continue;
      request_.body.reserve(reserved);
      body_reserved_ = reserved;
      return true;
    }
    return false;
  }

  Task<BodyEnd> read_body(std::size_t bytes_max) {
    const auto announced = parser_->content_length();
    if (announced && *announced > bytes_max) co_return BodyEnd::too_large;
    const std::size_t most = announced ? static_cast<std::size_t>(*announced) : bytes_max;
    bool may_continue = parser_->asks_to_continue();
    body_reserved_ = 0;
    while (true) {
      if (!make_room(most)) co_return BodyEnd::no_room;
      if (parse() != Defect::none) co_return BodyEnd::malformed;
      if (request_.body.size() > bytes_max) co_return BodyEnd::too_large;
      if (parser_->is_done()) co_return BodyEnd::whole;
      if (std::exchange(may_continue, false)) {
        out_ = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!co_await write()) co_return BodyEnd::abandoned;
        context_.enter(Connection::Phase::reading_body);
        context_.set_deadline(kBodyTimeout);
      }
      if (!co_await receive()) co_return BodyEnd::abandoned;
    }
  }

  Task<Response> answer() {
    if (!is_proxy_) co_return co_await context_.handler(request_, *this);
    const ForwardedPlace place(context_.options.limits, request_.peer);
    if (!place.is_held()) co_return context_.options.too_many();
    co_return co_await context_.handler(request_, *this);
  }

  // False when the connection is to be closed.
  Task<bool> serve_one() {
    context_.enter(Connection::Phase::waiting);
    if (!co_await read_head()) co_return false;
    enter_answering();
    Response response = co_await answer();
    const bool had_body = !request_.body.empty();
    wipe(request_.body);
    wipe(request_.authorization);
    keep_small(request_.body);
    body_share_.give_back();
    if (is_abandoned_) co_return false;
    const bool keep_alive = is_whole_ && parser_->keep_alive() && !parser_->is_chunked_in_http_1_0() && !context_.stopping;
    write_head_and_body(out_, response, request_.method, keep_alive);
    if (response.is_secret) wipe(response.body);
    if (response.delivery != Delivery::whole) {
      co_await misbehave(stream_, response.delivery, out_, context_);
      co_return false;
    }
    const bool written = co_await write();
    if (response.is_secret) wipe(out_);
    keep_small(out_);
    if (had_body) wipe(buffer_.data(), begin_);  // it may have held a login
    if (begin_ == end_) begin_ = end_ = 0;
    if (written && !is_whole_) co_await linger();
    if (end_ == 0) keep_small(buffer_);
    co_return (written && keep_alive);
  }

  // Closing while the client still sends would destroy the response on its way: take in some of the rest, for a moment.
  Task<> linger() {
    context_.set_deadline(kLingerTimeout);
    error_code ignored;
    stream_.lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    std::size_t taken = end_ - begin_;
    buffer_.resize(std::max(buffer_.size(), kReadBytes));
    while (taken < kDroppedBytesMax) {
      const auto [error, size] = co_await stream_.async_read_some(asio::buffer(buffer_.data(), kReadBytes), kQuiet);
      if (error || size == 0) break;
      taken += size;
    }
  }

  static constexpr std::size_t kReadBytes = 4096;

  Stream& stream_;
  const std::string peer_;
  SessionContext context_;
  const bool is_proxy_;
  Request request_;  // kept from one to the next, for its strings' memory
  std::optional<RequestParser> parser_;
  std::size_t taken_ = 0;  // bytes of the request that the parser has taken
  MemoryShare body_share_;
  std::size_t body_reserved_ = 0;
  bool is_whole_ = false;      // the request was read to its end
  bool is_abandoned_ = false;  // the connection ended within it
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // unread bytes of buffer_
  std::string out_;
};

// Runs `use(session)` over plain TCP or TLS, and ends TLS in order.
template <class Use>
Task<> with_session(Socket& socket, std::string peer, SessionContext context, Use use) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  if (!context.options.tls) {
    Session<Socket> session(socket, std::move(peer), context);
    co_await use(session);
    co_return;
  }
  const auto certificate = context.options.tls->current();
  asio::ssl::stream<Socket&> stream(socket, *certificate);
  const auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::server, kQuiet);
  if (failed) co_return;
  {
    Session<asio::ssl::stream<Socket&>> session(stream, std::move(peer), context);
    co_await use(session);
  }
  context.set_deadline(kLingerTimeout);
  co_await stream.async_shutdown(kQuiet);
}

}  // namespace

Task<> serve_connection(Socket& socket, std::string peer, SessionContext context) {
  context.set_deadline(kHeadTimeout);
  co_await with_session(socket, std::move(peer), context, [](auto& session) { return session.run(); });
}

Task<> refuse_connection(Socket& socket, SessionContext context) {
  context.set_deadline(kLingerTimeout);
  context.enter(Connection::Phase::answering);
  const Response response = context.options.too_many();
  co_await with_session(socket, {}, context, [&response](auto& session) { return session.refuse(response); });
}

}  // namespace granary::http
