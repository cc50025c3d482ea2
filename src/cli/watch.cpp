#include "cli/watch.hpp"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "base/error.hpp"
#include "cli/command_socket.hpp"
#include "cli/commands.hpp"

namespace granary::cli {

namespace {

constexpr int kPauseMs = 1000;

volatile std::sig_atomic_t is_ended = 0;

void end_at_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { is_ended = 1; };
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
}

// Asks for no event: what is left is that the reader is gone.
bool is_reader_gone(int wait_ms) {
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return poll(&out, 1, wait_ms) > 0;
}

}  // namespace

int watch_changes(const std::string& folder, Json request) {
  end_at_signals();
  while (is_ended == 0) {
    const auto answer = ask_server(folder, request);
    if (is_ended != 0) break;
    if (!answer && !request.find("after"))
      throw StartRefused("no server runs on " + folder + ", so nothing changes there: `granary history` shows what has");
    if (!answer) {
      std::fputs("granary: the server has ended\n", stderr);
      return 1;
    }
    if (const int failed = print_answer(request, *answer); failed != 0) return failed;
    if (std::fflush(stdout) != 0) break;
    const Json* last = answer->find("last");
    const bool has_moved = last && request.find("after") && *last != *request.find("after");
    request.set("after", last ? *last : Json());
    if (is_reader_gone(has_moved ? 0 : kPauseMs)) break;
  }
  return 0;
}

}  // namespace granary::cli
