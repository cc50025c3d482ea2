#include "cli/command_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "base/plaintext.hpp"

namespace granary::cli {

namespace {

using Protocol = asio::local::stream_protocol;
using Socket = asio::basic_stream_socket<Protocol, Executor>;
using Acceptor = asio::basic_socket_acceptor<Protocol, Executor>;
using boost::system::error_code;

constexpr auto kQuiet = asio::as_tuple(use_task);
constexpr timeval kClientTimeout{.tv_sec = 60, .tv_usec = 0};

// A socket's path has at most 107 bytes; through the descriptor of its folder any folder will do.
class SocketPath {
 public:
  explicit SocketPath(const std::string& folder) : text_(folder + "/granary.sock") {
    if (text_.size() < sizeof(sockaddr_un::sun_path)) return;
    folder_ = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    text_ = "/proc/self/fd/" + std::to_string(folder_) + "/granary.sock";
  }
  ~SocketPath() {
    if (folder_ >= 0) close(folder_);
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int folder_ = -1;
};

bool is_same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace

struct CommandSocket::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, const std::string& folder, Run command)
      : context(io), acceptor(io.get_executor()), path(folder), run(std::move(command)) {}

  asio::io_context& context;
  Acceptor acceptor;
  SocketPath path;
  Run run;
  std::set<Socket*> reading;  // sessions without a whole command: a stop ends them

  void spawn(Task<> task) {
    asio::co_spawn(context, std::move(task), [self = shared_from_this()](std::exception_ptr) {});
  }

  Task<> accept_loop() {
    while (acceptor.is_open()) {
      Socket socket(context.get_executor());
      const auto [error] = co_await acceptor.async_accept(socket, kQuiet);
      if (!error && is_same_user(socket.native_handle())) spawn(serve(std::move(socket)));
    }
  }

  Task<> serve(Socket socket) {
    std::string line;
    reading.insert(&socket);
    const auto [error, size] =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(line, kCommandBytesMax), '\n', kQuiet);
    reading.erase(&socket);
    if (error) co_return;
    auto request = Json::parse(std::string_view(line).substr(0, size));
    wipe(line);
    std::string answer;
    try {
      append_json(answer, co_await run(request ? std::move(*request) : Json()));
    } catch (const std::exception&) {
      answer = R"({"ok":false,"error":"the server cannot do this now; its log says why"})";
    }
    answer += '\n';
    co_await asio::async_write(socket, asio::buffer(answer), kQuiet);
  }
};

CommandSocket::CommandSocket(asio::io_context& context, const std::string& folder, Run run)
    : state_(std::make_shared<State>(context, folder, std::move(run))) {
  error_code error;
  unlink(state_->path.text().c_str());
  auto& acceptor = state_->acceptor;
  const mode_t mask = umask(0177);  // 0600 from the first moment
  acceptor.open(Protocol(), error);
  if (!error) acceptor.bind(Protocol::endpoint(state_->path.text()), error);
  if (!error) acceptor.listen(16, error);
  umask(mask);
  if (error) throw StartRefused("cannot make the command socket in " + folder + " (" + error.message() + ")");
  state_->spawn(state_->accept_loop());
}

CommandSocket::~CommandSocket() { unlink(state_->path.text().c_str()); }

void CommandSocket::stop() {
  error_code ignored;
  state_->acceptor.close(ignored);
  for (Socket* socket : state_->reading) socket->close(ignored);
}

std::optional<Json> ask_server(const std::string& folder, const Json& request) {
  const SocketPath path(folder);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.text().size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.text().c_str(), path.text().size() + 1);
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return std::nullopt;
  setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &kClientTimeout, sizeof kClientTimeout);
  setsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &kClientTimeout, sizeof kClientTimeout);
  std::optional<Json> answer;
  if (connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    std::string line = request.dump() + "\n";
    const bool sent = send(socket_fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
    wipe(line);
    std::string text;
    char block[4096];
    ssize_t size = 0;
    while (sent && text.size() < kAnswerBytesMax && (size = recv(socket_fd, block, sizeof block, 0)) > 0)
      text.append(block, static_cast<std::size_t>(size));
    answer = Json::parse(text);
  }
  close(socket_fd);
  return answer;
}

}  // namespace granary::cli
