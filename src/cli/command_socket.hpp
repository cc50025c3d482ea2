// How a command reaches a server that runs: a socket in the data folder, for this user only. One JSON object a line, one
// answer a line.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "base/task.hpp"

namespace granary::cli {

inline constexpr std::size_t kCommandBytesMax = 64 * 1024;
inline constexpr std::size_t kAnswerBytesMax = 1024 * 1024;

// Serves commands on a context's thread.
class CommandSocket {
 public:
  using Run = std::function<Task<Json>(Json request)>;

  // Throws StartRefused.
  CommandSocket(asio::io_context& context, const std::string& folder, Run run);
  ~CommandSocket();
  CommandSocket(const CommandSocket&) = delete;
  CommandSocket& operator=(const CommandSocket&) = delete;
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The server's answer; nullopt when none listens. Throws StartRefused, and sends nothing, when it is another user's.
std::optional<Json> ask_server(const std::string& folder, const Json& request);

}  // namespace granary::cli
