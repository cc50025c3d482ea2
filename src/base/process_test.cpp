// What a process settles at its start, in a child of this one each: the settings are the whole process's.
#include "base/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

namespace granary {

namespace {

// How a child ended that ran this: its exit code, or minus the signal.
int run_in_child(const std::function<int()>& run) {
  const pid_t child = fork();
  if (child == 0) _exit(run());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(ProcessTest, SignalsThatTellSomethingEndNothing) {
  for (const int number : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2}) {
    const auto raised = [&] {
      std::signal(number, SIG_DFL);
      settle_process();
      raise(number);
      return 7;
    };
    EXPECT_EQ(run_in_child(raised), 7) << strsignal(number);
  }
}

TEST(ProcessTest, AHangupWaitsForWhoeverHandlesIt) {
  const auto unhandled = [] {
    std::signal(SIGHUP, SIG_DFL);
    settle_process();
    raise(SIGHUP);
    return 7;
  };
  EXPECT_EQ(run_in_child(unhandled), 7);
  EXPECT_EQ(run_in_child([&] {
              unhandled();
              release_hangup();
              return 8;
            }),
            -SIGHUP);
  EXPECT_EQ(run_in_child([&] {
              unhandled();
              std::signal(SIGHUP, [](int) { _exit(9); });
              release_hangup();
              return 8;
            }),
            9);
}

TEST(ProcessTest, KnowsNohup) {
  EXPECT_EQ(run_in_child([] {
              std::signal(SIGHUP, SIG_DFL);
              if (is_hangup_ignored()) return 1;
              std::signal(SIGHUP, SIG_IGN);
              return is_hangup_ignored() ? 7 : 2;
            }),
            7);
}

TEST(ProcessTest, ClosedStandardDescriptorsAreTakenAndTakeNothing) {
  for (unsigned closed = 0; closed < 8; ++closed) {
    const auto started = [&] {
      for (const int descriptor : {0, 1, 2})
        if ((closed & (1U << descriptor)) != 0) close(descriptor);
      settle_process();
      if (open("/dev/null", O_RDWR | O_CLOEXEC) <= 2) return 1;
      char byte = 0;
      for (const int descriptor : {0, 1, 2}) {
        if ((closed & (1U << descriptor)) == 0) continue;
        const ssize_t done = descriptor == 0 ? read(0, &byte, 1) : write(descriptor, &byte, 1);
        if (done != -1 || errno != EBADF) return 2;
      }
      return 7;
    };
    EXPECT_EQ(run_in_child(started), 7) << closed;
  }
}

TEST(ProcessTest, WhatIsMadeIsForThisUserAlone) {
  EXPECT_EQ(run_in_child([] {
              umask(0);
              settle_process();
              return umask(0) == 077 ? 7 : 1;
            }),
            7);
}

}  // namespace

}  // namespace granary
