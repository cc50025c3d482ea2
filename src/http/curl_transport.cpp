#include "http/curl_transport.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <stdexcept>
#include <unordered_map>

#include "base/encoding.hpp"
#include "base/plaintext.hpp"

namespace granary::http {

namespace {

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
using boost::system::error_code;

constexpr const char* kSystemCaFile = "/etc/ssl/certs/ca-certificates.crt";
constexpr long kIdleConnectionsMax = 256;
// A deadline that is noticed so late was missed because this process stood still. The answer may have come meanwhile, and gets
// a moment to be read.
constexpr milliseconds kStoodStill{100};
constexpr seconds kToBeRead{1};

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

// One running exchange; lives until its coroutine has taken the result.
struct Transfer {
  std::unique_ptr<CURL, Deleter<curl_easy_cleanup>> easy;
  std::unique_ptr<curl_slist, Deleter<curl_slist_free_all>> headers;
  OutboundRequest request;
  Exchange result;
  std::size_t head_bytes = 0, body_given = 0;
  std::optional<long> bytes_before;  // sent before the request itself: what a proxy was asked for a connection
  bool was_blocked = false;
  bool is_head_whole = false;
  bool is_too_large = false;
  const EgressGuard* guard = nullptr;
  bool uses_proxy = false;
  std::optional<Timer> timer;
  SteadyTime ends_at;
  bool stood_still = false;
  bool is_late = false;
  std::move_only_function<void()> resume;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.result.body.size() + size > kAnswerBytesMax) {
    transfer.is_too_large = true;
    return 0;  // libcurl then ends the transfer
  }
  transfer.result.body.append(data, size);
  return size;
}

// The body is read from us, and cannot be read twice: so libcurl cannot repeat a request by itself when a connection that
// it used before dies under it.
std::size_t give_body(char* data, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view rest = std::string_view(transfer.request.body).substr(transfer.body_given);
  const std::size_t given = std::min(rest.size(), size * count);
  std::copy_n(rest.data(), given, data);
  transfer.body_given += given;
  return given;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.head_bytes += size;
  if (transfer.head_bytes > kAnswerHeadBytesMax) {
    transfer.is_too_large = true;
    return 0;
  }
  const std::string_view line = trim({data, size});
  if (line.starts_with("HTTP/")) {  // a new head: what came before was an interim one
    transfer.result.headers.clear();
    transfer.is_head_whole = false;
    return size;
  }
  if (line.empty()) transfer.is_head_whole = true;
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string value(trim(line.substr(colon + 1)));
  std::erase_if(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  transfer.result.headers.emplace_back(trim(line.substr(0, colon)), std::move(value));
  return size;
}

SteadyTime time_now() { return std::chrono::time_point_cast<SteadyTime::duration>(std::chrono::steady_clock::now()); }

long bytes_sent(CURL* easy) {
  long bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
  return bytes;
}

// Whether the peer may have seen some of the request.
bool has_left(const Transfer& transfer) {
  return transfer.bytes_before && bytes_sent(transfer.easy.get()) > *transfer.bytes_before;
}

// The connection is there, through a proxy's tunnel and TLS, and the request leaves next. But connected while the process stood
// still: what has not left by its deadline does not leave.
int begin_request(void* context, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!transfer.bytes_before) transfer.bytes_before = bytes_sent(transfer.easy.get());
  transfer.is_late = time_now() >= transfer.request.deadline;
  return transfer.is_late ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(context);
  const bool is_encrypted = transfer.request.url.starts_with("https:");
  if (!transfer.uses_proxy && !transfer.guard->permits(&address->addr, is_encrypted)) {
    transfer.was_blocked = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

ExchangeFailure failure_of(CURLcode code, const Transfer& transfer) {
  if (transfer.is_too_large) return ExchangeFailure::too_large;
  if (code == CURLE_OPERATION_TIMEDOUT || transfer.is_late) return ExchangeFailure::timeout;
  if (transfer.result.status != 0) return ExchangeFailure::cut;
  // Of a name with several addresses one may be refused, and another one asked.
  if (transfer.was_blocked) return ExchangeFailure::blocked;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return ExchangeFailure::unresolved;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return ExchangeFailure::tls;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // something answered, not in HTTP; before the request, a proxy
      return transfer.result.was_sent ? ExchangeFailure::cut : ExchangeFailure::unreachable;
    default: return ExchangeFailure::unreachable;
  }
}

// 407 is said by proxies alone: over plain http it stands where the provider's answer would.
bool is_proxys_refusal(const Transfer& transfer) {
  return transfer.uses_proxy && transfer.result.status == 407 && transfer.request.url.starts_with("http:");
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code != CURLE_OK) throw std::runtime_error(std::string("libcurl: ") + curl_easy_strerror(code));
}

}  // namespace

