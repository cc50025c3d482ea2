// Preloaded into the server by tests/test_old_folder.py: lets it believe that it is another day. Adds GRANARY_CLOCK_SHIFT
// seconds to the wall clock, and nothing to the clocks that measure how much time has passed.
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#include <cstdlib>

namespace {

time_t shift() {
  static const time_t seconds = getenv("GRANARY_CLOCK_SHIFT") ? atol(getenv("GRANARY_CLOCK_SHIFT")) : 0;
  return seconds;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, struct timespec* now) {
  static const auto real = reinterpret_cast<int (*)(clockid_t, struct timespec*)>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return result;
}

int gettimeofday(struct timeval* now, void*) {
  struct timespec time{};
  const int result = clock_gettime(CLOCK_REALTIME, &time);
  if (result == 0) *now = {.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
  return result;
}

time_t time(time_t* out) {
  struct timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
}
