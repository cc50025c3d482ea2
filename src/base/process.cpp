#include "base/process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

namespace granary {

namespace {

// Opened the wrong way around, so that a read or a write says that nothing is there, and is not taken for one that worked.
void take_closed_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    const int taken = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (taken >= 0 && taken != descriptor) close(taken);  // the lowest free number is this one
  }
}

void mask_hangup(int how) {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(how, &hangup, nullptr);
}

}  // namespace

void settle_process() {
  mask_hangup(SIG_BLOCK);
  for (const int number : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2}) std::signal(number, SIG_IGN);
  take_closed_descriptors();
  umask(077);
}

void release_hangup() { mask_hangup(SIG_UNBLOCK); }

bool is_hangup_ignored() {
  struct sigaction action{};
  return sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace granary