std::string_view Exchange::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return {};
}

// libcurl's sockets sit in one epoll set, which is the one descriptor that Asio watches: libcurl may close a socket at
// any time and the kernel takes it out of the set.
struct CurlTransport::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, const EgressGuard& egress, TransportOptions transport_options)
      : executor(io.get_executor()),
        guard(egress),
        options(std::move(transport_options)),
        multi(curl_multi_init()),
        sockets(executor, epoll_create1(EPOLL_CLOEXEC)),
        timer(executor) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kIdleConnectionsMax);
  }
  ~State() {
    for (auto& [easy, transfer] : transfers) curl_multi_remove_handle(multi, easy);
    transfers.clear();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, nullptr);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, nullptr);
    curl_multi_cleanup(multi);
  }

  Executor executor;
  const EgressGuard& guard;
  TransportOptions options;
  CURLM* multi;
  Descriptor sockets;
  Timer timer;
  std::unordered_map<CURL*, Transfer*> transfers;
  bool is_watching = false;
  bool is_stopped = false;
  bool is_closing = false;  // what is under way ends, and nothing waits for more

  static int on_socket(CURL*, curl_socket_t fd, int what, void* context, void* known) {
    auto& state = *static_cast<State*>(context);
    if (what == CURL_POLL_REMOVE) {
      epoll_ctl(state.sockets.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
      return 0;
    }
    epoll_event event{};
    event.data.fd = fd;
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    const int operation = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(state.sockets.native_handle(), operation, fd, &event) != 0 && operation == EPOLL_CTL_ADD)
      epoll_ctl(state.sockets.native_handle(), EPOLL_CTL_MOD, fd, &event);
    curl_multi_assign(state.multi, fd, context);
    return 0;
  }

  static int on_timer(CURLM*, long wait_ms, void* context) {
    auto& state = *static_cast<State*>(context);
    if (wait_ms < 0) {
      state.timer.cancel();
      return 0;
    }
    state.timer.expires_after(milliseconds(wait_ms));
    state.timer.async_wait([weak = state.weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }

  void watch() {
    if (is_watching || is_stopped) return;
    is_watching = true;
    sockets.async_wait(Descriptor::wait_read, [weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (!self) return;
      self->is_watching = false;
      if (!error) self->drain();
      if (!self->transfers.empty()) self->watch();
    });
  }

  void drain() {
    std::array<epoll_event, 64> events{};
    const int count = epoll_wait(sockets.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      int action = 0;
      if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) action |= CURL_CSELECT_IN;
      if (event.events & EPOLLOUT) action |= CURL_CSELECT_OUT;
      if (event.events & EPOLLERR) action |= CURL_CSELECT_ERR;
      act(event.data.fd, action);
    }
  }

  void act(curl_socket_t fd, int action) {
    int running = 0;
    curl_multi_socket_action(multi, fd, action, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      finish(message->easy_handle, message->data.result);
    }
  }

  void finish(CURL* easy, CURLcode code) {
    Transfer& transfer = *transfers.at(easy);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.result.was_sent = has_left(transfer);
    if (transfer.result.was_sent) transfer.result.status = static_cast<int>(status);
    if (is_proxys_refusal(transfer)) transfer.result = {.failure = ExchangeFailure::unreachable};
    else if (code != CURLE_OK || transfer.is_too_large) transfer.result.failure = failure_of(code, transfer);
    else if (!transfer.is_head_whole)
      transfer.result.failure = ExchangeFailure::cut;  // libcurl takes its beginning for all of it
    end(easy, transfer);
  }

  // libcurl's own timeout would end a transfer before it reads what has come in time.
  void end_at(CURL* easy, Transfer& transfer, SteadyTime time) {
    transfer.ends_at = time;
    transfer.timer->expires_at(time);
    transfer.timer->async_wait([weak = weak_from_this(), easy](error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->expire(easy);
    });
  }

  void expire(CURL* easy) {
    const auto found = transfers.find(easy);
    const SteadyTime now = time_now();
    if (found == transfers.end() || now < found->second->ends_at) return;  // its time has come already, or is another's
    Transfer& transfer = *found->second;
    const bool may_have_come = now >= transfer.ends_at + kStoodStill && has_left(transfer) && !transfer.stood_still;
    if (!may_have_come) return finish(easy, CURLE_OPERATION_TIMEDOUT);
    transfer.stood_still = true;
    end_at(easy, transfer, now + kToBeRead);
  }

  void end(CURL* easy, Transfer& transfer) {
    curl_multi_remove_handle(multi, easy);
    transfers.erase(easy);
    asio::post(executor, std::move(transfer.resume));
    if (is_closing && transfers.empty()) cancel_waits();
  }

  // Nothing keeps the context running then.
  void cancel_waits() {
    timer.cancel();
    error_code ignored;
    sockets.cancel(ignored);
  }

  void prepare(Transfer& transfer) {
    CURL* easy = transfer.easy.get();
    const auto& request = transfer.request;
    transfer.guard = &guard;
    transfer.uses_proxy = !options.proxy.empty();
    set(easy, CURLOPT_URL, request.url.c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    // HTTP/1.1 only: over HTTP/2 libcurl repeats a request by itself when the peer refuses the stream.
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    if (!request.body.empty() || request.method != "GET") {
      set(easy, CURLOPT_POST, 1L);
      set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(easy, CURLOPT_READFUNCTION, give_body);
      set(easy, CURLOPT_READDATA, &transfer);
    }
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    list = curl_slist_append(list, "User-Agent: granary/" GRANARY_VERSION);
    for (const auto& [name, value] : request.headers) {
      std::string line = name + ": " + value;
      // A value may come from a provider's answer: none can begin a line of its own.
      std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
      list = curl_slist_append(list, line.c_str());
      wipe(line);
    }
    transfer.headers.reset(list);
    set(easy, CURLOPT_HTTPHEADER, list);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    set(easy, CURLOPT_CAINFO, options.ca_file.empty() ? kSystemCaFile : options.ca_file.c_str());
    set(easy, CURLOPT_PROXY, options.proxy.c_str());
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // the proxy's, not the provider's
    // Set either way: unset, the environment's NO_PROXY would send requests past the proxy, and so past the guard.
    set(easy, CURLOPT_NOPROXY, options.proxy.empty() ? "*" : "");
    if (request.fresh_connection) {
      set(easy, CURLOPT_FRESH_CONNECT, 1L);
      set(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    set(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, &transfer);
    set(easy, CURLOPT_PREREQFUNCTION, begin_request);
    set(easy, CURLOPT_PREREQDATA, &transfer);
    set(easy, CURLOPT_HEADERFUNCTION, take_header);
    set(easy, CURLOPT_HEADERDATA, &transfer);
    set(easy, CURLOPT_WRITEFUNCTION, take_body);
    set(easy, CURLOPT_WRITEDATA, &transfer);
  }
};

CurlTransport::CurlTransport(asio::io_context& context, const EgressGuard& guard, TransportOptions options)
    : state_(std::make_shared<State>(context, guard, std::move(options))) {}

CurlTransport::~CurlTransport() { stop(); }

Task<Exchange> CurlTransport::exchange(OutboundRequest request) {
  const auto state = state_;
  const bool is_too_late = request.deadline <= time_now();
  Transfer transfer;
  if (state->is_stopped || is_too_late) {
    transfer.result.failure = state->is_stopped ? ExchangeFailure::abandoned : ExchangeFailure::timeout;
    co_return std::move(transfer.result);
  }
  if (!state->options.proxy.empty() && !state->guard.permits_through_proxy(request.url)) {
    transfer.result.failure = ExchangeFailure::blocked;
    co_return std::move(transfer.result);
  }
  transfer.easy.reset(curl_easy_init());
  transfer.request = std::move(request);
  try {
    state->prepare(transfer);
  } catch (const std::exception&) {  // no memory: nothing was sent
    transfer.result.failure = ExchangeFailure::unreachable;
    co_return std::move(transfer.result);
  }
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
      [&](auto handler) {
        transfer.resume = std::move(handler);
        state->transfers.emplace(transfer.easy.get(), &transfer);
        transfer.timer.emplace(state->executor);
        state->end_at(transfer.easy.get(), transfer, transfer.request.deadline);
        curl_multi_add_handle(state->multi, transfer.easy.get());
        state->watch();
      },
      use_task);
  co_return std::move(transfer.result);
}

void CurlTransport::close_idle() {
  state_->is_closing = true;
  if (state_->transfers.empty()) state_->cancel_waits();
}

void CurlTransport::stop() {
  if (std::exchange(state_->is_stopped, true)) return;
  while (!state_->transfers.empty()) {
    const auto [easy, transfer] = *state_->transfers.begin();
    transfer->result.failure = ExchangeFailure::abandoned;
    transfer->result.was_sent = has_left(*transfer);
    state_->end(easy, *transfer);
  }
  state_->cancel_waits();
}

}  // namespace granary::http
