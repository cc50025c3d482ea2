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

std::optional<uid_t> peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

bool is_same_user(int socket) {
  const auto peer = peer_of(socket);
  return peer && (*peer == geteuid() || *peer == 0);
}

// Before a password is sent: the server is this user's or root's, or, for root, of the user who has the folder.
void refuse_foreign_server(int socket, const std::string& folder) {
  if (is_same_user(socket)) return;
  const auto peer = peer_of(socket);
  struct stat info{};
  if (peer && geteuid() == 0 && stat(folder.c_str(), &info) == 0 && info.st_uid == *peer) return;
  throw StartRefused("what listens in " + folder + " is another user's (" + (peer ? std::to_string(*peer) : "unknown") +
                     "), so nothing was sent to it: run this as the user who runs the server");
}

// A socket that a dead server left is in the way; anything else is not ours to remove.
void remove_stale_socket(const std::string& path, const std::string& folder) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) throw StartRefused(folder + "/granary.sock is no socket: move it away");
  unlink(path.c_str());
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
  remove_stale_socket(state_->path.text(), folder);
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

namespace {

// A connection to the server's socket; closed when nobody listens.
class Connection {
 public:
  explicit Connection(const std::string& folder) {
    const SocketPath path(folder);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.text().size() >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path.text().c_str(), path.text().size() + 1);
    descriptor_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return;
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &kClientTimeout, sizeof kClientTimeout);
    setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &kClientTimeout, sizeof kClientTimeout);
    is_open_ = connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  int descriptor() const { return descriptor_; }
  bool is_open() const { return is_open_; }

 private:
  int descriptor_ = -1;
  bool is_open_ = false;
};

}  // namespace

std::optional<Json> ask_server(const std::string& folder, const Json& request) {
  const Connection server(folder);
  if (!server.is_open()) return std::nullopt;
  refuse_foreign_server(server.descriptor(), folder);
  std::string line = request.dump() + "\n";
  const bool sent = send(server.descriptor(), line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  wipe(line);
  std::string text;
  char block[4096];
  ssize_t size = 0;
  while (sent && text.size() < kAnswerBytesMax && (size = recv(server.descriptor(), block, sizeof block, 0)) > 0)
    text.append(block, static_cast<std::size_t>(size));
  return Json::parse(text);
}

}  // namespace granary::cli
